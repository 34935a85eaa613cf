"""`run.json` of a run folder, as far as it can be read: the store and the collector work without it, too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from attempts.printable import printable_throughout


def read_manifest(run: Path) -> dict[str, Any]:
    """What `run.json` says; empty, for unknown, if it is not there, cannot be read or is no JSON object.

    Its texts are printable: a folder may come from elsewhere, and what it says is shown on terminals.
    """
    try:
        manifest = msgspec.json.decode((run / "run.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return printable_throughout(manifest) if isinstance(manifest, dict) else {}


def write_manifest(run: Path, manifest: Mapping[str, Any]) -> None:
    """Replace `run.json` in one step: a reader, or a crash, never sees half of it.

    Raises:
        OSError: The disk refused.
    """
    temporary = run / "run.json.new"
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(run / "run.json")
