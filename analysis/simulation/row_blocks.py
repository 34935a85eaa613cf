"""The rows of simulated sessions, kind by kind: when each was due, how long it took, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analysis.reduction.thresholds import PHASES as PHASES_OF_CONNECT
from analysis.simulation.design import OPERATIONS, PROBES, Bools, Floats, Ints
from analysis.simulation.faults import FAULTS
from analysis.simulation.sessions import CONNECT_BUDGET_S, EXCHANGE_BUDGET_S, READY_S, Sessions

KINDS: Final = ("connect", "exchange", "hold", "close", "probe")
OPERATION_NAMES: Final = ("connect", *OPERATIONS, "hold", "close", *PROBES)
PHASES: Final = (*PHASES_OF_CONNECT, "exchange", "hold", "close")
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
    budget_s = CONNECT_BUDGET_S * sessions.budget_factor
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
    budget_s = EXCHANGE_BUDGET_S * sessions.budget_factor[session]
    good_s = rtt_s + rng.lognormal(np.log(0.02), 0.6, len(session))
    age_s = at_s - sessions.at_s[session] - READY_S
    sent_bytes = sessions.sent_bytes[session, index]
    duration_s = _durations(good_s, budget_s, fault, rng)
    # Frames come in between as well, where a session is no more than its plan.
    idle_s = np.minimum(age_s, rng.exponential(5.0, len(session)))
    if sessions.design.session_s is not None:
        idle_s = sessions.idle_s[session, index]
    return Block(
        kind=1,
        session=session,
        operation=sessions.operation[session, index] + 1,
        at_s=at_s,
        duration_s=duration_s,
        budget_s=budget_s,
        fault=fault,
        lag_s=sessions.exchange_lag_s[session, index],
        own={"rtt_s": rtt_s, "age_s": age_s, "idle_s": idle_s, "bytes_out": sent_bytes.astype(np.float64)},
    )


def _durations(good_s: Floats, budget_s: Floats, fault: Ints, rng: np.random.Generator) -> Floats:
    timeout = np.array([f.outcome == "timeout" for f in _FAULTS])[fault]
    quick_s = rng.uniform(0.05, 0.6, len(good_s))
    waited = np.where(timeout, budget_s, quick_s)
    return np.where(fault == 0, np.minimum(good_s, GOOD_SHARE * budget_s), waited)


def holds(sessions: Sessions) -> Block:
    """How long each session that got ready was open."""
    session, open_s, fault = sessions.end()
    idle_s, longest_s = _silences(sessions, session, open_s)
    return Block(
        kind=2,
        session=session,
        operation=np.full(len(session), OPERATION_NAMES.index("hold")),
        at_s=sessions.at_s[session] + READY_S,
        duration_s=open_s,
        budget_s=np.maximum(sessions.hold_s[session], open_s),
        fault=fault,
        lag_s=sessions.rng.exponential(0.01, len(session)),
        own={
            "rtt_s": rtt_s_of(sessions)[session],
            "age_s": np.zeros(len(session)),
            "idle_s": idle_s,
            "longest_silence_s": longest_s,
        },
    )


def _silences(sessions: Sessions, session: Ints, open_s: Floats) -> tuple[Floats, Floats]:
    """Of sessions that were open for so long: the silence before the end, and the longest in which nothing was sent."""
    last = sessions.last_exchange()[session]
    open_s = np.clip(sessions.design.duration_s - sessions.at_s[session] - READY_S, 0.0, open_s)
    age_s = sessions.exchange_age_s[session]
    happened = (np.arange(age_s.shape[1]) < last[:, None]) & (age_s < open_s[:, None])
    # An answer or a pong is heard soon after its request; what ended the session was heard as well.
    hears = np.array([fault.check != "none" for fault in _FAULTS])
    heard = happened & hears[sessions.exchange_fault[session]]
    heard_s = np.where(heard, age_s, 0.0).max(axis=1, initial=0.0)
    idle_s = np.maximum(0.0, open_s - heard_s)
    asked_s = np.where(happened, age_s, 0.0).max(axis=1, initial=0.0)
    between_s = np.where(happened, sessions.idle_s[session], 0.0).max(axis=1, initial=0.0)
    return idle_s, np.maximum(np.maximum(between_s, open_s - asked_s), idle_s)


def closes(sessions: Sessions) -> Block:
    """The closing handshakes of the sessions that ended as planned."""
    session, open_s, fault = sessions.end()
    session, open_s = session[fault == 0], open_s[fault == 0]
    rtt_s = rtt_s_of(sessions)[session]
    return Block(
        kind=3,
        session=session,
        operation=np.full(len(session), OPERATION_NAMES.index("close")),
        at_s=sessions.at_s[session] + READY_S + open_s,
        duration_s=rtt_s,
        budget_s=np.full(len(session), CLOSE_BUDGET_S),
        fault=np.zeros(len(session), dtype=np.int64),
        lag_s=sessions.rng.exponential(0.002, len(session)),
        own={"rtt_s": rtt_s, "age_s": open_s, "idle_s": np.minimum(open_s, 5.0)},
    )
