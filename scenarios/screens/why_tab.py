"""The Why tab in Locust's own UI: a table, as a tab from Python can be no more, and links beside the downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from scenarios.screens.live_file import Group, Seen, Written

KEY: Final = "why"
LIVE: Final = "wsoak/live"
# What Locust's page takes from its template's arguments; hrefs are relative, so that any base path is right.
TEMPLATE_ARGS: Final[Mapping[str, Any]] = {
    "extended_tabs": [{"key": KEY, "title": "Why"}],
    "extended_tables": [
        {
            "key": KEY,
            "structure": [
                {"key": "by", "title": "By"},
                {"key": "value", "title": "Value"},
                {"key": "attempts", "title": "Judged attempts"},
                {"key": "failed", "title": "Not successful"},
                {"key": "share", "title": "Share"},
                {"key": "mostly", "title": "Mostly"},
            ],
        }
    ],
    "extended_csv_files": [
        {"href": LIVE, "title": "wsoak: why sessions time out, live"},
        {"href": "wsoak/report", "title": "wsoak: report of the last run"},
        {"href": "wsoak/", "title": "wsoak: runs, verdicts, reports"},
    ],
}
_GROUPS: Final = {"platform": "Platform", "client": "Client", "delay_s": "Added delay", "instance": "Instance"}
MOST_LINES: Final = 20  # of a group: a server may name thousands of instances
_MORE: Final = f"Figures, claims and the next run: {LIVE} (links under Download Data)"
Row = dict[str, str | int]


def rows(seen: Seen | None) -> list[Row]:
    """The lines of the table; without a document the one that says so."""
    if seen is None or not seen.attempts.all:
        return [_row("", "Nothing to show yet: rows are counted once they are stored."), _row("More", _MORE)]
    causes, judged = seen.causes, seen.attempts.judged
    failed = sum(causes.values())
    return [
        _row("Why?", _why(seen)),
        _row("All", "judged attempts", judged, failed, causes),
        *(_row("Cause", _plain(cause), None, n, share_of=judged) for cause, n in causes.items()),
        *(line for name, title in _GROUPS.items() for line in _group(title, name, seen.by.get(name, []))),
        _row("More", _MORE),
    ]


class WhyTab:
    """The lines of the table in Locust's statistics, made once for each document: they are asked for all the time."""

    def __init__(self) -> None:
        self._made: tuple[Written | None, bytes] | None = None

    def added_to(self, body: bytes, written: Written | None) -> bytes:
        """Locust's statistics with the lines; not parsed, as that costs what hundreds of entries cost.

        Args:
            body: A JSON object that is not empty.
            written: The document of the run that is shown.
        """
        end = body.rstrip()
        if not end.endswith(b"}"):
            return body
        if self._made is None or self._made[0] is not written:
            lines = rows(written.seen if written is not None else None)
            self._made = (written, msgspec.json.encode([{"key": KEY, "data": lines}]))
        return end[:-1].rstrip() + b',"extended_stats":' + self._made[1] + b"}"


def _why(seen: Seen) -> str:
    if seen.answer is not None:
        return seen.answer.why
    if seen.answer_as_of is None:
        return "Not looked at yet."
    return "Attempts have failed since the last look; the next look says why."


def _group(title: str, name: str, groups: Sequence[Group]) -> list[Row]:
    shown = (
        sorted(groups, key=lambda group: (-group.failed, -group.n))[:MOST_LINES] if len(groups) > MOST_LINES else groups
    )
    lines = [_row(title, _value(name, group.value), group.n, group.failed, group.causes) for group in shown]
    left = len(groups) - len(shown)
    return [*lines, _row(title, f"and {left} more on the live page")] if left else lines


def _row(
    by: str,
    value: str,
    attempts: int | None = None,
    failed: int | None = None,
    causes: Mapping[str, int] | None = None,
    *,
    share_of: int | None = None,
) -> Row:
    whole = attempts if share_of is None else share_of
    most = max(causes.items(), key=lambda item: item[1], default=None) if causes else None
    return {
        "by": by,
        "value": value,
        "attempts": "" if attempts is None else attempts,
        "failed": "" if failed is None else failed,
        "share": f"{100 * failed / whole:.2f}\N{NO-BREAK SPACE}%" if failed is not None and whole else "",
        "mostly": "" if most is None else f"{_plain(most[0])} ({most[1]:,})",
    }


def _value(name: str, value: str | float | None) -> str:
    if value is None:
        return "not named"
    if name == "delay_s" and isinstance(value, (int, float)):
        return f"{1000 * value:g} ms" if value else "none"
    return str(value)


def _plain(name: str) -> str:
    return name.replace("_", " ")
