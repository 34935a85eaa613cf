"""One service level held against the runs: its value, its limit, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SloState = Literal["met", "breached", "void"]
CONFIDENCE: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class SloCheck:
    """One service level held against the runs.

    Attributes:
        value: As observed; None if nothing was.
        low, high: 95 % interval for a repetition; None: no bound could be had.
        n: Attempts it rests on.
        why: One sentence for people.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    limit: float
    state: SloState
    n: int
    why: str

    @property
    def is_beyond(self) -> bool:
        """Whether the observed value lies beyond the limit and is met all the same: `why` then says why."""
        return self.state == "met" and self.is_most and self.value is not None and self.value > self.limit

    @property
    def is_most(self) -> bool:
        """Whether the limit is the most that the value may be; else it is the least."""
        return not self.name.startswith("success_ratio")


def nothing_to_judge(name: str, limit: float) -> SloCheck:
    """The check of a level on which nothing was observed."""
    return SloCheck(
        name=name, value=None, low=None, high=None, limit=limit, state="void", n=0, why="There is no attempt to judge."
    )
