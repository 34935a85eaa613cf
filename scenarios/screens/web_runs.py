"""The list of runs: what each soaked and when, and the first line of its answer, from the files in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

# In the order in which people open them.
FILES: Final = ("report.html", "summary.md", "junit.xml", "verdict.json", "run.json")
UNKNOWN: Final = "–"
_STATES: Final[Mapping[str, str]] = {"met": "met", "breached": "breached", "void": "void"}


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run as its line of the list shows it; what its files do not say is a dash.

    Attributes:
        date: When it began, in UTC, to the minute.
        target: Its URL, or that it is the stand-in.
        users: How many were planned.
        length: How long it ran.
        verdict: Of the service levels; "not analysed" without one.
        first_line: Why attempts time out.
        problem: What makes it void, as far as the run itself knows; empty: nothing.
        files: Names of those that are there, the report first.
    """

    name: str
    date: str
    target: str
    users: str
    length: str
    verdict: str
    first_line: str
    problem: str
    files: tuple[str, ...]


def row_of(folder: Path) -> RunRow:
    """A run's line; a file that cannot be read costs what it would have said."""
    files = tuple(name for name in FILES if (folder / name).is_file())
    return run_row(folder.name, _read(folder / "run.json"), _read(folder / "verdict.json"), files)


def run_row(name: str, run: Mapping[str, Any], verdict: Mapping[str, Any], files: tuple[str, ...]) -> RunRow:
    """A run's line from what its files hold, whatever that is.

    Args:
        name: Of its folder.
        run: `run.json`; empty: there is none.
        verdict: `verdict.json`, alike.
        files: Those that are there.
    """
    started, ended = _text(run.get("started_at")), _text(run.get("ended_at"))
    target, answer, levels = (
        _mapping(found) for found in (run.get("target"), verdict.get("answer"), verdict.get("slo"))
    )
    users = run.get("users")
    return RunRow(
        name=name,
        date=f"{started[:10]} {started[11:16]}" if len(started) > 16 else UNKNOWN,
        target="the stand-in" if target.get("standin") is True else _text(target.get("url")) or UNKNOWN,
        users=f"{users:,}" if isinstance(users, int) else UNKNOWN,
        length=_length(started, ended) if ended else "running" if run.get("ended") == "running" else UNKNOWN,
        verdict=_STATES.get(_text(levels.get("state")), "not analysed"),
        first_line=_text(answer.get("why")) or UNKNOWN,
        problem=_first(run.get("problems")),
        files=files,
    )


def _length(started: str, ended: str) -> str:
    try:
        seconds = round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds())
    except (ValueError, TypeError):
        return UNKNOWN
    minutes, seconds = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return _mapping(msgspec.json.decode(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(value: object) -> str:
    return _text(value[0]) if isinstance(value, list) and value else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
