"""Which scenario each virtual user runs: every worker deals the whole mix.

Users come one after the other; each gets the scenario whose share is due (earliest deadline first: Liu and Layland,
Journal of the ACM 20 (1973), with the windows of Baruah et al., Algorithmica 15 (1996)), so that of the first n users
each scenario has n times its share, within one. Workers begin at different places of that one sequence, so that
together they have the shares of all users, and none has a scenario to itself.

Who goes is replaced by what is missing then.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction


def spread(users: int, *, worker: int, workers: int) -> int:
    """How many users the workers before this one have, where `users` are shared out evenly."""
    each, more = divmod(users, workers)
    return worker * each + min(worker, more)


class Mix:
    """Deals scenarios to the users of one worker.

    Args:
        weights: Of each scenario; those without weight are dealt to nobody.
        seed: Of the order of scenarios that are due at once.
        before: How many users the workers before this one have: the place in the sequence where this one begins.
    """

    def __init__(self, weights: Mapping[str, float], *, seed: str, before: int = 0) -> None:
        names = sorted(name for name, weight in weights.items() if weight > 0)
        random.Random(seed).shuffle(names)
        total = sum(Fraction(weights[name]) for name in names)
        self._share = {name: Fraction(weights[name]) / total for name in names}
        self._dealt = dict.fromkeys(names, 0)
        for _ in range(before):
            self.take()

    def take(self) -> str:
        """The scenario of one more user."""
        place = sum(self._dealt.values())
        due = [name for name, share in self._share.items() if self._dealt[name] < (place + 1) * share]
        name = min(due, key=lambda one: (self._dealt[one] + 1) / self._share[one])
        self._dealt[name] += 1
        return name

    def give_back(self, name: str) -> None:
        """A user of this scenario has gone."""
        self._dealt[name] -= 1
