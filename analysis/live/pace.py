"""How often work may be done so that it takes at most a share of one core."""

from __future__ import annotations


class Pace:
    """Says when the next piece of work is due.

    Args:
        share: Of one core, at most, on the long run.
        least_s: Between two beginnings, at least.
    """

    def __init__(self, *, share: float, least_s: float) -> None:
        self._share = share
        self._least_s = least_s
        self._not_before: float | None = None
        self.took_s = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the next piece may begin; the first may at once."""
        return self._not_before is None or now >= self._not_before

    def did(self, *, began: float, now: float, cpu_s: float) -> None:
        """A piece of work began then, ended now, and took so much CPU time.

        The next waits until the share is made good, and never begins at once after a piece that took long.
        """
        self.took_s = now - began
        self._not_before = max(began + self._least_s, began + cpu_s / self._share, now)
