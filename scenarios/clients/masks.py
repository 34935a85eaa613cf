"""Masking keys of frames, drawn from the system's randomness a thousand at a time.

A key must be one that nobody can foresee (RFC 6455, sections 5.3 and 10.3), so it comes from `os.urandom`;
but a system call for every four bytes takes as long as everything else that masks a short frame.
"""

from __future__ import annotations

import os
from typing import Final

KEY_BYTES: Final = 4
_KEYS_A_DRAW: Final = 1024
# Of this process alone: a fork that happens with keys in it would have them twice, so it is filled when
# the first frame is sent, long after Locust has forked its `--processes`.
_keys: list[bytes] = []


def masking_key(size: int = KEY_BYTES) -> bytes:
    """The next key; `size` is what the libraries ask for, and they ask for nothing but four bytes."""
    if not _keys:
        drawn = os.urandom(KEY_BYTES * _KEYS_A_DRAW)
        _keys.extend(drawn[start : start + KEY_BYTES] for start in range(0, len(drawn), KEY_BYTES))
    return _keys.pop()
