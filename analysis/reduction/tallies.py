"""The attempts of one file counted in two tables that add up over files: what is shown while a run goes on.

Nothing is decided here. What counts as what is as in the verdict's own counts (`service_levels.counts`,
`rates.counted`, `lost.counted`), so that the last live count and the verdict's are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd

from analysis.reduction.frames import sums_by
from analysis.reduction.lost import NOT_ASKED
from attempts.p1_checks import TEST_MISTAKE

if TYPE_CHECKING:
    import ibis

SLOT_S: Final = 10
JUDGED: Final = "judged"
CELL_KEYS: Final = ("standing", "platform", "client", "delay_us", "instance", "outcome", "cause", "lost_at")
SLOT_KEYS: Final = ("slot", "outcome", "cause")


class Tally(NamedTuple):
    """The counts of one file, or of several.

    Attributes:
        cells: One row for each of `CELL_KEYS`: `n` rows. `standing` is `judged`, or why not: probes, cut_off,
            test_mistakes, unreadable. `lost_at` is of timeouts only.
        slots: The judged ones by `SLOT_KEYS`: `n`; `slot` in epoch seconds, `SLOT_S` apart.
    """

    cells: pd.DataFrame
    slots: pd.DataFrame


def none() -> Tally:
    """The counts of no file."""
    return Tally(*(pd.DataFrame({name: [] for name in (*keys, "n")}) for keys in (CELL_KEYS, SLOT_KEYS)))


def total(tallies: list[Tally]) -> Tally:
    """The counts of several files together, in an order that does not depend on theirs."""
    if not tallies:
        return none()
    cells = pd.concat([one.cells for one in tallies], ignore_index=True)
    slots = pd.concat([one.slots for one in tallies], ignore_index=True)
    return Tally(_added(cells, CELL_KEYS), _added(slots, SLOT_KEYS))


def read(attempts: ibis.Table) -> Tally:
    """Count the rows of a table of attempts (as `dataset.attempts_table` gives it): one scan."""
    from analysis.reduction.queries import queries_on

    with queries_on(attempts) as (queries, named):
        frame = queries.frame(_counted, named)
    return Tally(_added(frame, CELL_KEYS), _added(frame[frame["standing"] == JUDGED], SLOT_KEYS))


def _counted(attempts: ibis.Table) -> ibis.Table:
    import ibis

    from analysis.reduction.explain import AUTH_PROBE_SCENARIO, contract_columns

    a = contract_columns(attempts)
    asked = ((a.scenario == AUTH_PROBE_SCENARIO) & (a.kind == "connect") & (a.cause == "auth_rejected")).fill_null(
        False
    )
    is_held = (a.kind == "hold") & (a.outcome == "aborted")
    standing = ibis.cases(
        (a.kind.isnull() | a.outcome.isnull() | a.scheduled_us.isnull(), "unreadable"),
        (a.kind == "probe", "probes"),
        (a.cause == TEST_MISTAKE, "test_mistakes"),
        ((a.outcome == "aborted") & ~is_held, "cut_off"),
        else_=JUDGED,
    )
    known = a.select(
        standing=standing,
        platform=a.platform.fill_null(""),
        client=a.client.fill_null("").concat("/", a.event_loop.fill_null("")).re_replace("/$", ""),
        # A float is no key.
        delay_us=(a.delay_s * 1e6).round().cast("int64").fill_null(-1),
        instance=a.server_instance.fill_null(""),
        outcome=(asked | is_held).ifelse("ok", a.outcome).fill_null(""),
        cause=asked.ifelse("", a.cause.fill_null("")),
        lost_at=(a.outcome == "timeout").ifelse(a.lost_at.fill_null(NOT_ASKED), ""),
        slot=(a.scheduled_us // 1_000_000 // SLOT_S * SLOT_S).fill_null(0),
    )
    return known.group_by(*CELL_KEYS, "slot").aggregate(n=known.count())


def _added(frame: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    return sums_by(frame, list(keys), ["n"])
