"""`run.json`: what a run says of itself. The one place that reads it for the analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from attempts.printable import printable_throughout

FILE_NAME: Final = "run.json"


class ManifestError(Exception):
    """It is there and says nothing; the text goes on after its name."""


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a run folder's `run.json` says, its texts printable: it may come from elsewhere. None = there is none.

    Raises:
        ManifestError: It cannot be read, or is no JSON object.
    """
    try:
        manifest = orjson.loads((folder / FILE_NAME).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise ManifestError(f"cannot be read ({error})") from None
    if not isinstance(manifest, dict):
        raise ManifestError("is no JSON object")
    said: dict[str, Any] = printable_throughout(manifest)
    return said
