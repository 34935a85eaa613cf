"""One number for one error, whichever call of which platform reported it."""

from __future__ import annotations

import errno
from typing import Final

# What the calls of Windows' completion ports fail with (winerror.h), where a plain socket call has the
# socket error of the same meaning; CPython gives most of them EINVAL for an errno.
_WINDOWS_ERRNO: Final = {
    64: errno.ECONNRESET,
    121: errno.ETIMEDOUT,
    1225: errno.ECONNREFUSED,
    1231: errno.ENETUNREACH,
    1232: errno.EHOSTUNREACH,
    1236: errno.ECONNABORTED,
}


def errno_of(error: OSError) -> int | None:
    """The number of an error as a plain socket call would have it; None = it has none."""
    return _WINDOWS_ERRNO.get(getattr(error, "winerror", None) or 0, error.errno)


_NO_WAY: Final = frozenset(
    getattr(errno, name)
    for name in ("ENETUNREACH", "ENETDOWN", "EAFNOSUPPORT", "EADDRNOTAVAIL")
    if hasattr(errno, name)
)


def is_without_a_way(error: OSError) -> bool:
    """Whether this machine has no way to addresses of that kind: it says nothing of whoever is there."""
    return errno_of(error) in _NO_WAY
