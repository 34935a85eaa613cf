"""A Windows DLL that holds no code, only the names of functions and where else they are to be found.

Rust's standard library takes its random numbers from `bcryptprimitives.dll`, which Wine has only since version 9;
without it cryptography, and so PyJWT, does not load. Wine 9's own passes the call on to the generator that
`advapi32.dll` exports, and a DLL can say that without a line of code: such an export is called a forwarder.

The file's form: Microsoft, "PE Format", sections "Optional Header", "Section Table" and "The .edata Section".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

# ProcessPrng(buffer, size) under the name that RtlGenRandom(buffer, size) is exported by.
BCRYPTPRIMITIVES = {"ProcessPrng": "advapi32.SystemFunction036"}

_ALIGNMENT = 0x1000  # of the section in memory; a page
_FILE_ALIGNMENT = 0x200  # the smallest that the format allows
_HEADERS_SIZE = 0x200


def forwarder_dll(name: str, targets: Mapping[str, str]) -> bytes:
    """A 64-bit DLL called `name` whose exports are `{function: "dll.function"}`."""
    exports = _export_table(name, targets, at=_ALIGNMENT)
    padded = exports.ljust(-(-len(exports) // _FILE_ALIGNMENT) * _FILE_ALIGNMENT, b"\0")
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    # AMD64; one section; 240 bytes of optional header; executable image, large addresses, DLL.
    file_header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x2022)
    standard = struct.pack("<HBBIIIII", 0x20B, 1, 0, 0, len(padded), 0, 0, _ALIGNMENT)
    image_base, image_size = 0x180000000, 2 * _ALIGNMENT
    versions = (6, 0, 0, 0, 6, 0, 0)
    # Windows GUI subsystem; dynamic base, and compatible with data execution prevention.
    windows = struct.pack(
        "<QII6HIIIIHH", image_base, _ALIGNMENT, _FILE_ALIGNMENT, *versions, image_size, _HEADERS_SIZE, 0, 2, 0x140
    )
    windows += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = struct.pack("<II", _ALIGNMENT, len(exports)).ljust(16 * 8, b"\0")
    # Initialized data, readable.
    section = struct.pack(
        "<8sIIIIIIHHI", b".edata", len(exports), _ALIGNMENT, len(padded), _HEADERS_SIZE, 0, 0, 0, 0, 0x40000040
    )
    headers = dos + file_header + standard + windows + directories + section
    return headers.ljust(_HEADERS_SIZE, b"\0") + padded


def _export_table(name: str, targets: Mapping[str, str], *, at: int) -> bytes:
    """The export directory, its three tables and their strings, for loading at the relative address `at`."""
    functions = sorted(targets)
    count = len(functions)
    tables = at + 40
    strings_at = tables + count * (4 + 4 + 2)
    strings = b""

    def put(text: str) -> int:
        nonlocal strings
        place = strings_at + len(strings)
        strings += text.encode("ascii") + b"\0"
        return place

    name_at = put(name)
    # An address inside the export directory itself means: look there, at this "dll.function".
    addresses = [put(targets[function]) for function in functions]
    names = [put(function) for function in functions]
    directory = struct.pack(
        "<IIHHIIIIIII", 0, 0, 0, 0, name_at, 1, count, count, tables, tables + 4 * count, tables + 8 * count
    )
    return directory + struct.pack(f"<{2 * count}I{count}H", *addresses, *names, *range(count)) + strings
