"""The sessions of a simulated run, chunk by chunk: where, when, by whom, and what went wrong.

All arrays of one `Sessions` have a place for each connection (n), or for each of its exchanges
(n, EXCHANGES). Times are seconds since the run's start. Faults are numbers into `FAULTS`, 0 is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from analysis.design import ASYNCIO_CLIENT, CLIENTS, EXCHANGES, OPERATIONS, Bools, Design, Floats, Ints, arm_of, arms_on

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
# The loops, as the record names them.
LOOPS: Final = ("gevent-libuv", "gevent-libev", "asyncio-proactor", "asyncio-selector")


@dataclass(frozen=True, kw_only=True)
class Fault:
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


FAULTS: Final[dict[str, Fault]] = {
    "none": Fault(outcome="ok", cause="", ends_session=False),
    "silent": Fault(outcome="timeout", cause="silent_peer", ends_session=False, check="none"),
    "unanswered": Fault(outcome="timeout", cause="silent_peer", ends_session=False, check="pong"),
    "held_up": Fault(outcome="timeout", cause="silent_peer", ends_session=False, check="held up"),
    "late": Fault(outcome="timeout", cause="silent_peer", ends_session=False, check="late"),
    "reset": Fault(outcome="failed", cause="reset", closed_by="network", errno=104),
    "refused": Fault(outcome="failed", cause="refused", connect_phase="tcp", errno=111),
    "unavailable": Fault(outcome="failed", cause="http_status", connect_phase="upgrade", http_status=503),
    "server_error": Fault(outcome="failed", cause="server_error", close_code=1011, closed_by="server"),
    "server_closed": Fault(outcome="failed", cause="server_closed", close_code=1012, closed_by="server"),
    "auth_rejected": Fault(outcome="failed", cause="auth_rejected", close_code=1008, closed_by="server"),
    "subprotocol": Fault(outcome="failed", cause="subprotocol", connect_phase="upgrade", closed_by="client"),
    "harness": Fault(outcome="failed", cause="harness", ends_session=False),
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


@dataclass
class Sessions:
    """The connections of one chunk, and what the world did to them so far.

    Attributes:
        client: (n,) numbers into `CLIENTS`: the library.
        off_default: (n,) whether asyncio runs on another loop than the platform's default.
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
    started_up: Bools = field(default_factory=lambda: np.ones(0, dtype=np.bool_))

    @property
    def design(self) -> Design:
        """The run's parameters."""
        return self.scene.design

    @property
    def is_suspect(self) -> Bools:
        """(n,) whether a connection is on the first platform."""
        return np.asarray(self.scene.host_platform[self.host] == 0)

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

    def strike(self, risk: Risk, fault: str) -> None:
        """Let connects and exchanges fail with a risk for each connection (n,)."""
        self.strike_connects(risk, fault)
        self.strike_exchanges(np.asarray(risk)[..., None], fault)

    def strike_connects(self, risk: Risk, fault: str) -> None:
        """Let connects fail, (n,), those that did not fail already."""
        hit = (self.rng.random(self.at_s.shape) < risk) & (self.connect_fault == 0)
        self.connect_fault[hit] = FAULT_CODES[fault]

    def strike_exchanges(self, risk: Risk, fault: str) -> None:
        """Let exchanges fail, (n, EXCHANGES), those that did not fail already."""
        hit = (self.rng.random(self.exchange_at_s.shape) < risk) & (self.exchange_fault == 0)
        self.exchange_fault[hit] = FAULT_CODES[fault]

    def end_holds(self, at_s: Floats) -> None:
        """Let the peer end sessions at an age (n,), where they were meant to last longer."""
        self.hold_cut_s = np.minimum(self.hold_cut_s, at_s)

    def last_exchange(self) -> Ints:
        """(n,) number of exchanges each connection gets to: 0 if its connect failed."""
        ends = _ENDS_SESSION[self.exchange_fault]
        first_end = np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, EXCHANGES)
        in_time = ((self.exchange_at_s - self.at_s[:, None]) < self.hold_cut_s[:, None]).sum(axis=1)
        return np.where(self.connect_fault == 0, np.minimum(first_end, in_time), 0)


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
    hosts, platforms = design.host_count, len(design.platforms)
    platform = np.arange(hosts) % platforms
    site = platform % 2 if design.sites == "tied" else (np.arange(hosts) // platforms) % 2
    own = np.exp(design.host_sd * rng.standard_normal(hosts) - design.host_sd**2 / 2)
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
    )


def draw_sessions(scene: Scene, rng: np.random.Generator, *, first: int, count: int) -> Sessions:
    """Connections `first` to `first + count` of the run, evenly over its time."""
    design = scene.design
    total = design.connections
    at_s = (np.arange(first, first + count) + rng.random(count)) / total * design.duration_s
    delays = len(design.delays_s)
    in_blocks = (at_s // BLOCK_S).astype(np.int64) % delays
    delay = in_blocks if design.arms == "blocks" else rng.integers(0, delays, count)
    host = _draw_hosts(design, at_s, rng)
    exchange_at_s, hold_s = _plan(design, at_s, rng)
    client, off_default = _draw_clients(design, scene.host_platform[host], rng)
    return Sessions(
        scene=scene,
        rng=rng,
        at_s=at_s,
        host=host,
        client=client,
        off_default=off_default,
        delay=delay,
        mitigation=rng.integers(0, len(design.mitigations), count),
        instance=rng.integers(0, design.instances, count),
        subject=_draw_subjects(design, at_s, scene.host_platform[host], rng),
        retry=0,
        hold_s=hold_s,
        token_age_s=rng.random(count) * 0.8 * design.token_ttl_s,
        exchange_at_s=exchange_at_s,
        operation=rng.choice(len(OPERATIONS), size=(count, EXCHANGES), p=(0.5, 0.35, 0.15)),
        connect_fault=np.zeros(count, dtype=np.int64),
        exchange_fault=np.zeros((count, EXCHANGES), dtype=np.int64),
        hold_cut_s=np.full(count, np.inf),
        preface=np.zeros(count, dtype=np.int64),
        connect_lag_s=rng.exponential(0.002, count),
        exchange_lag_s=rng.exponential(0.002, (count, EXCHANGES)),
        started_up=np.ones(count, dtype=np.bool_),
    )


def _plan(design: Design, at_s: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    count = len(at_s)
    hold_s = rng.uniform(*design.hold_s, count)
    share = (np.arange(EXCHANGES) + rng.random((count, EXCHANGES))) / EXCHANGES
    # The session is ready a second after its start, at the latest in what goes well.
    return at_s[:, None] + 1.0 + share * (hold_s[:, None] - 1.0), hold_s


def _draw_hosts(design: Design, at_s: Floats, rng: np.random.Generator) -> Ints:
    platforms = len(design.platforms)
    if design.periods == "together":
        return rng.integers(0, design.host_count, len(at_s))
    platform = np.minimum((at_s / design.duration_s * platforms).astype(np.int64), platforms - 1)
    return rng.integers(0, design.hosts, len(at_s)) * platforms + platform


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
    rng, design = sessions.rng, sessions.design
    at_s = sessions.at_s[failed] + wait_s
    count = len(at_s)
    exchange_at_s, hold_s = _plan(design, at_s, rng)
    return Sessions(
        scene=sessions.scene,
        rng=rng,
        at_s=at_s,
        host=sessions.host[failed],
        client=sessions.client[failed],
        off_default=sessions.off_default[failed],
        delay=sessions.delay[failed],
        mitigation=sessions.mitigation[failed],
        instance=rng.integers(0, design.instances, count),
        subject=sessions.subject[failed],
        retry=sessions.retry + 1,
        hold_s=hold_s,
        token_age_s=sessions.token_age_s[failed],
        exchange_at_s=exchange_at_s,
        operation=sessions.operation[failed],
        connect_fault=np.zeros(count, dtype=np.int64),
        exchange_fault=np.zeros((count, EXCHANGES), dtype=np.int64),
        hold_cut_s=np.full(count, np.inf),
        preface=np.zeros(count, dtype=np.int64),
        connect_lag_s=rng.exponential(0.002, count),
        exchange_lag_s=rng.exponential(0.002, (count, EXCHANGES)),
        started_up=np.ones(count, dtype=np.bool_),
    )


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
