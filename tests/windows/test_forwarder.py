from __future__ import annotations

import struct

from windows.forwarder import BCRYPTPRIMITIVES, forwarder_dll


def at(image: bytes, address: int) -> int:
    """Where in the file a relative address of the only section is."""
    header: int = struct.unpack_from("<I", image, 0x3C)[0]
    section = header + 24 + 240
    virtual_address: int
    offset: int
    virtual_address, _, offset = struct.unpack_from("<III", image, section + 12)
    return address - virtual_address + offset


def text(image: bytes, address: int) -> str:
    place = at(image, address)
    return image[place : image.index(b"\0", place)].decode()


def exports(image: bytes) -> tuple[str, dict[str, str]]:
    """Name and forwarders of a DLL, read as a loader reads them: directory, names, ordinals, addresses."""
    header = struct.unpack_from("<I", image, 0x3C)[0]
    directory, size = struct.unpack_from("<II", image, header + 24 + 112)
    name, _, functions, names, *tables = struct.unpack_from("<7I", image, at(image, directory) + 12)
    addresses, name_pointers, ordinals = (at(image, table) for table in tables)
    found = {}
    for i in range(names):
        ordinal = struct.unpack_from("<H", image, ordinals + 2 * i)[0]
        assert ordinal < functions
        target = struct.unpack_from("<I", image, addresses + 4 * ordinal)[0]
        assert directory <= target < directory + size, "outside the directory it would be code"
        found[text(image, struct.unpack_from("<I", image, name_pointers + 4 * i)[0])] = text(image, target)
    return text(image, name), found


def test_a_forwarder_names_the_function_that_does_the_work() -> None:
    assert exports(forwarder_dll("bcryptprimitives.dll", BCRYPTPRIMITIVES)) == (
        "bcryptprimitives.dll",
        {"ProcessPrng": "advapi32.SystemFunction036"},
    )


def test_several_functions_each_keep_their_own_target() -> None:
    targets = {"B": "two.b", "A": "one.a", "C": "three.c"}
    assert exports(forwarder_dll("x.dll", targets)) == ("x.dll", targets)
