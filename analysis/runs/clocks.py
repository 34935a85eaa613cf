"""What a run's clocks were worth, in sentences: by `run.json`. None of it voids, since rows and durations stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

# What is less is no more than what a well kept clock may be off by.
SAID_FROM_S: Final = 1.0
# Of a fleet whose clocks are all wrong a few are named.
MOST_NAMED: Final = 5


def clock_notes(workers: Iterable[Mapping[str, Any]]) -> list[str]:
    """What to know of the workers' clocks; nothing where they were right.

    Args:
        workers: Of `run.json`. Older ones say nothing of their clocks.
    """
    said = [sentence for worker in workers for sentence in _of_worker(worker)]
    more = len(said) - MOST_NAMED
    return said[:MOST_NAMED] + (
        [f"{more} more sentences on clocks are in run.json (workers, clock)."] if more > 0 else []
    )


def _of_worker(worker: Mapping[str, Any]) -> Iterator[str]:
    clock = worker.get("clock")
    if not isinstance(clock, dict):
        return
    name = f"The clock of worker {str(worker.get('worker'))[:12]} on {worker.get('host')}"
    offset_s, drift_s, steps = _number(clock.get("offset_s")), _number(clock.get("drift_s")), clock.get("steps")
    if abs(offset_s) >= SAID_FROM_S:
        yield f"{name} was {_apart(offset_s, 'the master')}: its rows were put on the master's time line."
    if abs(drift_s) >= SAID_FROM_S:
        yield f"{name} was {_apart(drift_s, 'the run')} at its end: its rows' times were corrected piece by piece."
    if isinstance(steps, list) and steps and isinstance(steps[0], dict):
        first_s = _number(steps[0].get("seconds"))
        yield f"{name} was set in mid-run ({len(steps)} x, first by {first_s:+.1f} s): no row was moved by it."
    bounds = clock.get("ahead_of_target_s")
    if isinstance(bounds, list) and len(bounds) == 2:
        low_s, high_s = map(_number, bounds)
        if low_s >= SAID_FROM_S or high_s <= -SAID_FROM_S:
            nearer_s = low_s if low_s > 0 else high_s
            yield f"{name} went by a time that is at least {_apart(nearer_s, 'the target')} (its Date header)."


def _apart(seconds: float, whose: str) -> str:
    return f"{abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} {whose}'s"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
