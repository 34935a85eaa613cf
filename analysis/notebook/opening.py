"""Opens runs by their folders: one, several together, all below a folder, or the newest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from analysis.notebook.errors import RunError
from analysis.notebook.run import Run
from analysis.runs.dataset import why_no_run
from attempts.printable import one_line

ROOT: Final = Path(__file__).parents[2]
# Names the run that is opened where none is named.
VARIABLE: Final = "WSOAK_RUN"
Folder = str | os.PathLike[str]


def open_run(folders: Folder | Sequence[Folder] | None = None) -> Run:
    """See `analysis.open_run`."""
    if folders is None:
        named = os.environ.get(VARIABLE)
        return Run([_checked(named) if named else _newest(ROOT / "reports")])
    given = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    if not given:
        raise RunError("No run was named: name at least one folder, for example reports/<run_id>.")
    return Run([_checked(folder) for folder in given])


def open_all(reports: Folder) -> list[Run]:
    """See `analysis.open_all`."""
    return [Run([folder]) for folder in _runs_below(Path(reports))]


def _checked(folder: Folder) -> Path:
    path = Path(folder)
    if path.name in ("", ".."):  # "." and "..": a run is told by its folder's name
        path = path.resolve()
    reason = why_no_run(path)
    if reason:
        raise RunError(one_line(reason))
    return path


def _runs_below(reports: Path) -> list[Path]:
    found = [path for path in sorted(reports.glob("*")) if not why_no_run(path)]
    if not found:
        raise RunError(f"{one_line(str(reports))} holds no run: soak first (make soak), or name another folder.")
    return found


def _newest(reports: Path) -> Path:
    return max(_runs_below(reports), key=lambda folder: folder.stat().st_mtime)
