"""Whole numbers at fixed places of a kernel's raw answer, which may be shorter than the newest header."""

from __future__ import annotations

import struct
from typing import NamedTuple

UNKNOWN_U32 = 0xFFFFFFFF


class Field(NamedTuple):
    """One member of a C structure.

    Attributes:
        offset: Bytes before it.
        layout: Its width and byte order, the machine's own.
    """

    offset: int
    layout: struct.Struct

    def of(self, raw: bytes) -> int | None:
        """Its value; None if the answer ends before it (an older kernel)."""
        if len(raw) < self.offset + self.layout.size:
            return None
        value: int = self.layout.unpack_from(raw, self.offset)[0]
        return value


def u8(offset: int) -> Field:
    """An 8-bit member."""
    return Field(offset, struct.Struct("=B"))


def u32(offset: int) -> Field:
    """A 32-bit member."""
    return Field(offset, struct.Struct("=I"))


def u64(offset: int) -> Field:
    """A 64-bit member."""
    return Field(offset, struct.Struct("=Q"))


def seconds(value: int | None, *, per_second: float) -> float | None:
    """A round trip in seconds; None for 0 and for all bits set, which mean that none was measured yet."""
    return value / per_second if value and value != UNKNOWN_U32 else None
