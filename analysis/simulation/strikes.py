"""Fault models for the simulator: each function marks some attempts of a chunk of sessions as failed.

They are the ways in which the staging server and its clients were seen to fail, or might be thought to; and
the traps, in which something else than what it looks like is at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from analysis.simulation.design import EXCHANGES, Design, Floats, Ints
from analysis.simulation.scene import is_within, random_windows
from analysis.simulation.sessions import LOOPS, WINDOW_S, Sessions

# A stall hits nearly everybody who waits, not all.
HIT: Final = 0.8
QUOTA: Final = 20
# What strikes connects only must strike so many times harder to make `effect` of all attempts.
PER_CONNECT: Final = 1 + EXCHANGES
EXPIRED_FOR_S: Final = 60.0


def nothing(sessions: Sessions) -> None:
    """Nothing goes wrong but what goes wrong anywhere."""


def latency(sessions: Sessions) -> None:
    """The budget is tight: the more of it the way takes, the more often it runs out."""
    delays = np.asarray(sessions.design.delays_s)
    sessions.strike(sessions.design.effect * sessions.delay_s / max(delays.max(), 1e-9), "late")


def interaction(sessions: Sessions) -> None:
    """Reads get stuck on the suspect platform, when the way is long."""
    is_highest = sessions.delay_s == max(sessions.design.delays_s)
    sessions.strike(sessions.design.effect * (is_highest & sessions.is_suspect), "silent")


def platform(sessions: Sessions) -> None:
    """Reads get stuck on the suspect platform, however short the way is."""
    sessions.strike(sessions.design.effect * sessions.is_suspect, "silent")


def own_loop(sessions: Sessions) -> None:
    """Reads get stuck on Windows' own asyncio loop, and on no other."""
    sessions.strike(sessions.design.effect * (sessions.loop == LOOPS.index("asyncio-proactor")), "silent")


def client(sessions: Sessions) -> None:
    """One client library loses replies on every platform."""
    sessions.strike(sessions.design.effect * (sessions.client == 1), "silent")


def blocked_loop(sessions: Sessions) -> None:
    """Some hosts' loops stand still now and then; who waits there meanwhile times out."""
    rng = sessions.rng
    for host, windows in enumerate(sessions.scene.host_windows):
        if len(windows) == 0:
            continue
        here = sessions.host == host
        connects = here & is_within(sessions.at_s, windows)
        exchanges = here[:, None] & is_within(sessions.exchange_at_s, windows)
        # Late by 0.55 to 0.95 of the budget: enough to explain a timeout, and not the lag of the pause.
        sessions.connect_lag_s[connects] = 10.0 * rng.uniform(0.55, 0.95, int(connects.sum()))
        sessions.exchange_lag_s[exchanges] = 5.0 * rng.uniform(0.55, 0.95, int(exchanges.sum()))
        sessions.strike_connects(HIT * connects, "silent")
        sessions.strike_exchanges(HIT * exchanges, "silent")


def stalls(sessions: Sessions) -> None:
    """The server's loop is blocked: everybody waits in vain at the same time."""
    windows = sessions.scene.windows
    sessions.strike_connects(HIT * is_within(sessions.at_s, windows), "silent")
    sessions.strike_exchanges(HIT * is_within(sessions.exchange_at_s, windows), "silent")


def cold_start(sessions: Sessions) -> None:
    """After each start the gate is shut: 503, a late 1011, or a welcome that does not come in time."""
    cold = is_within(sessions.at_s, sessions.scene.windows)
    sessions.started_up = sessions.started_up & ~cold
    for fault, share in (("unavailable", 0.5), ("server_error", 0.5), ("unanswered", 0.5)):
        sessions.strike_connects(share * cold, fault)


def quota(sessions: Sessions) -> None:
    """The server counts a user's connects of five minutes, and refuses beyond its limit."""
    sessions.strike_connects((connects_in_window(sessions) > QUOTA) * 1.0, "server_error")


def recycled(sessions: Sessions) -> None:
    """The worker restarts: open sessions are closed, new ones refused or reset."""
    windows = sessions.scene.windows
    down = is_within(sessions.at_s, windows)
    for fault, share in (("refused", 0.4), ("reset", 0.3), ("silent", 0.5)):
        sessions.strike_connects(share * down, fault)
    sessions.strike_exchanges(HIT * is_within(sessions.exchange_at_s, windows), "server_closed")


def bad_instance(sessions: Sessions) -> None:
    """One of the instances does not answer."""
    sessions.strike(sessions.design.effect * sessions.design.instances * (sessions.instance == 0), "silent")


def auth_dependency(sessions: Sessions) -> None:
    """The service that checks tokens is slow after a pause: good tokens are refused, in bursts."""
    sessions.strike_connects(HIT * is_within(sessions.at_s, sessions.scene.windows), "auth_rejected")


def expired(sessions: Sessions) -> None:
    """Some users do not renew their tokens: from its end on a token is refused."""
    late = sessions.rng.random(sessions.at_s.shape) < sessions.design.effect
    sessions.token_age_s[late] = sessions.design.token_ttl_s + EXPIRED_FOR_S
    sessions.strike_connects(late * 1.0, "auth_rejected")


def preface(sessions: Sessions) -> None:
    """Frames before the welcome: one client takes the first frame for it, and waits on."""
    led = sessions.rng.random(sessions.at_s.shape) < 5 * sessions.design.effect
    sessions.preface[led] = 1
    # The server did all it had to, and answers the ping: only the frame that came before says so.
    sessions.strike_connects(0.98 * (led & (sessions.client == 0)), "unanswered")


def subprotocol(sessions: Sessions) -> None:
    """The server names a subprotocol that one client did not offer."""
    named = sessions.rng.random(sessions.at_s.shape) < 3 * sessions.design.effect
    sessions.strike_connects((named & (sessions.client == 1)) * 1.0, "subprotocol")


def unrouted(sessions: Sessions) -> None:
    """One type of message is never answered; all others are."""
    sessions.strike_exchanges((sessions.operation == 2) * 1.0, "unanswered")


def age_limit(sessions: Sessions) -> None:
    """Whatever happens on it, a session is cut at ten minutes."""
    sessions.end_holds(600.0 + sessions.rng.uniform(0.0, 0.3, sessions.at_s.shape))


def endless(sessions: Sessions) -> None:
    """A step of the test itself never ends; the sockets are well."""
    sessions.strike_exchanges(sessions.design.effect, "harness")


def zombie(sessions: Sessions) -> None:
    """A session goes silent for ever and stays open; the next one is well."""
    exchanges = sessions.exchange_fault.shape[1]
    dead = sessions.rng.random(sessions.at_s.shape) < 2 * sessions.design.effect
    since = sessions.rng.integers(0, exchanges, sessions.at_s.shape)
    silent = dead[:, None] & (np.arange(exchanges) >= since[:, None])
    sessions.strike_exchanges(silent * 1.0, "unanswered")


def mute(sessions: Sessions) -> None:
    """The server leaves a request unanswered now and then, whoever asks."""
    sessions.strike(sessions.design.effect, "unanswered")


def swallowing_client(sessions: Sessions) -> None:
    """One client library swallows requests, and sends its pings: as if the server had kept silent."""
    sessions.strike_exchanges(sessions.design.effect * (sessions.client == 1)[:, None], "unanswered")


def swallowing_line(sessions: Sessions) -> None:
    """A middlebox of the first site swallows requests, and answers pings itself."""
    at_site = sessions.scene.host_site[sessions.host] == 0
    sessions.strike_exchanges(sessions.design.effect * at_site[:, None], "unanswered")


def patient(sessions: Sessions) -> None:
    """Welcomes come late now and then: half of them within twice the budget, all after a second try's pause."""
    names = np.asarray(sessions.design.mitigations)[sessions.mitigation]
    # Three times as often as in other worlds, since it strikes connects only.
    risk = 3 * sessions.design.effect * np.where(names == "longer_budget", 0.5, 1.0)
    sessions.strike_connects(risk * (0.1 if sessions.retry else 1.0), "unanswered")


def tied_instance(sessions: Sessions) -> None:
    """A load balancer that pins: each platform has instances of its own, one of them bad."""
    own = sessions.instance - sessions.instance % 2 + ~sessions.is_suspect
    sessions.instance = np.minimum(own, sessions.design.instances - 1)
    sessions.strike(sessions.design.effect * 2 * (sessions.instance == 0), "silent")


def first_half(sessions: Sessions) -> None:
    """The server is worse in the first half of the run, for everybody who is there."""
    half = sessions.design.duration_s / 2
    sessions.strike_connects(sessions.design.effect * (sessions.at_s < half), "silent")
    sessions.strike_exchanges(sessions.design.effect * (sessions.exchange_at_s < half), "silent")


def distance(sessions: Sessions) -> None:
    """The budget is tight, and the way of hosts far away is long without any delay of the tester's."""
    way_s = sessions.scene.host_rtt_s[sessions.host] + sessions.delay_s
    sessions.strike(sessions.design.effect * way_s / max(sessions.design.delays_s), "late")


def lossy_line(sessions: Sessions) -> None:
    """Whoever leaves through the first site loses replies."""
    sessions.strike(sessions.design.effect * (sessions.scene.host_site[sessions.host] == 0), "silent")


def sluggish(sessions: Sessions) -> None:
    """The suspect's machines are busy: loops are late by a little all the time, and replies get lost."""
    for lag_s in (sessions.connect_lag_s, sessions.exchange_lag_s):
        busy = sessions.rng.random(lag_s.shape) < 0.2
        here = sessions.is_suspect if lag_s.ndim == 1 else sessions.is_suspect[:, None]
        lag_s[busy & here] = 0.3
    sessions.strike(sessions.design.effect * sessions.is_suspect, "silent")


def bad_host(sessions: Sessions) -> None:
    """One machine is worse than others of its platform."""
    sessions.strike(sessions.design.effect * (sessions.host == 0), "silent")


def drift(sessions: Sessions) -> None:
    """The server gets worse from block to block and better again, whatever the delay."""
    sessions.strike_connects(sessions.design.effect * ((sessions.at_s // 600) % 3 == 2), "silent")
    sessions.strike_exchanges(sessions.design.effect * ((sessions.exchange_at_s // 600) % 3 == 2), "silent")


def bursts(length_s: float, *, of: int = 1) -> Callable[[Design, np.random.Generator], Floats]:
    """Bad moments of one length whose hits make `effect` of all attempts, where one `of` so many is hit."""

    def draw(design: Design, rng: np.random.Generator) -> Floats:
        share = min(0.5, of * design.effect / HIT)
        return random_windows(rng, duration_s=design.duration_s, share=share, length_s=length_s)

    return draw


def pauses(design: Design, host: int, rng: np.random.Generator) -> Floats | None:
    """Twenty seconds of a standing loop, again and again, on every second host of each platform."""
    if design.host_turns[host] % 2:
        return None
    return random_windows(rng, duration_s=design.duration_s, share=2 * design.effect / HIT, length_s=20.0)


def subjects_at_quota(design: Design) -> int:
    """So many users that connects beyond the quota are `effect` of all attempts (counts are Poisson's)."""
    from scipy.optimize import brentq
    from scipy.stats import poisson

    # A connect is the twenty-first where twenty others came before it.
    risk = min(0.5, max(1e-6, PER_CONNECT * design.effect))
    rate = brentq(lambda mean: poisson.sf(QUOTA - 1, mean) - risk, 0.1, 3.0 * QUOTA)
    return max(1, round(design.connections / design.duration_s * 300.0 / rate))


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
