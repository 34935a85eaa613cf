"""The rows of simulated sessions, kind by kind: when each was due, how long it took, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analysis.design import OPERATIONS, PROBES, Bools, Floats, Ints
from analysis.sessions import CONNECT_BUDGET_S, EXCHANGE_BUDGET_S, FAULTS, Sessions

KINDS: Final = ("connect", "exchange", "hold", "close", "probe")
OPERATION_NAMES: Final = ("connect", *OPERATIONS, "hold", "close", *PROBES)
PHASES: Final = ("dns", "tcp", "tls", "upgrade", "welcome", "exchange", "hold", "close")
# The budgets of a closing handshake and of a probe; a good wait never comes near its budget by itself.
CLOSE_BUDGET_S: Final = 10.0
PROBE_BUDGET_S: Final = 3.0
LONGER_BUDGET: Final = 2.0
GOOD_SHARE: Final = 0.9

_FAULTS: Final = tuple(FAULTS.values())


@dataclass
class Block:
    """Rows of one kind: `session` says on which connection each runs, the arrays what is its own."""

    kind: int
    session: Ints
    operation: Ints
    at_s: Floats
    duration_s: Floats
    budget_s: Floats
    fault: Ints
    lag_s: Floats
    own: dict[str, Floats] = field(default_factory=dict)


def reached_upgrade(sessions: Sessions) -> Bools:
    """(n,) whether the server answered the upgrade: it names its instance there."""
    late = np.array([fault.connect_phase == "welcome" for fault in _FAULTS])
    return np.asarray(late[sessions.connect_fault])


def rtt_s_of(sessions: Sessions) -> Floats:
    """(n,) the round trip of each connection, the tester's delay included where it arrives."""
    jitter = sessions.rng.uniform(0.95, 1.1, len(sessions.at_s))
    way = sessions.scene.host_rtt_s[sessions.host] * jitter
    return way + sessions.delay_s if sessions.design.delay_arrives else way


def connects(sessions: Sessions) -> Block:
    """A connect each; the phases that it came to have their times."""
    rng, count = sessions.rng, len(sessions.at_s)
    rtt_s = rtt_s_of(sessions)
    serving_s = rng.lognormal(np.log(0.15), 0.3, count)
    good_s = 4 * rtt_s + serving_s
    budget_s = np.full(count, CONNECT_BUDGET_S)
    names = sessions.design.mitigations
    if "longer_budget" in names:
        budget_s[sessions.mitigation == names.index("longer_budget")] *= LONGER_BUDGET
    fault = sessions.connect_fault
    phase = np.array([PHASES.index(f.connect_phase) for f in _FAULTS])[fault]
    ok = fault == 0
    return Block(
        kind=0,
        session=np.arange(count),
        operation=np.zeros(count, dtype=np.int64),
        at_s=sessions.at_s,
        duration_s=_durations(good_s, budget_s, fault, rng),
        budget_s=budget_s,
        fault=fault,
        lag_s=sessions.connect_lag_s,
        own={
            "dns_s": np.full(count, 0.001),
            "tcp_s": np.where(phase > 1, rtt_s, np.nan),
            "tls_s": np.where(phase > 2, rtt_s, np.nan),
            "upgrade_s": np.where(phase > 3, rtt_s + serving_s / 2, np.nan),
            "welcome_s": np.where(ok, rtt_s + serving_s / 2, np.nan),
            "rtt_s": np.where(phase > 1, rtt_s, np.nan),
        },
    )


def exchanges(sessions: Sessions) -> Block:
    """The exchanges that each session got to."""
    happened = np.arange(sessions.exchange_at_s.shape[1]) < sessions.last_exchange()[:, None]
    session, index = np.nonzero(happened)
    rng = sessions.rng
    fault = sessions.exchange_fault[session, index]
    at_s = sessions.exchange_at_s[session, index]
    rtt_s = rtt_s_of(sessions)[session]
    budget_s = np.full(len(session), EXCHANGE_BUDGET_S)
    good_s = rtt_s + rng.lognormal(np.log(0.02), 0.6, len(session))
    age_s = at_s - sessions.at_s[session] - 1.0
    return Block(
        kind=1,
        session=session,
        operation=sessions.operation[session, index] + 1,
        at_s=at_s,
        duration_s=_durations(good_s, budget_s, fault, rng),
        budget_s=budget_s,
        fault=fault,
        lag_s=sessions.exchange_lag_s[session, index],
        own={"rtt_s": rtt_s, "age_s": age_s, "idle_s": np.minimum(age_s, rng.exponential(5.0, len(session)))},
    )


def _durations(good_s: Floats, budget_s: Floats, fault: Ints, rng: np.random.Generator) -> Floats:
    timeout = np.array([f.outcome == "timeout" for f in _FAULTS])[fault]
    quick_s = rng.uniform(0.05, 0.6, len(good_s))
    waited = np.where(timeout, budget_s, quick_s)
    return np.where(fault == 0, np.minimum(good_s, GOOD_SHARE * budget_s), waited)


def _session_end(sessions: Sessions) -> tuple[Ints, Floats, Ints]:
    """Of the sessions that got ready: which, how long each was open, and the fault that ended it."""
    session = np.nonzero(sessions.connect_fault == 0)[0]
    last = sessions.last_exchange()[session]
    final = sessions.exchange_fault[session, np.maximum(last - 1, 0)]
    ends = np.array([f.ends_session for f in _FAULTS])
    ended = (last > 0) & ends[final]
    open_s = sessions.hold_s[session] - 1.0
    cut_s = sessions.hold_cut_s[session]
    cut = (cut_s < open_s) & ~ended
    since_s = sessions.exchange_at_s[session, np.maximum(last - 1, 0)] - sessions.at_s[session] - 1.0
    fault = np.where(ended, final, np.where(cut, list(FAULTS).index("reset"), 0))
    return session, np.where(ended, since_s + 0.1, np.where(cut, cut_s, open_s)), fault


def holds(sessions: Sessions) -> Block:
    """How long each session that got ready was open."""
    session, open_s, fault = _session_end(sessions)
    return Block(
        kind=2,
        session=session,
        operation=np.full(len(session), OPERATION_NAMES.index("hold")),
        at_s=sessions.at_s[session] + 1.0,
        duration_s=open_s,
        budget_s=np.maximum(sessions.hold_s[session], open_s),
        fault=fault,
        lag_s=sessions.rng.exponential(0.01, len(session)),
        own={"rtt_s": rtt_s_of(sessions)[session], "age_s": np.zeros(len(session)), "idle_s": np.zeros(len(session))},
    )


def closes(sessions: Sessions) -> Block:
    """The closing handshakes of the sessions that ended as planned."""
    session, open_s, fault = _session_end(sessions)
    session, open_s = session[fault == 0], open_s[fault == 0]
    rtt_s = rtt_s_of(sessions)[session]
    return Block(
        kind=3,
        session=session,
        operation=np.full(len(session), OPERATION_NAMES.index("close")),
        at_s=sessions.at_s[session] + 1.0 + open_s,
        duration_s=rtt_s,
        budget_s=np.full(len(session), CLOSE_BUDGET_S),
        fault=np.zeros(len(session), dtype=np.int64),
        lag_s=sessions.rng.exponential(0.002, len(session)),
        own={"rtt_s": rtt_s, "age_s": open_s, "idle_s": np.minimum(open_s, 5.0)},
    )
