"""What the live page is told: what this process does, of which run, and that run's `live.json` as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from scenarios.screens.live_file import Written
from scenarios.screens.web_runs import RunRow, row_of
from scenarios.screens.web_start import Phase

# The verdict is written a moment before the process that leads the run knows of it.
_ANALYSED: Final = frozenset({"analysing", "ended", "void"})
_LEVELS: Final = frozenset({"met", "breached", "void"})


class Watched(NamedTuple):
    """What a process that leads runs says of itself.

    Attributes:
        folder: Of the run that goes on, or of the last one; None: it has begun none.
        refused: Why the last start was refused; empty: it was not.
        is_off: Runs are analysed at their end only, or not at all.
    """

    phase: Phase
    folder: Path | None
    refused: str
    is_off: bool


class LivePage(msgspec.Struct):
    """What the page's script reads; the states are those that it has words for.

    Attributes:
        state: none, starting, running, storing, analysing, met, breached, void, unanalysed or refused.
        live: `live.json`; None: there is none.
        age_s: How long ago it was written; by this machine's clock, as the reader's may be another.
    """

    state: str
    refused: str
    is_off: bool
    run: RunRow | None
    live: msgspec.Raw | None
    age_s: float | None


def live_page(watched: Watched, written: Written | None, *, now: float) -> bytes:
    """The JSON for the page; the run's own is passed on as it is.

    Args:
        watched: What this process says.
        written: The document of its run.
        now: This machine's clock, in seconds.
    """
    # While a run starts the folder is the last one's, as it is where none could be made.
    is_of_another = watched.phase is Phase.STARTING or (watched.phase is Phase.IDLE and bool(watched.refused))
    folder, found = (None, None) if is_of_another else (watched.folder, written)
    row = row_of(folder) if folder is not None else None
    page = LivePage(
        state=state_of(watched, levels=row.verdict if row else "", live_state=found.seen.state if found else ""),
        refused=watched.refused,
        is_off=watched.is_off,
        run=row,
        live=msgspec.Raw(found.raw) if found else None,
        age_s=round(max(0.0, now - found.at), 1) if found else None,
    )
    return msgspec.json.encode(page)


def state_of(watched: Watched, *, levels: str, live_state: str) -> str:
    """What the page says first.

    Args:
        watched: What this process says.
        levels: The state of the service levels in the run's verdict, if there is one.
        live_state: What the analysis beside the run says, if there is one.
    """
    if watched.phase is Phase.STARTING:
        return "starting"
    if watched.phase is Phase.RUNNING:
        return "starting" if live_state == "starting" else "running"
    if watched.phase is Phase.ENDING:
        return "analysing" if live_state in _ANALYSED else "storing"
    if watched.refused:
        return "refused"
    if watched.folder is None:
        return "none"
    return levels if levels in _LEVELS else "unanalysed"
