"""Frames of websockets, on every loop, take their masking keys from `masks`."""

from __future__ import annotations

from types import SimpleNamespace

from websockets import frames

from scenarios.clients.masks import masking_key


def share_masking_keys() -> None:
    """From now on in this process; the module asks `secrets` for four bytes a frame, and for nothing else."""
    vars(frames)["secrets"] = SimpleNamespace(token_bytes=masking_key)
