"""The server's own log beside the attempts: what it did with the connections that failed.

Lines are JSON records (`message`, `timestamp`, `severity`, `labels`) in the format of the staging contract
(sections 10 and 14), some of them mangled by the platform's redaction; only phrases that survive it are
looked for. A connection id is exact, but the client learns it only from the welcome; an attempt that
ended before joins by its user and its time. The id also embeds the second of the accept, so the age of a
connection at any line is known: a line late in a long life says nothing about how it was set up.

Nothing here decides a claim: the clocks of two machines and a log that may lack lines are no basis for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
import pandas as pd

if TYPE_CHECKING:
    import ibis

_ID: Final = r"(?P<connection>ws_.{1,8}?_\d{9,11}_[0-9a-f]{8})"
_USER: Final = r"(?P<user>\S+?)"
# The contract's phrases in the order of a connection's life, then what goes wrong.
_MARKERS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("authenticated", rf"WebSocket authenticated for user: {_USER} at "),
        ("registered", rf"Registered connection with isolated manager: {_ID}"),
        ("established", rf"WebSocket connection fully established for user {_USER} in "),
        ("loop entered", rf"Entering message handling loop for connection: {_ID} \(user: {_USER}\)"),
        ("loop left", rf"Exiting message handling loop for connection: {_ID} \|"),
        ("routing failed", rf"Message routing failed for {_ID}"),
        ("oversized message", rf"Message size violation for {_ID}"),
        ("state error", rf"WebSocket connection state error for {_ID}"),
        ("heartbeat timeout", rf"heartbeat timeout(?: for {_ID})?"),
        ("authentication failed", r"SSOT AUTHENTICATION FAILED: \w+"),
        ("quota", r"Resource limit exceeded for user|HARD LIMIT: User"),
        ("factory failed", r"FACTORY INITIALIZATION FAILED"),
        ("startup waited", r"waiting for startup to complete|proceeding after [\d.]+s wait"),
        ("error", r"WebSocket error: "),
    )
)
_EPOCH: Final = re.compile(r"_(\d{9,11})_[0-9a-f]{8}$")
_COLUMNS: Final = ("at_s", "marker", "connection", "user", "age_s")
# Clocks of client and server may differ by this much in a join by time (NTP keeps machines within it).
CLOCK_SLACK_S: Final = 1.0
# Failed connects that are looked up one by one; a log is read for its examples.
MOST_FAILURES: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class ServerLog:
    """The lines that carry a known phrase.

    Attributes:
        events: `at_s` (epoch seconds), `marker`, `connection` and `user` (null if the line has no key), `age_s`
            (since the accept that the connection id embeds; null without one).
        lines: Lines read.
        unreadable: Lines that are no JSON record with a message and a timestamp.
    """

    events: pd.DataFrame
    lines: int
    unreadable: int


@dataclass(frozen=True, kw_only=True)
class LogTable:
    """What a server's log adds to the report: sentences and a small table."""

    sentences: tuple[str, ...]
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def parse(lines: Iterable[bytes]) -> ServerLog:
    """Read log lines; what is not understood is counted, not guessed."""
    found: list[tuple[float, str, str | None, str | None, float | None]] = []
    count = unreadable = 0
    for line in lines:
        if not line.strip():
            continue
        count += 1
        record = _record(line)
        if record is None:
            unreadable += 1
            continue
        at_s, message = record
        for marker, pattern in _MARKERS:
            match = pattern.search(message)
            if match:
                keys = match.groupdict()
                connection = keys.get("connection")
                found.append((at_s, marker, connection, keys.get("user"), age_s(connection, at_s)))
                break
    return ServerLog(events=pd.DataFrame(found, columns=list(_COLUMNS)), lines=count, unreadable=unreadable)


def age_s(connection: str | None, at_s: float) -> float | None:
    """Seconds from the accept that a connection id embeds to a moment; None without an id."""
    match = _EPOCH.search(connection) if connection else None
    return None if match is None else at_s - int(match[1])


def beside(log: ServerLog, attempts: ibis.Table) -> LogTable:
    """Join the log to the attempts and say what it adds.

    Args:
        log: As `parse` gives it.
        attempts: The attempts table (`dataset.attempts_table`).
    """
    events = log.events
    if events.empty:
        return LogTable(sentences=(_read(log), "No line carries a phrase of the staging contract."))
    from analysis.reduction.explain import contract_columns

    attempts = contract_columns(attempts)
    failures = _failures(attempts)
    known = frozenset(_connections(attempts))
    sentences = [_read(log), _join_by_id(events, known), _join_by_time(events, failures)]
    bad = frozenset(failures["server_connection_id"].dropna())
    rows = [_row(marker, group, bad) for marker, group in events.groupby("marker", sort=False)]
    order = {name: index for index, (name, _) in enumerate(_MARKERS)}
    rows.sort(key=lambda row: order[row[0]])
    heads = ("line", "times", "first (UTC)", "last (UTC)", "median age, s", "of connections with a failure")
    return LogTable(sentences=tuple(sentence for sentence in sentences if sentence), heads=heads, rows=tuple(rows))


def _record(line: bytes) -> tuple[float, str] | None:
    try:
        record = orjson.loads(line)
        at_s = pd.Timestamp(record["timestamp"])
        message = record["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if not isinstance(message, str) or pd.isna(at_s):
        return None
    at_s = at_s.tz_localize("UTC") if at_s.tzinfo is None else at_s
    return at_s.timestamp(), message


def _failures(attempts: ibis.Table) -> pd.DataFrame:
    """Failed attempts of sessions: id, user, and when they waited (epoch seconds)."""
    bad = attempts.filter(attempts.outcome.isin(["timeout", "failed"]), attempts.kind != "probe")
    rows = bad.select("kind", "subject", "server_connection_id", "started_us", "duration_s").limit(MOST_FAILURES)
    frame: pd.DataFrame = rows.to_pandas()
    frame["from_s"] = frame["started_us"] / 1e6
    frame["to_s"] = frame["from_s"] + frame["duration_s"]
    return frame


def _connections(attempts: ibis.Table) -> list[str]:
    ids: list[str] = (
        attempts.filter(attempts.server_connection_id.notnull())
        .select("server_connection_id")
        .distinct()
        .to_pandas()["server_connection_id"]
        .tolist()
    )
    return ids


def _read(log: ServerLog) -> str:
    unreadable = f"; {log.unreadable:,} were not JSON records" if log.unreadable else ""
    return f"{log.lines:,} lines were read, {len(log.events):,} carry a known phrase{unreadable}."


def _join_by_id(events: pd.DataFrame, known: frozenset[str]) -> str:
    logged = frozenset(events["connection"].dropna())
    if not logged:
        return "No line names a connection."
    return (
        f"{len(logged & known):,} of {len(logged):,} connections in the log are in the attempts, and "
        f"{len(known & logged):,} of the attempts' {len(known):,} connections are in the log."
    )


def _join_by_time(events: pd.DataFrame, failures: pd.DataFrame) -> str:
    """Connects that ended before the welcome, and whether the server believed them established."""
    unnamed = failures[(failures["kind"] == "connect") & failures["server_connection_id"].isna()]
    if unnamed.empty:
        return ""
    moments: dict[str, list[float]] = {}
    for user, at_s in events.loc[events["marker"] == "established", ["user", "at_s"]].itertuples(index=False):
        moments.setdefault(str(user), []).append(float(at_s))
    seen = sum(
        any(start - CLOCK_SLACK_S <= at_s <= end + CLOCK_SLACK_S for at_s in moments.get(str(subject), ()))
        for subject, start, end in zip(unnamed["subject"], unnamed["from_s"], unnamed["to_s"], strict=True)
    )
    return (
        f"{len(unnamed):,} connects failed before a welcome; while {seen:,} of them waited, the server logged a "
        "connection of the same user as fully established (it may be another one of that user's)."
    )


def _row(marker: object, group: pd.DataFrame, bad: frozenset[str]) -> tuple[str, ...]:
    ages = group["age_s"].dropna()
    ids = group["connection"].dropna().unique()
    return (
        str(marker),
        f"{len(group):,}",
        _clock(group["at_s"].min()),
        _clock(group["at_s"].max()),
        f"{ages.median():.1f}" if len(ages) else "–",
        f"{sum(connection in bad for connection in ids):,} of {len(ids):,}" if len(ids) else "–",
    )


def _clock(at_s: float) -> str:
    return f"{pd.Timestamp(at_s, unit='s', tz='UTC'):%H:%M:%S}"
