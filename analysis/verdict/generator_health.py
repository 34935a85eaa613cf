"""Decides whether the load generator was fit to measure, by rules fixed before the run; an impaired one voids it.

A load generator whose event loop is blocked, or whose core is full, reads its sockets late: what it
reports as the server's time is partly its own. The rules, with their reasons:

1. *Starved attempts.* In more than `margin` of the attempts the loop was blocked for a quarter of the
   budget or more. Comparisons drop such attempts; dropping more of them than the margin could hide, or
   make, an effect as large as the margin.
2. *Late loop.* A worker's loop lagged by 0.1 s or more in over a tenth of its seconds and in five at least
   (health rows): from the 90th percentile on, latency is then the generator's; fewer are a hiccup. Without
   health rows the same share of the good attempts counts. Never of all attempts: a timeout waits longer and
   so sees more lags, and a slow server would pass for a slow generator.
3. *Busy core.* A worker used more than 90 % of its core for 10 seconds in a row (health rows), or, where
   there are no health rows, in more than a tenth of its attempts. One such sample is a burst; ten in a
   row are a queue.

If the lag of more than 1 % of the attempts was not measured, the state is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analysis.reduction.overview import BUSY_CPU
from analysis.reduction.thresholds import BLOCKED_LAG_S

if TYPE_CHECKING:
    import pandas as pd

LAGGED_SHARE: Final = 0.1
LATE_SECONDS: Final = 5
UNMEASURED_SHARE: Final = 0.01
BUSY_RUN_S: Final = 10
BUSY_SHARE: Final = 0.1

GeneratorState = Literal["healthy", "impaired", "unknown"]


@dataclass(frozen=True, kw_only=True)
class GeneratorHealth:
    """The load generators' health over the runs.

    Attributes:
        why: Sentences that name the numbers the state rests on.
    """

    state: GeneratorState
    why: str


def assess(workers: pd.DataFrame, health: pd.DataFrame, *, margin: float) -> GeneratorHealth:
    """Judge the generators by `Overview.workers` and the vitals of `dataset.health_frame`.

    Args:
        workers: Counts of attempts by worker.
        health: One row a worker and second; may be empty.
        margin: The equivalence margin of the verdict (rule 1).
    """
    judged = int(workers["judged"].sum()) if len(workers) else 0
    if judged == 0:
        return GeneratorHealth(
            state="unknown", why="No attempt was made, so nothing shows whether the generator was fit."
        )
    starved, lagged = int(workers["starved"].sum()), int(workers["lagged"].sum())
    unmeasured = int(workers["lag_null"].sum())
    reasons = []
    if starved / judged > margin:
        reasons.append(
            f"the event loop was blocked for a quarter of the budget or more in {starved:,} of {judged:,} attempts "
            f"({100 * starved / judged:.1f} %; at most {100 * margin:.1f} % may be)"
        )
    reasons += _late_workers(workers, health) + _busy_workers(workers, health)
    if reasons:
        return GeneratorHealth(state="impaired", why=_sentence("; ".join(reasons)))
    if unmeasured / judged > UNMEASURED_SHARE:
        return GeneratorHealth(
            state="unknown",
            why=f"The event loop's lag was not measured in {unmeasured:,} of {judged:,} attempts.",
        )
    worst = workers["lag_max_s"].max()
    late_s = float(workers["late_s"].sum()) / int(workers["rows"].sum())
    cpu = (
        ""
        if workers["cpu_max"].isna().all()
        else f"; a core was used to at most {100 * workers['cpu_max'].max():.0f} %"
    )
    return GeneratorHealth(
        state="healthy",
        why=f"{lagged:,} of {judged:,} attempts overlapped a loop lag of 0.1 s or more; the longest lag was "
        f"{worst:.2f} s{cpu}; attempts began {1000 * late_s:.0f} ms after they were due on average.",
    )


def _late_workers(workers: pd.DataFrame, health: pd.DataFrame) -> list[str]:
    """Rule 2, a clause for each worker that it hits."""
    if health["loop_lag_s"].notna().any():
        seconds = health.dropna(subset=["loop_lag_s"]).assign(late=lambda rows: rows["loop_lag_s"] >= BLOCKED_LAG_S)
        late = seconds.groupby("worker", observed=True)["late"]
        shares, what = late.mean()[late.sum() >= LATE_SECONDS], "seconds"
    else:
        good = workers[workers["good"] > 0].set_index("worker")
        shares, what = good["good_lagged"] / good["good"], "good attempts"
    return [
        f"the loop of worker {str(worker)[:12]} lagged by {BLOCKED_LAG_S:g} s or more in {100 * share:.0f} % of its "
        f"{what} (at most {100 * LAGGED_SHARE:.0f} % may be)"
        for worker, share in shares.items()
        if share > LAGGED_SHARE
    ]


def _busy_workers(workers: pd.DataFrame, health: pd.DataFrame) -> list[str]:
    """Rule 3, a clause for each worker that it hits."""
    clauses = []
    if health["cpu"].notna().any():
        for worker, rows in health.sort_values("at").groupby("worker", observed=True):
            longest = _longest_run((rows["cpu"] > BUSY_CPU).tolist())
            if longest >= BUSY_RUN_S:
                clauses.append(
                    f"worker {str(worker)[:12]} used over {100 * BUSY_CPU:.0f} % of its core for {longest} s in a row"
                )
        return clauses
    known = workers[workers["judged"] > 0]
    shares: list[float] = (known["busy"] / known["judged"]).tolist()
    clauses += [
        f"worker {str(worker)[:12]} was over {100 * BUSY_CPU:.0f} % CPU in {100 * share:.0f} % of its attempts"
        for worker, share in zip(known["worker"], shares, strict=True)
        if share > BUSY_SHARE
    ]
    return clauses


def _longest_run(flags: list[bool]) -> int:
    longest = current = 0
    for flag in flags:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
