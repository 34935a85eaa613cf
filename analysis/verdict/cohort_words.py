"""Cohorts in counts: "Windows with 300 ms added: 1.82 % of exchanges fail (82 of 4,506); Linux ...: 0.09 %"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

# What each claim compares, and whether it is about the highest delay alone.
_COMPARED: Final[Mapping[str, tuple[str, bool]]] = {
    "platform_x_latency": ("platform", True),
    "platform": ("platform", False),
    "client": ("client", False),
    "latency": ("delay_s", False),
}
MOST_ROWS: Final = 8
_KINDS: Final[Mapping[str, str]] = {
    "connect": "connects",
    "exchange": "exchanges",
    "hold": "held sessions",
    "check": "checks",
}


_COLUMNS: Final = ("attempts", "failed", "share")


class Table(NamedTuple):
    """A small table: its last three columns are numbers.

    Attributes:
        left_out: What it does not show, in words; empty: it shows all.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: str


class Cohort(NamedTuple):
    """Attempts of one kind that share a value of what is compared."""

    value: Any
    failed: int
    n: int

    @property
    def share(self) -> float:
        """Of its attempts that failed."""
        return self.failed / self.n


def worst_beside(rates: Sequence[Mapping[str, Any]], claim: str) -> str:
    """The cohort of a claim that fails most, beside the one that fails least, in the kind of attempt where they differ
    most; empty where there are no two.

    Args:
        rates: `rates` of a verdict.
        claim: One that compares cohorts: platform_x_latency, platform, client or latency.
    """
    key, only_highest = _COMPARED[claim]
    delays = sorted({row["delay_s"] for row in rates})
    highest = delays[-1] if delays else 0.0
    best: tuple[float, str, Cohort, Cohort] | None = None
    for kind in _KINDS:
        chosen = [row for row in rates if row["kind"] == kind and (not only_highest or row["delay_s"] == highest)]
        cohorts = sorted(cohorts_by(chosen, key), key=lambda one: -one.share)
        if len(cohorts) < 2:
            continue
        difference = cohorts[0].share - cohorts[-1].share
        if best is None or difference > best[0]:
            best = difference, kind, cohorts[0], cohorts[-1]
    if best is None:
        return ""
    _, kind, worst, least = best
    added = highest if only_highest else None
    first = f"{_name(key, worst.value, added)}: {share_words(worst)[0]} of {_KINDS[kind]} fail {share_words(worst)[1]}"
    beside = _name(key, least.value, added).replace("With ", "with ", 1) if key == "delay_s" else ""
    return f"{first}; {beside or _name(key, least.value, added)}: {' '.join(share_words(least))}."


def cohorts_by(rates: Iterable[Mapping[str, Any]], key: str) -> list[Cohort]:
    """The attempts of these rows of `rates` by one of their keys, those that were made."""
    sums: dict[Any, tuple[int, int]] = {}
    for row in rates:
        failed, n = sums.get(row[key], (0, 0))
        sums[row[key]] = failed + row["failed"], n + row["n"]
    return [Cohort(value, failed, n) for value, (failed, n) in sorted(sums.items()) if n]


def cohort_table(rates: Sequence[Mapping[str, Any]]) -> list[str]:
    """All kinds of attempts together by platform and delay, as lines of a table; none where there is but one cohort."""
    return table_lines(by_cohort(rates))


def by_cohort(rates: Sequence[Mapping[str, Any]]) -> Table:
    """Those who fail most, all kinds of attempts together, by platform and delay; no rows where there is but one."""
    keyed = [{**row, "cohort": (row["platform"], row["delay_s"])} for row in rates]
    cohorts = cohorts_by(keyed, "cohort")
    if len(cohorts) < 2:
        return Table((), (), "")
    ranked = sorted(cohorts, key=lambda one: (-one.share, one.value))
    rows = tuple((one.value[0], delay_words(one.value[1]), *_numbers(one)) for one in ranked[:MOST_ROWS])
    left = len(cohorts) - MOST_ROWS
    return Table(("platform", "delay", *_COLUMNS), rows, f"and {left} more, which fail less often" if left > 0 else "")


def by_kind(rates: Sequence[Mapping[str, Any]]) -> Table:
    """The kinds of attempts, as a run has them that compares nobody."""
    cohorts = {one.value: one for one in cohorts_by(rates, "kind")}
    rows = tuple((words, *_numbers(cohorts[kind])) for kind, words in _KINDS.items() if kind in cohorts)
    return Table(("kind", *_COLUMNS), rows, "")


def table_lines(table: Table) -> list[str]:
    """A table as text: words to the left, numbers to the right; none where it has no rows."""
    if not table.rows:
        return []
    rows = (table.head, *table.rows)
    words = len(table.head) - len(_COLUMNS)
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.head))]
    lines = [
        "  ".join(f"{cell:<{width}}" if at < words else f"{cell:>{width}}" for at, (cell, width) in enumerate(pairs))
        for pairs in (tuple(zip(row, widths, strict=True)) for row in rows)
    ]
    return [f"  {line}" for line in (*lines, *([table.left_out] if table.left_out else []))]


def share_words(cohort: Cohort) -> tuple[str, str]:
    """A share and its counts: ("1.82 %", "(82 of 4,506)")."""
    percent = 100 * cohort.share
    return (f"{percent:.2f} %" if percent < 99.995 else "100 %"), f"({cohort.failed:,} of {cohort.n:,})"


def delay_words(delay_s: float) -> str:
    """How much the tester itself added to the network's latency: "300 ms added"."""
    return f"{1000 * delay_s:g} ms added" if delay_s else "nothing added"


def _name(key: str, value: Any, added_s: float | None) -> str:
    if key == "delay_s":
        return f"With {delay_words(value)}"
    return f"{value} clients with {delay_words(added_s)}" if added_s else f"{value} clients"


def _numbers(cohort: Cohort) -> tuple[str, str, str]:
    return f"{cohort.n:,}", f"{cohort.failed:,}", share_words(cohort)[0]
