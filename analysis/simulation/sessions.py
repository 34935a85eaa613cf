"""The sessions of a simulated run, chunk by chunk: where, when, by whom, and what went wrong.

All arrays of one `Sessions` have a place for each connection (n), or for each of its exchanges (n, most): those of
the session that has most, `EXCHANGES` where all have as many; a place that a session does not fill is at `NEVER_S`.
Times are seconds since the run's start. Faults are numbers into `FAULTS`, 0 is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from analysis.simulation.design import (
    ASYNCIO_CLIENT,
    CLIENTS,
    EXCHANGES,
    OPERATION_SHARES,
    OPERATIONS,
    Bools,
    Design,
    Floats,
    Ints,
    arm_of,
    arms_on,
)

# A chance of failing, one for all or one for each.
Risk = npt.NDArray[np.floating[Any]] | float

Check = Literal["", "none", "pong", "held up", "late"]

WINDOW_S: Final = 300.0
# Delays switched in blocks stay for ten minutes each: an operator's turn of a knob.
BLOCK_S: Final = 600.0
# Users handed from one platform to the next after half a quota's window.
HANDOVER_S: Final = WINDOW_S / 2
CONNECT_BUDGET_S: Final = 10.0
EXCHANGE_BUDGET_S: Final = 5.0
# What goes well takes a session a second until it is ready.
READY_S: Final = 1.0
# The moment of an exchange that a session does not have; beyond any run's end, and still a number of minutes.
NEVER_S: Final = 1e12
USUAL_BYTES: Final = 90
LARGE_BYTES: Final = 16_384
# A user whose connection broke comes back after a pause; who broke so often stays away.
RECONNECT_S: Final = (0.5, 3.0)
MOST_RECONNECTS: Final = 200
SCENARIOS: Final = ("session", "burst")
# The loops, as the record names them.
LOOPS: Final = ("gevent-libuv", "gevent-libev", "asyncio-proactor", "asyncio-selector")


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """What one kind of failure looks like in a row.

    Attributes:
        connect_phase: Phase in which a connect ends by it (an exchange ends in phase exchange).
        ends_session: Nothing comes after it on this connection.
        check: What came of the ping that followed a silent timeout: "none" (no pong), "pong" (in its usual time, and
            no answer), "held up" (a pong, long after its usual time), "late" (the answer, then the pong).
    """

    outcome: str
    cause: str
    connect_phase: str = "welcome"
    http_status: int = -1
    close_code: int = -1
    closed_by: str = ""
    errno: int = -1
    ends_session: bool = True
    check: Check = ""


FAULTS: Final[dict[str, FaultKind]] = {
    "none": FaultKind(outcome="ok", cause="", ends_session=False),
    "silent": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="none"),
    "unanswered": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="pong"),
    "held_up": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="held up"),
    "late": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="late"),
    "reset": FaultKind(outcome="failed", cause="reset", closed_by="network", errno=104),
    "refused": FaultKind(outcome="failed", cause="refused", connect_phase="tcp", errno=111),
    "unavailable": FaultKind(outcome="failed", cause="http_status", connect_phase="upgrade", http_status=503),
    "too_many": FaultKind(outcome="failed", cause="http_status", connect_phase="upgrade", http_status=429),
    "unauthorized": FaultKind(outcome="failed", cause="auth_rejected", connect_phase="upgrade", http_status=401),
    "auth_closed": FaultKind(outcome="failed", cause="auth_rejected", close_code=4401, closed_by="server"),
    "keepalive": FaultKind(outcome="failed", cause="keepalive", close_code=1011, closed_by="server"),
    "server_error": FaultKind(outcome="failed", cause="server_error", close_code=1011, closed_by="server"),
    "server_closed": FaultKind(outcome="failed", cause="server_closed", close_code=1012, closed_by="server"),
    "auth_rejected": FaultKind(outcome="failed", cause="auth_rejected", close_code=1008, closed_by="server"),
    "subprotocol": FaultKind(outcome="failed", cause="subprotocol", connect_phase="upgrade", closed_by="client"),
    "harness": FaultKind(outcome="failed", cause="harness", ends_session=False),
}
EVERYDAY: Final = ("silent", "held_up", "late")
FAULT_CODES: Final = {name: code for code, name in enumerate(FAULTS)}
_ENDS_SESSION: Final = np.array([fault.ends_session for fault in FAULTS.values()])


@dataclass
class Scene:
    """What all chunks of a run share: the machines, their minutes, the moments of trouble.

    Attributes:
        host_platform, host_site: (hosts,) numbers of each host's platform and site.
        host_rtt_s: (hosts,) median round trip without the tester's delay.
        host_factor, minute_factor: Multipliers of the base risk.
        host_instance: (hosts,) the instance that a host's address leads to, where addresses decide.
        windows: (k, 2) start and end of the server's bad moments, sorted, disjoint.
        host_windows: The same for each host's own bad moments (a blocked loop).
        recent: Users' connects of the last `WINDOW_S`, carried from chunk to chunk: (subject, moment).
    """

    design: Design
    base_risk: float
    host_platform: Ints
    host_site: Ints
    host_rtt_s: Floats
    host_factor: Floats
    minute_factor: Floats
    windows: Floats
    host_windows: tuple[Floats, ...]
    recent: tuple[Ints, Floats]
    host_instance: Ints

    def is_first(self, host: Ints, client: Ints) -> Bools:
        """Whether sessions are of the first of the two sides."""
        by_client = self.design.sides_by == "client"
        return np.asarray(client == ASYNCIO_CLIENT if by_client else self.host_platform[host] == 0)


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
        ends = _ENDS_SESSION[self.exchange_fault]
        first_end = np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, planned)
        in_time = ((self.exchange_at_s - self.at_s[:, None]) < self.hold_cut_s[:, None]).sum(axis=1)
        return np.where(self.connect_fault == 0, np.minimum(np.minimum(first_end, in_time), planned), 0)

    def end(self) -> tuple[Ints, Floats, Ints]:
        """Of the sessions that got ready: which, how long each was open, and the fault that ended it."""
        session = np.nonzero(self.connect_fault == 0)[0]
        last = self.last_exchange()[session]
        final = self.exchange_fault[session, np.maximum(last - 1, 0)]
        ended = (last > 0) & _ENDS_SESSION[final]
        open_s = self.hold_s[session] - READY_S
        cut_s = self.hold_cut_s[session]
        cut = (cut_s < open_s) & ~ended
        since_s = self.exchange_at_s[session, np.maximum(last - 1, 0)] - self.at_s[session] - READY_S
        fault = np.where(ended, final, np.where(cut, self.hold_fault[session], 0))
        return session, np.where(ended, since_s + 0.1, np.where(cut, cut_s, open_s)), fault


def is_within(at_s: Floats, windows: Floats) -> Bools:
    """Whether moments lie in one of the windows (k, 2), sorted and disjoint."""
    if len(windows) == 0:
        return np.zeros(at_s.shape, dtype=np.bool_)
    index = np.searchsorted(windows[:, 0], at_s, side="right") - 1
    return np.asarray((index >= 0) & (at_s < windows[np.maximum(index, 0), 1]))


def random_windows(rng: np.random.Generator, *, duration_s: float, share: float, length_s: float) -> Floats:
    """Windows of one length that cover a share of the run: at least one, none overlapping."""
    count = max(1, round(duration_s * share / length_s))
    room = max(0.0, duration_s - count * length_s)
    starts = np.sort(rng.random(count)) * room + np.arange(count) * length_s
    return np.column_stack([starts, starts + length_s])


def open_scene(
    design: Design,
    *,
    base_risk: float,
    windows: Callable[[Design, np.random.Generator], Floats] | None,
    host_windows: Callable[[Design, int, np.random.Generator], Floats | None] | None,
    rng: np.random.Generator,
) -> Scene:
    """Draw what the whole run shares; the parameters are those of `worlds.World`."""
    hosts = design.host_count
    platform = np.array(design.host_platforms, dtype=np.int64)
    site = platform % 2 if design.sites == "tied" else np.array(design.host_turns, dtype=np.int64) % 2
    host_sd = np.full(hosts, design.host_sd) if design.host_sd_of is None else np.array(design.host_sd_of)[platform]
    own = np.exp(host_sd * rng.standard_normal(hosts) - host_sd**2 / 2)
    own[0] *= design.worst_host
    of_site = np.exp(design.site_sd * rng.standard_normal(2) - design.site_sd**2 / 2)
    minutes = np.exp(design.minute_sd * rng.standard_normal(design.minutes) - design.minute_sd**2 / 2)
    rtt_s = design.base_rtt_s * np.exp(0.2 * rng.standard_normal(hosts)) + design.far_s * (platform == 0)
    bad = windows(design, rng) if windows else np.zeros((0, 2))
    of_host = [host_windows(design, host, rng) if host_windows else None for host in range(hosts)]
    return Scene(
        design=design,
        base_risk=base_risk,
        host_platform=platform,
        host_site=site,
        host_rtt_s=rtt_s,
        host_factor=own * of_site[site],
        minute_factor=minutes,
        windows=bad,
        host_windows=tuple(w if w is not None else np.zeros((0, 2)) for w in of_host),
        recent=(np.zeros(0, dtype=np.int64), np.zeros(0)),
        host_instance=rng.integers(0, design.instances, hosts),
    )


def draw_sessions(scene: Scene, rng: np.random.Generator, *, first: int, count: int) -> Sessions:
    """Connections `first` to `first + count` of the run, over its time as its arrivals are."""
    design = scene.design
    total = design.connections
    at_s = _arrival((np.arange(first, first + count) + rng.random(count)) / total, design)
    delays = len(design.delays_s)
    in_blocks = (at_s // BLOCK_S).astype(np.int64) % delays
    delay = in_blocks if design.arms == "blocks" else rng.integers(0, delays, count)
    host = _draw_hosts(design, at_s, rng)
    platform = scene.host_platform[host]
    if design.sides_by == "client":
        client, off_default = _draw_clients(design, platform, rng)
        exchange_at_s, hold_s = _plan(design, at_s, scene.is_first(host, client), rng)
    else:  # In this order, so that a seed gives the run that it always gave.
        exchange_at_s, hold_s = _plan(design, at_s, platform == 0, rng)
        client, off_default = _draw_clients(design, platform, rng)
    shape = exchange_at_s.shape
    dealt: dict[str, Any] = {
        "mitigation": rng.integers(0, len(design.mitigations), count),
        "instance": _instances(scene, host, rng),
        "subject": _draw_subjects(design, at_s, platform, rng),
        "token_age_s": rng.random(count) * 0.8 * design.token_ttl_s,
        "operation": rng.choice(len(OPERATIONS), size=shape, p=OPERATION_SHARES),
    }
    sessions = Sessions(
        scene=scene,
        rng=rng,
        at_s=at_s,
        host=host,
        client=client,
        off_default=off_default,
        delay=delay,
        retry=0,
        hold_s=hold_s,
        exchange_at_s=exchange_at_s,
        **dealt,
        **_unharmed(design, scene.is_first(host, client), shape, rng),
        idle_s=_gaps(at_s, exchange_at_s),
    )
    _mix(sessions)
    return sessions


def _unharmed(design: Design, is_first: Bools, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Any]:
    """What sessions of the first side and of the other carry before anything happens to them."""
    count, sides = len(is_first), design.sides
    mean_lag_s = np.where(is_first, *sides.lag_s)
    return {
        "connect_fault": np.zeros(count, dtype=np.int64),
        "exchange_fault": np.zeros(shape, dtype=np.int64),
        "hold_cut_s": np.full(count, np.inf),
        "hold_fault": np.full(count, FAULT_CODES["reset"]),
        "preface": np.zeros(count, dtype=np.int64),
        "connect_lag_s": rng.exponential(mean_lag_s, count),
        "exchange_lag_s": rng.exponential(mean_lag_s[:, None], shape),
        "started_up": np.ones(count, dtype=np.bool_),
        "scenario": np.zeros(count, dtype=np.int64),
        "budget_factor": np.where(is_first, *sides.budget_factor),
        "sent_bytes": np.full(shape, USUAL_BYTES),
    }


def _mix(sessions: Sessions) -> None:
    """Deal what sides may differ in: scenarios, tenants, sizes, types, budgets. Nothing is drawn where they do not."""
    sides, rng, is_first = sessions.design.sides, sessions.rng, sessions.is_first
    count, shape = sessions.at_s.shape, sessions.exchange_at_s.shape
    if any(sides.burst_share):
        sessions.scenario = (rng.random(count) < np.where(is_first, *sides.burst_share)).astype(np.int64)
    if any(sides.tenant_share):
        # Even numbers are the first tenant's users, odd ones the second's.
        second = rng.random(count) < np.where(is_first, *sides.tenant_share)
        sessions.subject = sessions.subject * 2 + second
    if any(sides.large_share):
        large = rng.random(shape) < np.where(is_first, *sides.large_share)[:, None]
        sessions.sent_bytes = np.where(large, LARGE_BYTES, USUAL_BYTES)
    if sides.rare_share != (OPERATION_SHARES[-1],) * 2:
        rare = rng.random(shape) < np.where(is_first, *sides.rare_share)[:, None]
        usual = rng.random(shape) < OPERATION_SHARES[0] / sum(OPERATION_SHARES[:2])
        sessions.operation = np.where(rare, len(OPERATIONS) - 1, np.where(usual, 0, 1))
    if sessions.design.budget_spread:
        spread = sessions.design.budget_spread
        sessions.budget_factor = sessions.budget_factor * rng.uniform(1 - spread, 1 + spread, count)
    if any(sides.preface_share):
        sessions.preface = (rng.random(count) < np.where(is_first, *sides.preface_share)).astype(np.int64)
    if sessions.design.balancing == "user":
        sessions.instance = _of_user(sessions.subject, sessions.design.instances)


def _of_user(subject: Ints, instances: int) -> Ints:
    """The instance that each user is led to: by a hash, so that neighbours and tenants are spread over all."""
    return np.asarray((subject + 1) * 2_654_435_761 % 2**32 // 2**16 % instances)


def _arrival(share: Floats, design: Design) -> Floats:
    """Moments of the sessions that come at shares of all sessions, 0 to 1."""
    if design.is_held:
        # Everybody is there after a tenth of the run, and after two minutes at the latest.
        return share * min(120.0, design.duration_s / 10)
    if design.arrivals == "ramp":
        # From a tenth of the final rate up to it: the root of 0.1 t + 0.45 t^2 = 0.55 share.
        return (np.sqrt(0.01 + 0.99 * share) - 0.1) / 0.9 * design.duration_s
    if design.arrivals == "waves":
        # The rate goes from a tenth to nineteen tenths of its mean and back, three times.
        at = np.linspace(0.0, 1.0, 1001)
        return np.interp(share, at - 0.9 * np.sin(6 * np.pi * at) / (6 * np.pi), at) * design.duration_s
    return share * design.duration_s


def _plan(design: Design, at_s: Floats, is_first: Bools, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """When each session's exchanges are due, (n, most), and how long it is meant to last from its start."""
    count = len(at_s)
    if design.session_s is None:
        hold_s = rng.uniform(*design.hold_s, count)
        share = (np.arange(EXCHANGES) + rng.random((count, EXCHANGES))) / EXCHANGES
        # The session is ready a second after its start, at the latest in what goes well.
        return at_s[:, None] + READY_S + share * (hold_s[:, None] - READY_S), hold_s
    pace_s = design.usual_pace_s * np.where(is_first, *design.sides.pace_factor)
    if isinstance(design.session_s, str):
        open_s = np.maximum(design.duration_s - at_s, 0.0) + 2 * CONNECT_BUDGET_S
    else:
        open_s = rng.exponential(1.0, count) * design.session_s * np.where(is_first, *design.sides.session_factor)
    # Beyond the run's end nothing is asked for. A gap is half the pace at least, so that twice as many suffice.
    seen_s = np.clip(np.minimum(open_s, design.duration_s - at_s), 0.0, None)
    most = int(np.max(seen_s / pace_s, initial=0.0) * 2) + 1
    gaps_s = pace_s[:, None] * (0.5 + rng.exponential(0.5, (count, most)))
    gaps_s[:, 0] *= rng.random(count)
    due_s = np.cumsum(gaps_s, axis=1)
    happens = due_s < seen_s[:, None]
    filled = max(1, int(happens.sum(axis=1).max(initial=0)))
    exchange_at_s = np.where(happens, at_s[:, None] + READY_S + due_s, NEVER_S)[:, :filled]
    return exchange_at_s, open_s + READY_S


def _gaps(at_s: Floats, exchange_at_s: Floats) -> Floats:
    before = np.concatenate([at_s[:, None] + READY_S, exchange_at_s[:, :-1]], axis=1)
    return np.where(exchange_at_s < NEVER_S, exchange_at_s - before, 0.0)


def _instances(scene: Scene, host: Ints, rng: np.random.Generator) -> Ints:
    dealt = rng.integers(0, scene.design.instances, len(host))
    return scene.host_instance[host] if scene.design.balancing == "address" else dealt


def _draw_hosts(design: Design, at_s: Floats, rng: np.random.Generator) -> Ints:
    platforms = len(design.platforms)
    of_host = np.array(design.host_platforms, dtype=np.int64)
    if design.periods == "together":
        if design.sides.weight == (1.0, 1.0):
            return rng.integers(0, design.host_count, len(at_s))
        weight = np.where(of_host == 0, *design.sides.weight)
        return rng.choice(design.host_count, size=len(at_s), p=weight / weight.sum())
    platform = np.minimum((at_s / design.duration_s * platforms).astype(np.int64), platforms - 1)
    counts = np.bincount(of_host, minlength=platforms)
    # The hosts of each platform, in a row after those of the platforms before.
    in_order = np.argsort(of_host, kind="stable")
    place = (np.cumsum(counts) - counts)[platform] + rng.integers(0, counts[platform], len(at_s))
    return np.asarray(in_order[place])


def _draw_clients(design: Design, platform: Ints, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """The library of each connection, and whether it is off its platform's default loop; arms dealt evenly."""
    by_platform = [arms_on(design.clients, name) for name in design.platforms]
    counts = np.array([len(arms) for arms in by_platform])
    # One number decides on every platform, and divides evenly into the arms of each.
    drawn = rng.integers(0, math.lcm(*counts.tolist()), len(platform)) % counts[platform]
    client = np.zeros(len(platform), dtype=np.int64)
    off_default = np.zeros(len(platform), dtype=np.bool_)
    for p, (name, arms) in enumerate(zip(design.platforms, by_platform, strict=True)):
        mine = platform == p
        client[mine] = np.array([CLIENTS.index(library) for library, _ in arms])[drawn[mine]]
        off_default[mine] = np.array([loop != arm_of(library, name)[1] for library, loop in arms])[drawn[mine]]
    return client, off_default


def _draw_subjects(design: Design, at_s: Floats, platform: Ints, rng: np.random.Generator) -> Ints:
    rate = design.connections / design.duration_s * WINDOW_S
    pool = design.subjects or int(np.clip(rate, 20, 20_000))
    if design.order == "random":
        return rng.integers(0, pool, len(at_s))
    # Four groups of users take turns; the suspect platform gets the group that the other one just had.
    group = ((at_s // HANDOVER_S).astype(np.int64) - (platform == 0)) % 4
    user: Ints = rng.integers(0, max(1, pool // 4), len(at_s))
    return np.asarray(user * 4 + group)


def connects_in_window(sessions: Sessions) -> Ints:
    """(n,) ordinal of each connect among its user's connects of the last `WINDOW_S`, itself included."""
    scene = sessions.scene
    subject = np.concatenate([scene.recent[0], sessions.subject])
    at_s = np.concatenate([scene.recent[1], sessions.at_s])
    span = scene.design.duration_s + 2 * WINDOW_S
    key = subject * span + at_s + WINDOW_S
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    earlier = np.searchsorted(ordered, ordered - WINDOW_S, side="left")
    # The window must not reach into the user before this one.
    earlier = np.maximum(earlier, np.searchsorted(ordered, subject[order] * span, side="left"))
    ordinal = np.empty(len(key), dtype=np.int64)
    ordinal[order] = np.arange(len(key)) - earlier + 1
    late = at_s > at_s.max(initial=0.0) - WINDOW_S
    scene.recent = (subject[late], at_s[late])
    return ordinal[len(ordinal) - len(sessions.subject) :]


def retried(sessions: Sessions, failed: Bools, *, wait_s: float) -> Sessions:
    """The second tries of connects that failed, after a pause, with nothing gone wrong yet."""
    at_s = sessions.at_s[failed] + wait_s
    return _again(sessions, failed, at_s, delay=sessions.delay[failed], retry=sessions.retry + 1)


def reconnected(sessions: Sessions) -> Sessions:
    """The next connections of users whose connection broke before the run's end, with their arms dealt anew."""
    design, rng = sessions.design, sessions.rng
    ready, open_s, fault = sessions.end()
    over_s = sessions.at_s + CONNECT_BUDGET_S * sessions.budget_factor
    over_s[ready] = sessions.at_s[ready] + READY_S + open_s
    broken = sessions.connect_fault != 0
    broken[ready] = fault != 0
    next_s = over_s + rng.uniform(*RECONNECT_S, len(over_s))
    chosen = broken & (next_s < design.duration_s)
    delay = rng.integers(0, len(design.delays_s), int(chosen.sum()))
    return _again(sessions, chosen, next_s[chosen], delay=delay, retry=sessions.retry)


def _again(sessions: Sessions, chosen: Bools, at_s: Floats, *, delay: Ints, retry: int) -> Sessions:
    """Another connection for each of the sessions chosen, of the same user on the same machine."""
    scene, rng, host = sessions.scene, sessions.rng, sessions.host[chosen]
    is_first = sessions.is_first[chosen]
    exchange_at_s, hold_s = _plan(scene.design, at_s, is_first, rng)
    instance = _instances(scene, host, rng)
    shape = exchange_at_s.shape
    again = Sessions(
        scene=scene,
        rng=rng,
        at_s=at_s,
        host=host,
        client=sessions.client[chosen],
        off_default=sessions.off_default[chosen],
        delay=delay,
        mitigation=sessions.mitigation[chosen],
        instance=instance,
        subject=sessions.subject[chosen],
        retry=retry,
        hold_s=hold_s,
        token_age_s=sessions.token_age_s[chosen],
        exchange_at_s=exchange_at_s,
        operation=_prefix(sessions.operation[chosen], shape[1]),
        **_unharmed(scene.design, is_first, shape, rng),
        idle_s=_gaps(at_s, exchange_at_s),
    )
    if scene.design.balancing == "user":
        again.instance = sessions.instance[chosen]
    if any(scene.design.sides.preface_share):
        again.preface = sessions.preface[chosen]
    again.scenario, again.budget_factor = sessions.scenario[chosen], sessions.budget_factor[chosen]
    again.sent_bytes = _prefix(sessions.sent_bytes[chosen], shape[1])
    return again


def _prefix(values: Ints, width: int) -> Ints:
    """The first columns of values; a row that is too short begins again."""
    return np.asarray(values[:, np.arange(width) % values.shape[1]])


def joined(parts: Sequence[Sessions]) -> Sessions:
    """Sessions of several drawings as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    most = max(part.exchange_at_s.shape[1] for part in parts)
    together: dict[str, Any] = {}
    for f in fields(Sessions):
        values = [getattr(part, f.name) for part in parts]
        if f.name in ("scene", "rng", "retry"):
            together[f.name] = values[0]
        elif values[0].ndim == 1:
            together[f.name] = np.concatenate(values)
        else:
            filler = NEVER_S if f.name == "exchange_at_s" else 0
            widths = [((0, 0), (0, most - part.shape[1])) for part in values]
            padded = [np.pad(v, w, constant_values=filler) for v, w in zip(values, widths, strict=True)]
            together[f.name] = np.concatenate(padded)
    return Sessions(**together)


def lived(sessions: Sessions, strike: Callable[[Sessions], None]) -> Sessions:
    """The sessions after what the world did to them; users whose sessions last the run come back when one breaks."""
    happen(sessions, strike)
    parts = [sessions]
    while sessions.design.is_held and len(parts) <= MOST_RECONNECTS:
        following = reconnected(parts[-1])
        if len(following.at_s) == 0:
            break
        happen(following, strike)
        parts.append(following)
    return joined(parts)


def happen(sessions: Sessions, strike: Callable[[Sessions], None]) -> None:
    """What the world does, then what happens anywhere: silence of any kind, at the base risk of host and minute.

    Silence of the server's alone is not among it: that would be the server's fault.
    """
    strike(sessions)
    scene = sessions.scene
    factor = scene.base_risk * scene.host_factor[sessions.host] / len(EVERYDAY)
    for fault in EVERYDAY:
        sessions.strike_connects(factor * _of_minute(scene, sessions.at_s), fault)
        sessions.strike_exchanges(factor[:, None] * _of_minute(scene, sessions.exchange_at_s), fault)


def _of_minute(scene: Scene, at_s: Floats) -> Floats:
    minute = np.clip((at_s // 60.0).astype(np.int64), 0, len(scene.minute_factor) - 1)
    return np.asarray(scene.minute_factor[minute])
