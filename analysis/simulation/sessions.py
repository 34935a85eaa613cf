"""The sessions of a simulated run, chunk by chunk: where, when, by whom, and what went wrong.

All arrays of one `Sessions` have a place for each connection (n), or for each of its exchanges (n, most): those of
the session that has most, `EXCHANGES` where all have as many; a place that a session does not fill is at `NEVER_S`.
Times are seconds since the run's start. Faults are numbers into `FAULTS`, 0 is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.simulation.design import ASYNCIO_CLIENT, CLIENTS, Bools, Design, Floats, Ints, arm_of
from analysis.simulation.faults import ENDS_SESSION, FAULT_CODES
from analysis.simulation.scene import Scene

# A chance of failing, one for all or one for each.
Risk = npt.NDArray[np.floating[Any]] | float

WINDOW_S: Final = 300.0
CONNECT_BUDGET_S: Final = 10.0
EXCHANGE_BUDGET_S: Final = 5.0
# What goes well takes a session a second until it is ready.
READY_S: Final = 1.0
# The moment of an exchange that a session does not have; beyond any run's end, and still a number of minutes.
NEVER_S: Final = 1e12
SCENARIOS: Final = ("session", "burst")
# The loops, as the record names them.
LOOPS: Final = ("gevent-libuv", "gevent-libev", "asyncio-proactor", "asyncio-selector")


@dataclass
class Sessions:
    """The connections of one chunk, and what the world did to them so far.

    Attributes:
        client: (n,) numbers into `CLIENTS`: the library.
        off_default: (n,) whether asyncio runs on another loop than the platform's default.
        scenario: (n,) numbers into `SCENARIOS`.
        budget_factor: (n,) how many times as long as usual everything is waited for.
        hold_cut_s: (n,) the age at which the peer ends the session, by `hold_fault`.
        sent_bytes: (n, most) of each request.
        idle_s: (n, most) seconds from the request before it (or from ready) to each request.
    """

    scene: Scene
    rng: np.random.Generator
    at_s: Floats
    host: Ints
    client: Ints
    off_default: Bools
    delay: Ints
    mitigation: Ints
    instance: Ints
    subject: Ints
    retry: int
    hold_s: Floats
    token_age_s: Floats
    exchange_at_s: Floats
    operation: Ints
    connect_fault: Ints
    exchange_fault: Ints
    hold_cut_s: Floats
    preface: Ints
    connect_lag_s: Floats
    exchange_lag_s: Floats
    started_up: Bools
    scenario: Ints
    budget_factor: Floats
    hold_fault: Ints
    sent_bytes: Ints
    idle_s: Floats

    @property
    def design(self) -> Design:
        """The run's parameters."""
        return self.scene.design

    @property
    def is_suspect(self) -> Bools:
        """(n,) whether a connection is on the first platform."""
        return np.asarray(self.scene.host_platform[self.host] == 0)

    @property
    def is_first(self) -> Bools:
        """(n,) whether a connection is of the first of the two sides."""
        return self.scene.is_first(self.host, self.client)

    @property
    def delay_s(self) -> Floats:
        """(n,) the delay that was drawn."""
        return np.asarray(self.design.delays_s, dtype=np.float64)[self.delay]

    @property
    def loop(self) -> Ints:
        """(n,) numbers into `LOOPS`: the loop that each connection's library runs on."""
        platform = self.scene.host_platform[self.host]
        own = [[LOOPS.index(arm_of(client, name)[1]) for client in CLIENTS] for name in self.design.platforms]
        default = np.array(own, dtype=np.int64)[platform, self.client]
        elsewhere = (self.client == ASYNCIO_CLIENT) & self.off_default
        return np.where(elsewhere, LOOPS.index("asyncio-selector"), default)

    @property
    def planned(self) -> Ints:
        """(n,) exchanges that each session would come to if nothing went wrong."""
        return np.asarray((self.exchange_at_s < NEVER_S).sum(axis=1))

    @property
    def exchange_age_s(self) -> Floats:
        """(n, most) seconds from ready to each exchange; huge where there is none."""
        return self.exchange_at_s - self.at_s[:, None] - READY_S

    def open_at(self, at_s: Floats) -> Floats:
        """How many of these sessions are open at moments, as they were planned."""
        begun = np.searchsorted(np.sort(self.at_s), at_s, side="right")
        ended = np.searchsorted(np.sort(self.at_s + self.hold_s), at_s, side="right")
        return np.asarray(begun - ended, dtype=np.float64)

    def strike(self, risk: Risk, fault: str) -> None:
        """Let connects and exchanges fail with a risk for each connection (n,)."""
        self.strike_connects(risk, fault)
        self.strike_exchanges(np.asarray(risk)[..., None], fault)

    def strike_connects(self, risk: Risk, fault: str) -> None:
        """Let connects fail, (n,), those that did not fail already."""
        hit = (self.rng.random(self.at_s.shape) < risk) & (self.connect_fault == 0)
        self.connect_fault[hit] = FAULT_CODES[fault]

    def strike_exchanges(self, risk: Risk, fault: str) -> None:
        """Let exchanges fail, (n, most), those that did not fail already."""
        hit = (self.rng.random(self.exchange_at_s.shape) < risk) & (self.exchange_fault == 0)
        self.exchange_fault[hit] = FAULT_CODES[fault]

    def end_holds(self, at_s: Floats, fault: str = "reset") -> None:
        """Let the peer end sessions at an age (n,), where they were meant to last longer."""
        self.hold_fault[at_s < self.hold_cut_s] = FAULT_CODES[fault]
        self.hold_cut_s = np.minimum(self.hold_cut_s, at_s)

    def last_exchange(self) -> Ints:
        """(n,) number of exchanges each connection gets to: 0 if its connect failed."""
        planned = self.planned
        ends = ENDS_SESSION[self.exchange_fault]
        first_end = np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, planned)
        in_time = ((self.exchange_at_s - self.at_s[:, None]) < self.hold_cut_s[:, None]).sum(axis=1)
        return np.where(self.connect_fault == 0, np.minimum(np.minimum(first_end, in_time), planned), 0)

    def end(self) -> tuple[Ints, Floats, Ints]:
        """Of the sessions that got ready: which, how long each was open, and the fault that ended it."""
        session = np.nonzero(self.connect_fault == 0)[0]
        last = self.last_exchange()[session]
        final = self.exchange_fault[session, np.maximum(last - 1, 0)]
        ended = (last > 0) & ENDS_SESSION[final]
        open_s = self.hold_s[session] - READY_S
        cut_s = self.hold_cut_s[session]
        cut = (cut_s < open_s) & ~ended
        since_s = self.exchange_at_s[session, np.maximum(last - 1, 0)] - self.at_s[session] - READY_S
        fault = np.where(ended, final, np.where(cut, self.hold_fault[session], 0))
        return session, np.where(ended, since_s + 0.1, np.where(cut, cut_s, open_s)), fault
