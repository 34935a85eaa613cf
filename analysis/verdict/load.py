"""Decides whether as many users ran as were planned: a run with less load than was asked for proves less.

A run's controller counts, second by second, how many users its plan has (ramps are planned, and are not counted) and
how many ran; `run.json` has the sums (`load`). A second counts as kept where the two differ by 5 % at most. A run that
kept its load in less than 95 % of these seconds is void, or, where that was allowed, judged with a first sentence that
says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

LEAST_SHARE: Final = 0.95
TOLERANCE: Final = 0.05  # what counts as kept; the controller applies it (`scenarios.control.load_seen`)
_SUMS: Final = ("judged_s", "within_s", "planned_user_s", "ran_user_s")

LoadState = Literal["as_planned", "other", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Load:
    """The load of one run, or of several together.

    Attributes:
        state: Whether each run kept its load; unknown where one does not say.
        planned_users: On average over the seconds that count; None = unknown.
        ran_users: Alike.
        share_within: Share of these seconds in which the two differed by 5 % at most.
        is_allowed: Whether another load than the planned one is judged all the same.
        why: Sentences, one for each run that did not keep its load.
    """

    state: LoadState
    planned_users: float | None = None
    ran_users: float | None = None
    share_within: float | None = None
    is_allowed: bool = False
    why: tuple[str, ...] = ()


def assess_load(manifests: Mapping[str, Mapping[str, Any] | None], *, is_allowed: bool) -> Load:
    """The load of all runs, by what their `run.json` says.

    Args:
        manifests: By the run's name; None where it has none.
        is_allowed: Whether another load than the planned one is judged.
    """
    by_run = {name: _sums((manifest or {}).get("load")) for name, manifest in manifests.items()}
    known = {name: sums for name, sums in by_run.items() if sums is not None}
    why = tuple(_sentence(name, sums) for name, sums in known.items() if _share(sums) < LEAST_SHARE)
    if not known:
        return Load(state="unknown", is_allowed=is_allowed)
    total = {name: sum(sums[name] for sums in known.values()) for name in _SUMS}
    return Load(
        state="other" if why else "as_planned" if len(known) == len(by_run) else "unknown",
        planned_users=total["planned_user_s"] / total["judged_s"],
        ran_users=total["ran_user_s"] / total["judged_s"],
        share_within=_share(total),
        is_allowed=is_allowed,
        why=why,
    )


def void_because(load: Load) -> tuple[str, ...]:
    """Why the load lets nothing be concluded; empty where it does."""
    if load.is_allowed:
        return ()
    return tuple(
        f"{sentence} Give --allow-less-load (to python -m analysis, too) to have it judged all the same."
        for sentence in load.why
    )


def opening_words(entry: Mapping[str, Any]) -> str:
    """What `load` of a verdict has for its first sentence; empty unless another load was allowed, and was the case."""
    if entry["state"] != "other" or not entry["allowed"]:
        return ""
    return f"The load was not the planned one: {_numbers(entry)}."


def _numbers(entry: Mapping[str, Any]) -> str:
    return (
        f"{entry['ran_users']:.1f} of {entry['planned_users']:.1f} planned users ran on average, and their number was "
        f"within {100 * TOLERANCE:.0f} % of the plan in {100 * entry['share_within']:.0f} % of the time (at least "
        f"{100 * LEAST_SHARE:.0f} % is asked for)"
    )


def _sentence(name: str, sums: Mapping[str, float]) -> str:
    entry = {
        "planned_users": sums["planned_user_s"] / sums["judged_s"],
        "ran_users": sums["ran_user_s"] / sums["judged_s"],
        "share_within": _share(sums),
    }
    return f"{name}: the load was not the planned one: {_numbers(entry)}."


def _share(sums: Mapping[str, float]) -> float:
    return sums["within_s"] / sums["judged_s"]


def _sums(entry: object) -> Mapping[str, float] | None:
    """The sums as they were written; None where something else is there, or no second counts."""
    if not isinstance(entry, Mapping):
        return None
    values: Sequence[object] = [entry.get(name) for name in _SUMS]
    sums = {
        name: float(value)
        for name, value in zip(_SUMS, values, strict=True)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    }
    return sums if len(sums) == len(_SUMS) and sums["judged_s"] > 0 else None
