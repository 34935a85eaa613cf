"""Service levels: was the target good enough, apart from the question why it was not.

What `met` means. A service level is a promise about the runs named, and they were counted whole: the
observed value decides, as for any threshold in a CI job. The interval beside it (clustered: failures come
in bursts) says how far a repetition may differ; where it reaches across the limit, `why` says so. Two
exceptions keep a green from being luck:

- *Too few attempts.* A level can be `met` only by a run that could have missed it: success ratio r needs
  log(0.05) / log(r) attempts (59 for 0.95), else a server just below r passes with more than 5 %
  probability. Such a check is `void`, unless its whole interval lies beyond the limit (`breached`).
- *A trend is inferred, not counted*, and its sign is never zero. It is `breached` when its whole 95 %
  interval lies beyond the limit, `met` otherwise, and `void` when the run has fewer than five parts.

The success ratio is held against each kind of attempt (connects, exchanges, sessions held, closing handshakes, checks),
and the worst decides. Sessions' attempts are all kinds but `probe`; `aborted` attempts (the run ended first) are left
out everywhere, but for sessions that were still open: they were held as long as could be asked; a refusal that the auth
probe asked for counts as ok; a check that failed by a mistake of its own is left out. Durations leave holds out: a hold
is as long as it was planned. The whole is breached if a check is, else void if a check is, else met; it is void if ever
the generator was impaired or rows are missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from analysis.reduction.failures import KINDS
from analysis.reduction.overview import Overview
from analysis.stats.rates import Rate, clustered_rate, worst_design_effect
from analysis.verdict.slo_check import CONFIDENCE, SloCheck, SloState, nothing_to_judge
from analysis.verdict.stability import stability_latency, worst_stability
from attempts.p1_checks import TEST_MISTAKE

NO_OTHERS: Final = {"probes": 0, "cut_off": 0, "test_mistakes": 0, "unreadable": 0}


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The service levels, as the seed's success criteria set them.

    Attributes:
        success_ratio: Least share of attempts that succeed.
        max_duration_s: No attempt lasts longer.
        timeouts: At most so many attempts time out.
        worsening_ratio: Most that the share of bad attempts may rise from the run's start to its end. One
            point: a fifth of what `success_ratio` allows in all.
        slowdown_ratio: Most that the typical duration may rise, relative to the start. One half: below it,
            it moves with the mix of operations.
    """

    success_ratio: float = 0.95
    max_duration_s: float = 30.0
    timeouts: int = 0
    worsening_ratio: float = 0.01
    slowdown_ratio: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Slo:
    """All service levels; `why` says what voids or breaches the whole, empty when met."""

    state: SloState
    checks: tuple[SloCheck, ...]
    why: str


def judge(overview: Overview, levels: Levels, *, void_because: Sequence[str] = ()) -> Slo:
    """Hold the runs against the service levels.

    Args:
        overview: The runs' small tables.
        levels: The limits.
        void_because: Sentences that make everything void (missing rows, impaired generator).
    """
    sessions = judged_attempts(overview)
    checks = (
        *_success_ratios(sessions, levels.success_ratio),
        max_duration(sessions[sessions["kind"] != "hold"], levels.max_duration_s),
        timeouts(sessions, levels.timeouts),
        worst_stability(sessions, overview, levels.worsening_ratio),
        stability_latency(overview, levels.slowdown_ratio),
    )
    if void_because:
        checks = tuple(replace(check, state="void") for check in checks)
        return Slo(state="void", checks=checks, why=void_because[0])
    for state in ("breached", "void"):
        hit = [check for check in checks if check.state == state]
        if hit:
            return Slo(state=hit[0].state, checks=checks, why=" ".join(dict.fromkeys(check.why for check in hit)))
    return Slo(state="met", checks=checks, why="")


def judged_attempts(overview: Overview) -> pd.DataFrame:
    """The lines of the timeline that levels are held against: attempts of the sessions that ended.

    A session that was still open at the run's end was held until then, which is all that could be asked: `ok`.
    """
    timeline = overview.timeline
    is_held = (timeline["kind"] == "hold") & (timeline["outcome"] == "aborted")
    kept = timeline.assign(outcome=timeline["outcome"].mask(is_held, "ok"))
    is_levels = (kept["kind"] != "probe") & (kept["cause"] != TEST_MISTAKE)
    return kept[is_levels & (kept["outcome"] != "aborted")]


def counts(overview: Overview) -> dict[str, int]:
    """How the judged attempts come out of all: `judged` is `all` less the others.

    `unreadable` are rows without an outcome, a kind or a time; data quality says so, too.
    """
    timeline = overview.timeline
    is_probe = timeline["kind"] == "probe"
    is_mistake = ~is_probe & (timeline["cause"] == TEST_MISTAKE)
    is_cut = ~is_probe & ~is_mistake & (timeline["outcome"] == "aborted") & (timeline["kind"] != "hold")
    n = timeline["n"]
    rows = int(overview.workers["rows"].sum()) if len(overview.workers) else 0
    return {
        "all": rows,
        "probes": int(n[is_probe].sum()),
        "cut_off": int(n[is_cut].sum()),
        "test_mistakes": int(n[is_mistake].sum()),
        "unreadable": rows - int(n.sum()),
        "judged": int(n[~is_probe & ~is_mistake & ~is_cut].sum()),
    }


def fewest_attempts(success_ratio: float) -> int:
    """Attempts below which a run without any failure does not show `success_ratio` at 95 %."""
    if success_ratio <= 0:
        return 1
    if success_ratio >= 1:
        return 1  # a ratio of one is a count of failures: every attempt can miss it
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(success_ratio))


def _success_ratios(sessions: pd.DataFrame, limit: float) -> tuple[SloCheck, ...]:
    """The level of each kind of attempt, and in front the worst of them, which decides.

    Pings outnumber connects a hundred to one, and would outvote them. A kind with too few attempts to tell counts
    with all the others only, unless it is surely beyond the limit.
    """
    pooled = success_ratio(sessions, limit, "success_ratio", "attempts")
    needed = fewest_attempts(limit)
    found = []
    for kind, words in KINDS.items():
        check = success_ratio(sessions[sessions["kind"] == kind], limit, f"success_ratio_{kind}", words)
        if check.n >= needed or check.state == "breached":
            found.append(check)
    worst = min((pooled, *found), key=_badness)
    return (replace(worst, name=pooled.name), *found)


def _badness(check: SloCheck) -> tuple[int, float]:
    """Sorts the worst first: breached, then void, then met; of these the lowest ratio."""
    return ("breached", "void", "met").index(check.state), 1.0 if check.value is None else check.value


def success_ratio(sessions: pd.DataFrame, limit: float, name: str, words: str) -> SloCheck:
    """The share of attempts that succeeded; `words`: what many of them are called."""
    n = int(sessions["n"].sum())
    if n == 0:
        return nothing_to_judge(name, limit)
    bad = _rate(sessions, sessions["outcome"] != "ok")
    failed = bad.events
    value = 1 - failed / n
    low_bad, high_bad = bad.interval()
    low, high = 1 - high_bad, 1 - low_bad
    needed = fewest_attempts(limit)
    if n < needed and high >= limit:
        state: SloState = "void"
        why = f"{n:,} {words} are too few to tell a success ratio of {limit:g}: at least {needed} are needed."
    elif value >= limit:
        state = "met"
        why = f"{n - failed:,} of {n:,} {words} succeeded ({100 * value:.2f} %, limit {100 * limit:.2f} %)"
        why += "." if low >= limit else f", but a repetition may fall to {100 * low:.2f} %: the margin is narrow."
    else:
        state = "breached"
        why = f"Only {n - failed:,} of {n:,} {words} succeeded ({100 * value:.2f} %, limit {100 * limit:.2f} %)"
        why += "." if high < limit else f"; a repetition may reach {100 * high:.2f} %."
    return SloCheck(name=name, value=value, low=low, high=high, limit=limit, state=state, n=n, why=why)


def max_duration(waits: pd.DataFrame, limit_s: float) -> SloCheck:
    """The longest attempt."""
    n = int(waits["n"].sum())
    if n == 0:
        return nothing_to_judge("max_duration_s", limit_s)
    longest_s = float(waits["longest_s"].max())
    # A timeout was cut at its budget: how long the answer would have taken has no upper bound.
    censored = bool((waits["outcome"] == "timeout").any())
    state: SloState = "met" if longest_s <= limit_s else "breached"
    why = f"The longest of {n:,} attempts lasted {longest_s:.2f} s (limit {limit_s:g} s)"
    why += "; timeouts were cut at their budgets." if censored else "."
    return SloCheck(
        name="max_duration_s",
        value=longest_s,
        low=longest_s,
        high=None if censored else longest_s,
        limit=limit_s,
        state=state,
        n=n,
        why=why,
    )


def timeouts(sessions: pd.DataFrame, limit: int) -> SloCheck:
    """How many attempts timed out."""
    n = int(sessions["n"].sum())
    if n == 0:
        return nothing_to_judge("timeouts", float(limit))
    rate = _rate(sessions, sessions["outcome"] == "timeout")
    count = rate.events
    low, high = (bound * n for bound in rate.interval())
    state: SloState = "met" if count <= limit else "breached"
    why = f"{count:,} of {n:,} attempts timed out (limit {limit:,})"
    if state == "met" and high > limit:
        # As the interval beside it rounds, and no count that the limit allows.
        why += f"; as many attempts again may see up to {max(round(high), limit + 1):,}"
    why += "."
    return SloCheck(
        name="timeouts", value=float(count), low=low, high=high, limit=float(limit), state=state, n=n, why=why
    )


def _rate(sessions: pd.DataFrame, hit: pd.Series[bool]) -> Rate:
    """Share of attempts that `hit` marks, with the design effect of minutes and of host-minutes."""
    frame = sessions.assign(x=sessions["n"].where(hit, 0), minute=sessions["slot"] // 60)
    cells = frame.groupby(["host", "minute"], dropna=False)[["n", "x"]].sum().reset_index()
    n = cells["n"].to_numpy()
    return clustered_rate(
        cells["x"].to_numpy(),
        n,
        pd.factorize(cells["minute"])[0],
        np.arange(len(cells)),
        empty_design_effect=worst_design_effect(float(n.mean())),
    )
