"""From counts and a verdict's document to the parts of `live.json`: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from analysis.claims import registry
from analysis.live.document import AttemptCounts, Cell, Group, LiveClaim, Slot
from analysis.reduction.lost import ORDER
from analysis.reduction.tallies import JUDGED, SLOT_S, Tally
from analysis.verdict.answer import Answer

_STRETCHES_S: Final = (SLOT_S, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_STRETCHES: Final = 180
# A page shows no more lines than that, and a server may name thousands of instances.
MOST_LINES: Final = 200
_NO_DELAY: Final = -1  # `tallies` has it for a row that does not say
_GROUPS: Final = {"platform": "platform", "client": "client", "delay_s": "delay_us", "instance": "instance"}


def attempt_counts(tally: Tally) -> AttemptCounts:
    """How the judged attempts come out of all rows."""
    by = {str(standing): int(n) for standing, n in tally.cells.groupby("standing")["n"].sum().items()}
    return AttemptCounts(all=sum(by.values()), **by)


def timeouts(tally: Tally) -> int:
    """Judged attempts that timed out."""
    judged = _judged(tally)
    return int(judged.loc[judged["outcome"] == "timeout", "n"].sum())


def slot_s(tally: Tally) -> int:
    """How long each stretch is, so that the run so far has at most 180."""
    slots = tally.slots["slot"]
    length_s = int(slots.max() - slots.min()) + SLOT_S if len(slots) else 0
    return next((s for s in _STRETCHES_S if length_s <= s * _MOST_STRETCHES), _STRETCHES_S[-1])


def over_time(tally: Tally) -> tuple[Slot, ...]:
    """The stretches of the run in which attempts were scheduled."""
    if not len(tally.slots):
        return ()
    width_s = slot_s(tally)
    rows = tally.slots.assign(t_s=tally.slots["slot"].astype("int64") // width_s * width_s)
    rows["t_s"] -= rows["t_s"].min()
    found = []
    for t_s, of_slot in rows.groupby("t_s"):
        n = of_slot.groupby("outcome")["n"].sum()
        late = of_slot[of_slot["outcome"] == "timeout"]
        found.append(
            Slot(t_s=int(str(t_s)), ok=int(n.get("ok", 0)), failed=int(n.get("failed", 0)), timeout=_by_cause(late))
        )
    return tuple(found)


def groups(tally: Tally) -> dict[str, tuple[Group, ...]]:
    """Attempts and what failed by platform, client, delay and instance; of each the 200 with most failures at most."""
    judged = _judged(tally)
    return {name: _groups(judged, column) for name, column in _GROUPS.items()}


def cells(tally: Tally) -> tuple[Cell, ...]:
    """Attempts and timeouts by instance, platform, client and delay; the 200 with most timeouts at most."""
    judged = _judged(tally)
    keys = ["instance", "platform", "client", "delay_us"]
    counted = judged.assign(timeouts=judged["n"].where(judged["outcome"] == "timeout", 0))
    sums = counted.groupby(keys, as_index=False)[["n", "timeouts"]].sum()
    most = sums.sort_values(["timeouts", "n", *keys], ascending=[False, False, *[True] * 4])[:MOST_LINES]
    return tuple(
        Cell(
            instance=str(row["instance"]) or None,
            platform=str(row["platform"]) or None,
            client=str(row["client"]) or None,
            delay_s=_delay_s(row["delay_us"]),
            n=int(row["n"]),
            timeouts=int(row["timeouts"]),
        )
        for row in most.sort_values(keys).to_dict("records")
    )


def lost_at(tally: Tally) -> dict[str, int]:
    """The timeouts by where they were lost, in the ladder's order, those that occurred."""
    judged = _judged(tally)
    by = judged[judged["lost_at"] != ""].groupby("lost_at")["n"].sum()
    return {rung: int(by[rung]) for rung in ORDER if rung in by.index}


def claims(verdict: Mapping[str, Any]) -> tuple[LiveClaim, ...]:
    """The claims of a verdict's document, in their order."""
    titles = registry.titles()
    return tuple(
        LiveClaim(name=name, title=titles[name], state=claim["state"], needs=claim["needs"] or "")
        for name, claim in verdict["claims"].items()
    )


def answer(verdict: Mapping[str, Any]) -> Answer:
    """The three lines of a verdict's document."""
    said = verdict["answer"]
    lists = {name: tuple(said[name]) for name in ("leads", "not_tested", "undecided")}
    return Answer(**{**said, **lists})


def _judged(tally: Tally) -> pd.DataFrame:
    return tally.cells[tally.cells["standing"] == JUDGED]


def _groups(judged: pd.DataFrame, column: str) -> tuple[Group, ...]:
    found = []
    for value, rows in judged.groupby(column):
        bad = rows[rows["outcome"].isin(["timeout", "failed"])]
        name = _delay_s(value) if column == "delay_us" else str(value) or None
        found.append(Group(value=name, n=int(rows["n"].sum()), failed=int(bad["n"].sum()), causes=_by_cause(bad)))
    most = sorted(range(len(found)), key=lambda at: (-found[at].failed, -found[at].n))[:MOST_LINES]
    return tuple(found[at] for at in sorted(most))


def _by_cause(rows: pd.DataFrame) -> dict[str, int]:
    return {str(cause) or "unknown": int(n) for cause, n in rows.groupby("cause")["n"].sum().items()}


def _delay_s(delay_us: Any) -> float | None:
    return None if int(delay_us) == _NO_DELAY else int(delay_us) / 1e6
