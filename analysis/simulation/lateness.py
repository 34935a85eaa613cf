"""Mechanisms by which answers come late: loops of hosts that stand still, replies with a long tail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.simulation.design import Design, Floats, Ints
from analysis.simulation.scene import Scene, is_within, own_rng, random_windows
from analysis.simulation.sessions import CONNECT_BUDGET_S, EXCHANGE_BUDGET_S, Sessions
from analysis.simulation.strikes import HIT

# Who waits a tenth longer meets a third fewer slow replies.
TAIL: Final = 4.0


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """Loops of every second host of each platform stand still now and then.

    Attributes:
        number: See `Fails`.
        dose: Share of such a host's attempts that fail by it.
        length_s: Of each time.
        suspect_only: On the suspect platform.
    """

    number: int = 0
    dose: float
    length_s: float = 20.0
    suspect_only: bool = False

    def windows(self, design: Design, host: int) -> Floats:
        """(k, 2) while a host's loop stands still."""
        spared = self.suspect_only and design.host_platforms[host] != 0
        if spared or design.host_turns[host] % 2:
            return np.zeros((0, 2))
        share = min(0.5, self.dose / HIT)
        rng = own_rng(design, self.number, host)
        return random_windows(rng, duration_s=design.duration_s, share=share, length_s=self.length_s)

    def strike(self, sessions: Sessions) -> None:
        """Let who waits there time out, and the loop's lag say why."""
        rng = sessions.rng
        for host in range(sessions.design.host_count):
            windows = self.windows(sessions.design, host)
            here = sessions.host == host
            connects = here & is_within(sessions.at_s, windows)
            exchanges = here[:, None] & is_within(sessions.exchange_at_s, windows)
            longest_s = rng.uniform(0.55, 0.95, int(connects.sum()))
            sessions.connect_lag_s[connects] = CONNECT_BUDGET_S * sessions.budget_factor[connects] * longest_s
            of_exchange = np.broadcast_to(sessions.budget_factor[:, None], exchanges.shape)[exchanges]
            longest_s = rng.uniform(0.55, 0.95, int(exchanges.sum()))
            sessions.exchange_lag_s[exchanges] = EXCHANGE_BUDGET_S * of_exchange * longest_s
            sessions.strike_connects(HIT * connects, "silent")
            sessions.strike_exchanges(HIT * exchanges, "silent")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """The probes have a process of their own."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return "blocked loops"

    def title(self) -> str:
        """Whose loops stand still, in a line."""
        whose = "the suspect's" if self.suspect_only else "every platform's"
        return f"loops of every second of {whose} hosts stand still for {self.length_s:g} s: {self.dose:.2%}"


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Replies have a long tail: who waits longer gets more of them.

    Attributes:
        number: See `Fails`.
        dose: Share that comes after the usual budget.
    """

    number: int = 0
    dose: float

    def strike(self, sessions: Sessions) -> None:
        """Let what comes after the budget be late."""
        sessions.strike(np.minimum(1.0, self.dose * sessions.budget_factor**-TAIL), "late")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A probe asks for no work."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return "slow replies"

    def title(self) -> str:
        """How many are slow, in a line."""
        return f"{self.dose:.2%} of the replies come after the budget, fewer where it is longer"
