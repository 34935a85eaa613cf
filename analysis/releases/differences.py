"""What differs between two runs: levels within shared strata, claims by their intervals, and whether that is worse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from analysis.releases.contrast import difference

State = Literal["worse", "not_worse", "undecided"]
# What a level counts -> the level's name in the verdict, and in words.
LEVELS: Final[Mapping[str, str]] = {
    "timeouts": "timeouts",
    "failures": "failures and timeouts",
    "too_long": "attempts longer than the limit",
}
# Levels that are trends within one run -> in words, and the unit of a hundredth.
TRENDS: Final[Mapping[str, tuple[str, str]]] = {
    "stability": ("Worsening (stability)", "points"),
    "stability_latency": ("Slowdown (stability_latency)", "%"),
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """New minus base, an absolute share with its 95 % interval; null: it could not be had.

    Attributes:
        state: `worse`: the whole interval lies beyond the margin; `not_worse`: all of it is below; else `undecided`.
        base: The base's share over what both runs have; of a claim, its effect.
        new: The new run's.
        was: State of a claim in the base; empty for a level.
        now: State of a claim in the new run; empty for a level.
    """

    name: str
    state: State
    base: float | None
    new: float | None
    estimate: float | None
    low: float | None
    high: float | None
    was: str = ""
    now: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs held against each other.

    Attributes:
        runs: Names of the base and of the new run.
        state: `worse` if a level is; `not_worse` if all are not; `undecided` else, and when void.
        margin: The smallest difference of a share that matters.
        kept: Share of all attempts that lie in strata of both runs.
        levels: By what is counted (`LEVELS`).
        claims: By claim; they change no state.
        trends: Levels that are trends within a run, in sentences: between two runs they are not compared.
        differs: What differs between the runs besides the release, in sentences.
        void: Why nothing may be concluded; empty when something may.
    """

    runs: tuple[str, str]
    state: State
    margin: float
    kept: float
    levels: tuple[Difference, ...]
    claims: tuple[Difference, ...]
    trends: tuple[str, ...]
    differs: tuple[str, ...]
    void: tuple[str, ...]


def levels_of(
    base: pd.DataFrame, new: pd.DataFrame, *, strata: tuple[str, ...], margin: float
) -> tuple[tuple[Difference, ...], float]:
    """The levels' differences, and the share of attempts in strata of both runs."""
    found, kept = [], 0.0
    for events, name in LEVELS.items():
        shared = difference(base, new, strata=strata, events=events)
        if shared is None:
            found.append(_unknown(name))
            continue
        kept = shared.kept
        low, high = shared.estimate.interval()
        found.append(
            Difference(
                name=name,
                state=_state(low, high, margin),
                base=shared.base,
                new=shared.new,
                estimate=shared.estimate.value,
                low=low if math.isfinite(low) else None,
                high=high if math.isfinite(high) else None,
            )
        )
    return tuple(found), kept


def claims_of(base: Mapping[str, Any], new: Mapping[str, Any], *, margin: float) -> tuple[Difference, ...]:
    """The differences of claims' effects from two verdicts alone.

    The interval of a difference from two intervals: Zou and Donner, Statistics in Medicine 27 (2008).
    """
    found = []
    for name, now in new["claims"].items():
        was = base["claims"].get(name)
        if was is None:
            continue
        states = {"was": str(was["state"]), "now": str(now["state"])}
        one, two = was.get("effect") or {}, now.get("effect") or {}
        numbers = [_number(side.get(key)) for side in (one, two) for key in ("estimate", "low", "high")]
        if any(number is None for number in numbers) or one.get("name") != two.get("name"):
            found.append(_unknown(name, base=numbers[0], new=numbers[3], **states))
            continue
        e0, l0, h0, e1, l1, h1 = (float(number) for number in numbers if number is not None)
        value = e1 - e0
        low, high = value - math.hypot(e1 - l1, h0 - e0), value + math.hypot(h1 - e1, e0 - l0)
        state = _state(low, high, margin)
        found.append(Difference(name=name, state=state, base=e0, new=e1, estimate=value, low=low, high=high, **states))
    return tuple(found)


def trends_of(base: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The levels of stability of both verdicts side by side, a sentence each; null is said to be unknown.

    No difference is formed: a trend is a change from the start to the end of its own run, so it grows with the run's
    length, and it is that of the kind of attempts that was worst there, which may be another in the other run.
    """
    said = []
    for name, (words, unit) in TRENDS.items():
        sides = [_trend(verdict, name, unit) for verdict in (base, new)]
        if any(sides):
            known = [side or "unknown" for side in sides]
            said.append(f"{words} within a run: {known[0]} in the base, {known[1]} in the new run.")
    return tuple(said)


def _trend(verdict: Mapping[str, Any], name: str, unit: str) -> str:
    checks: Sequence[Mapping[str, Any]] = verdict["slo"].get("checks", ())
    found: Mapping[str, Any] = next((check for check in checks if check["name"] == name), {})
    value, low, high = (_number(found.get(key)) for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return ""
    return f"{100 * value:+.2f} {unit} ({100 * low:+.2f} to {100 * high:+.2f})"


def compared(
    base: pd.DataFrame,
    new: pd.DataFrame,
    verdicts: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    strata: tuple[str, ...],
    margin: float,
) -> Comparison:
    """The whole comparison.

    Args:
        base: As `contrast.difference` has it.
        new: The same of the new run.
        verdicts: The base's and the new run's `verdict.json`.
        strata: Columns whose values make a stratum.
        margin: The smallest difference of a share that matters.
    """
    void = tuple(
        f"The {side} run is void: nothing may be concluded from it."
        for side, verdict in zip(("base", "new"), verdicts, strict=True)
        if verdict["slo"]["state"] == "void"
    )
    levels, kept = levels_of(base, new, strata=strata, margin=margin)
    if kept == 0.0:
        void = (*void, "The runs share no platform, client, delay, operation and budget: no rates can be compared.")
    states = {level.state for level in levels}
    state: State = (
        "undecided" if void else "worse" if "worse" in states else "undecided" if "undecided" in states else "not_worse"
    )
    base_name, new_name = (", ".join(verdict["runs"]) for verdict in verdicts)
    return Comparison(
        runs=(base_name, new_name),
        state=state,
        margin=margin,
        kept=kept,
        levels=levels,
        claims=claims_of(*verdicts, margin=margin),
        trends=trends_of(*verdicts),
        differs=differs(base, new, strata=strata),
        void=void,
    )


def differs(base: pd.DataFrame, new: pd.DataFrame, *, strata: tuple[str, ...]) -> tuple[str, ...]:
    """What of the strata only one of the runs has, a sentence for each column."""
    said = []
    for column in (*strata, "host"):
        sides = [sorted(map(str, frame[column].unique())) for frame in (base, new)]
        only = [[value for value in mine if value not in other] for mine, other in (sides, sides[::-1])]
        parts = [
            f"only in the {side} run {', '.join(values)}"
            for side, values in zip(("base", "new"), only, strict=True)
            if values
        ]
        if parts:
            said.append(f"{column} differs: {'; '.join(parts)}.")
    return tuple(said)


def _state(low: float, high: float, margin: float) -> State:
    return "worse" if low > margin else "not_worse" if high <= margin else "undecided"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _unknown(
    name: str, *, base: float | None = None, new: float | None = None, was: str = "", now: str = ""
) -> Difference:
    return Difference(
        name=name, state="undecided", base=base, new=new, estimate=None, low=None, high=None, was=was, now=now
    )
