"""Connects by their place in a row: among their user's of the last minutes (G4), and among the run's first ones."""

from __future__ import annotations

from typing import Final

import ibis
from ibis import _

from analysis.reduction.explain import NUMBER_OF
from analysis.reduction.expressions import OF_THE_TARGET, count_if, step
from analysis.reduction.marked_rows import is_first_try, is_plain

# A quota's sliding window, and the bins in which its subjects are compared.
WINDOW_S: Final = 300
# Known quotas are 5 and 20: exact there, and a subject that connects all the time cannot blow the table up.
ORDINAL_STEPS: Final = ((32, 1), (128, 8), (1_024, 64), (0, 1_024))
# How far into a run its first connects are looked at, second by second.
FIRST_S: Final = 60


def subjects(rows: ibis.Table) -> ibis.Table:
    """G4: connects by their ordinal among their subject's connects of the last `WINDOW_S`.

    A server counts every connect against a quota: retries, other arms and those that the run's end cut off
    have an ordinal too, though only the plain ones that ended are counted here. The run's tail is among them: a
    refusal is complete when it comes.
    """
    connects = rows.filter((_.kind == "connect") & _.subject.notnull() & _.started_us.notnull())
    # Only what is needed goes through the window: it sorts all that it is given.
    narrow = connects.select(
        "host",
        "platform",
        "subject",
        "started_us",
        bin=connects.second // WINDOW_S,
        is_counted=(connects.is_wait | (connects.is_cut & (connects.outcome != "aborted"))) & is_first_try(connects),
        is_explicit=connects.explanation == NUMBER_OF["explicit"],
    )
    trailing = ibis.range_window(group_by="subject", order_by="started_us", preceding=WINDOW_S * 1_000_000, following=0)
    ranked = narrow.mutate(ordinal=step(narrow.count().over(trailing), ORDINAL_STEPS)).filter(_.is_counted)
    return ranked.group_by("host", "platform", "bin", "ordinal").agg(
        n=ranked.count(), explicit=count_if(ranked.is_explicit)
    )


def first_connects(rows: ibis.Table, first_s: tuple[tuple[str, int], ...]) -> ibis.Table:
    """Connects by the second since their run's first one, up to `FIRST_S`; all later ones are in that second.

    `first_s` has for each run the epoch second of its first connect.
    """
    connects = rows.filter(is_plain(rows) & (rows.kind == "connect"))
    branches = [(connects.run_id == run, ibis.literal(second, "int64")) for run, second in first_s]
    since = (connects.second - (ibis.cases(*branches) if branches else ibis.null("int64"))).clip(0, FIRST_S)
    keyed = connects.mutate(since_s=since)
    bad = keyed.explanation.isin(OF_THE_TARGET)
    return keyed.group_by("run_id", "host", "platform", "since_s").agg(n=keyed.count(), bad=count_if(bad))
