"""A log format as a TOML file: regular expressions with named groups, and the stage that each one's lines stand for.

A mapping describes lines, and nothing of it is run: what a file can do is to match or not to match. Expressions see
the beginning of a line only, so that a line of a megabyte costs no more than a short one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from analysis.server_log.event import STAGES, Event, Stage
from analysis.server_log.lines import FormatError
from analysis.server_log.moments import epoch_s

SHIPPED: Final = Path(__file__).with_name("formats")
GROUPS: Final = (
    *("at", "connection", "trace", "port", "subject", "prefix", "operation", "instance", "status"),
    *("lasted_s", "lasted_ms"),
)
# One line tells a whole connection: taken, and closed or refused by its status.
ACCESS: Final = "access"
MOST_MATCHED: Final = 4096
SWITCHING: Final = 101
# From here on a status says no; what is between was no WebSocket.
REFUSED_FROM: Final = 400
# nginx's 499 and haproxy's -1 and 0: the client left before there was an answer.
LEFT: Final = frozenset({-1, 0, 499})


class Rule(NamedTuple):
    """One kind of line.

    Attributes:
        pattern: What its lines look like.
        stage: What they say; `access`: all of a connection's life.
        time_is: Of an access line: whether `at` is the connection's start or its end.
    """

    pattern: re.Pattern[str]
    stage: Stage | Literal["access"]
    time_is: Literal["start", "end"] = "start"


class Format(NamedTuple):
    """A log format: its name, and its kinds of lines; the first that matches counts."""

    name: str
    rules: tuple[Rule, ...]

    def events_of(self, line: str) -> list[Event] | None:
        """What a line says; None if no expression matches it, or its time is none."""
        start = line[:MOST_MATCHED]
        for rule in self.rules:
            match = rule.pattern.search(start)
            if match is not None:
                return _events(rule, match.groupdict())
        return None


def shipped() -> tuple[Format, ...]:
    """The formats that come with wsoak."""
    return tuple(read_format(path) for path in sorted(SHIPPED.glob("*.toml")))


def read_format(path: Path) -> Format:
    """A format from its file.

    Raises:
        FormatError: The file cannot be read, or breaks a rule.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FormatError(f"The log format {path} cannot be read ({error.strerror}): name a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(
            f"The log format {path} is no TOML file ({error}): docs/server-log.md has an example."
        ) from None
    found = content.get("line")
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise FormatError(f"The log format {path} has no [[line]]: each kind of line needs one (docs/server-log.md).")
    return Format(path.stem, tuple(_rule(f"{path}, [[line]] {n}", one) for n, one in enumerate(found, 1)))


def _rule(where: str, entry: Mapping[str, Any]) -> Rule:
    unknown = sorted(set(entry) - {"pattern", "stage", "time_is"})
    if unknown:
        raise FormatError(f"{where}: {unknown[0]!r} is not known: it has pattern, stage and time_is.")
    stage, time_is, pattern = entry.get("stage"), entry.get("time_is", "start"), entry.get("pattern")
    if stage not in (*STAGES, ACCESS):
        raise FormatError(f"{where}: stage {stage!r} is not known: use one of {', '.join((*STAGES, ACCESS))}.")
    if time_is not in ("start", "end"):
        raise FormatError(f"{where}: time_is {time_is!r} is not known: use start or end.")
    if not isinstance(pattern, str):
        raise FormatError(
            f"{where}: pattern is missing: a regular expression with named groups, (?P<at>...) among them."
        )
    try:
        compiled = re.compile(pattern, re.VERBOSE)
    except re.error as error:
        raise FormatError(f"{where}: pattern is no regular expression ({error}): Python's re has the rules.") from None
    strange = sorted(set(compiled.groupindex) - set(GROUPS))
    if strange or "at" not in compiled.groupindex:
        problem = f"group {strange[0]!r} is not known" if strange else "group 'at', the time, is missing"
        raise FormatError(f"{where}: {problem}: use {', '.join(GROUPS)}.")
    return Rule(compiled, cast("Stage", stage), cast('Literal["start", "end"]', time_is))


def _events(rule: Rule, found: Mapping[str, str | None]) -> list[Event] | None:
    at_s = epoch_s(found["at"] or "")
    if at_s is None:
        return None
    status, lasted_s = _whole(found.get("status")), _lasted_s(found)
    stage = "accepted" if rule.stage == ACCESS else rule.stage
    event = Event(
        at_s,
        stage,
        connection=found.get("connection"),
        trace=found.get("trace"),
        port=_whole(found.get("port")),
        subject=found.get("prefix") or found.get("subject"),
        is_prefix=bool(found.get("prefix")),
        operation=found.get("operation"),
        instance=found.get("instance"),
        status=status,
    )
    if rule.stage != ACCESS:
        return [event]
    from_s = at_s - (lasted_s or 0.0) if rule.time_is == "end" else at_s
    to_s = at_s if rule.time_is == "end" else at_s + (lasted_s or 0.0)
    is_open = status is None or status == SWITCHING or status in LEFT
    if not is_open and (status or 0) < REFUSED_FROM:
        return []
    last: Stage = "closed" if is_open else "refused"
    return [event._replace(at_s=from_s), event._replace(at_s=to_s, stage=last, lasted_s=lasted_s)]


def _whole(text: str | None) -> int | None:
    """A number of a few digits."""
    return int(text) if text and text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 10 else None


def _lasted_s(found: Mapping[str, str | None]) -> float | None:
    for name, unit_s in (("lasted_s", 1.0), ("lasted_ms", 0.001)):
        try:
            return float(found.get(name) or "") * unit_s
        except ValueError:
            continue
    return None
