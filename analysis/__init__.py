"""From the table of attempts to a verdict: pure functions over small tables, and a thin shell.

For a notebook or a script: `open_run`, `open_all` and `RunError`. What these need is imported when they are called.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.notebook.errors import RunError

if TYPE_CHECKING:
    from analysis.notebook.run import Run

__all__ = ["RunError", "open_all", "open_run"]


def open_run(folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None) -> Run:
    """Open a run's folder, or several runs to be taken together; reads no rows.

    Args:
        folders: `"reports/<run_id>"`, or a list of such; None: what the environment's `WSOAK_RUN` names, else the
            newest run in the repository's `reports/`.

    Returns:
        Run: `.answer`, `.timeouts(by=[...])`, `.claims`, `.failures`, `.verdict`, `.attempts`, `.plot`.

    Raises:
        RunError: A folder is no run; one sentence.
    """
    from analysis.notebook import opening

    return opening.open_run(folders)


def open_all(reports: str | os.PathLike[str] = "reports") -> list[Run]:
    """Open every run below a folder, each for itself, in the order of their names (which begin with their times).

    What is no run (files, results of runs taken together) is left out.

    Raises:
        RunError: There is none.
    """
    from analysis.notebook import opening

    return opening.open_all(reports)
