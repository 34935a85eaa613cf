"""The report's section on the server's log: how much of it could be joined, and what it saw of each failed wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from analysis.report.wording import log_without_events
from analysis.server_log.account import Account, Known, as_json
from analysis.server_log.gathered import MOST_APART_S
from analysis.server_log.ladder import WORDS

_RUNG_WORDS: Final[Mapping[str, str]] = {
    "not_seen": "not seen",
    "accepted": "accepted",
    "authenticated": "authenticated",
    "established": "established",
    "request_seen": "request seen",
    "reply_sent": "reply sent",
    "unknown": "not to be told",
}
_KEY_WORDS: Final[Mapping[str, str]] = {
    "connection": "connection id",
    "trace": "trace id",
    "port": "local port",
    "subject": "user and time",
}
_ARTEFACT_WORDS: Final[Mapping[str, str]] = {
    "lifetimes_as_latency": "lines print how long a session lived where a latency is looked for",
    "errors_at_the_end_of_life": "errors are of sockets at the end of a long life",
    "errors_of_clients_that_left": "errors are of clients that had left before the welcome",
    "doubled_access_lines": "access lines were written twice",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A small table: what it shows, its heads and its rows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class LogSection:
    """What a server's log adds to the report."""

    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def section(found: Account) -> LogSection:
    """The log's account in sentences and tables."""
    sentences = (_read(found), _joined(found), _clock(found), _complete(found), _artefacts(found), *found.counts.cut)
    tables = (_rungs(found), _shares(found)) if found.told else ()
    return LogSection(sentences=tuple(sentence for sentence in sentences if sentence), tables=tables)


def _read(found: Account) -> str:
    counts = found.counts
    if unknown := log_without_events(as_json(found)):
        return unknown
    files = ", ".join(f"{name} ({form})" for name, form in counts.formats.items())
    unreadable = f"; {counts.unreadable:,} could not be read" if counts.unreadable else ""
    text = f"{counts.lines:,} lines were read of {files}, {counts.events:,} events are known{unreadable}."
    if counts.first_s is None or counts.last_s is None:
        return text
    text += f" They reach from {_moment(counts.first_s)} to {_moment(counts.last_s)} (UTC)."
    if found.runs_s is None or found.joined_by:
        return text
    from_s, to_s = found.runs_s
    if from_s - MOST_APART_S <= counts.last_s and counts.first_s <= to_s + MOST_APART_S:
        return text
    return (
        f"{text} The runs reach from {_moment(from_s)} to {_moment(to_s)}: the log is of another time, or its times "
        "have a zone that they do not name (without one they are taken for UTC)."
    )


def _joined(found: Account) -> str:
    by = ", ".join(f"{n:,} by {_KEY_WORDS[key]}" for key, n in found.joined_by.items())
    text = f"{sum(found.joined_by.values()):,} of {found.connects:,} connects are in the log"
    text += f" ({by})" if by else ""
    return f"{text}; {found.ambiguous:,} could be several, and are joined to none." if found.ambiguous else f"{text}."


def _clock(found: Account) -> str:
    if not found.clocks_by:
        return "How far the clocks are apart is not known: nothing that is surely the same is in both."
    return (
        f"The server's clock is {found.offset_s:+.3f} s ahead of the clients', give or take {found.error_s:.3f} s "
        f"(by {found.clocks_by:,} connections)."
    )


def _complete(found: Account) -> str:
    parts = [
        f"{_ratio(known)} of {words}"
        for known, words in (
            (found.ready, "the connects that became ready"),
            (found.requests, "the requests that were answered"),
            (found.replies, "their answers"),
        )
        if known.n
    ]
    return f"Of what must be in the log it has {', '.join(parts)}." if parts else ""


def _artefacts(found: Account) -> str:
    parts = [f"{n:,} {_ARTEFACT_WORDS[name]}" for name, n in found.artefacts.items()]
    return f"Looks like a fault, is none, and is in no share: {'; '.join(parts)}." if parts else ""


def _rungs(found: Account) -> Table:
    rows = tuple((_RUNG_WORDS[rung], f"{n:,}") for rung, n in found.rungs.items())
    left = f" ({found.left_out:,} more were left out)" if found.left_out else ""
    return Table(title=f"How far the failed waits came{left}", heads=("on the server", "waits"), rows=rows)


def _shares(found: Account) -> Table:
    rows = tuple(
        (
            "all" if one.group == "all" else f"{one.group}: {one.value}",
            WORDS[one.said],
            f"{one.count:,} of {one.n:,}",
            f"{100 * one.count / one.n:.1f} % ({100 * one.low:.1f} to {100 * one.high:.1f})",
        )
        for one in found.shares
    )
    return Table(
        title="What the log says of them",
        heads=("of", "it says", "waits", "share (95 % interval, less what may be missing lines)"),
        rows=rows,
    )


def _ratio(known: Known) -> str:
    return f"{100 * known.found / known.n:.1f} %"


def _moment(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S}"
