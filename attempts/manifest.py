"""`run.json` of a run folder, as far as it can be read: the store and the collector work without it, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


def read_manifest(run: Path) -> dict[str, Any]:
    """What `run.json` says; empty, for unknown, if it is not there, cannot be read or is no JSON object."""
    try:
        manifest = msgspec.json.decode((run / "run.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
