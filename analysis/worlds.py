"""The worlds of the simulator: what goes wrong in each, and what an analysis should say of it.

A world's truth is given as effects: for each claim the size of what is really there, on the scale on which
the claim is decided (an absolute difference of risks). A claim whose effect is beyond the margin should
be confirmed and must not be ruled out; one whose effect is inside it must not be confirmed. Where the design
cannot tell (one host a platform, arms in blocks), the claim must be neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from analysis.design import EXCHANGES, Bools, Design, DesignError, Floats
from analysis.model import CLAIMS
from analysis.sessions import Risk, Sessions, connects_in_window, is_within, random_windows

# A stall hits nearly everybody who waits, not all.
HIT: Final = 0.8
QUOTA: Final = 20
# What strikes connects only must strike so many times harder to make `effect` of all attempts.
PER_CONNECT: Final = 1 + EXCHANGES
EXPIRED_FOR_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a verdict on a world may say.

    Attributes:
        effects: Size of what is really there, by claim; 0 where a claim is not named.
        confirm: Claims that enough data should confirm (those that the world was made for).
        must_not_confirm: A `confirmed` here is a false one.
        must_not_rule_out: A `ruled_out` here is a false one.
    """

    effects: Mapping[str, float]
    confirm: frozenset[str]
    must_not_confirm: frozenset[str]
    must_not_rule_out: frozenset[str]


def _nothing(sessions: Sessions) -> None:
    """Nothing goes wrong but what goes wrong anywhere."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One mechanism, with its truth.

    Attributes:
        strike: Lets attempts fail, chunk by chunk.
        effects: The truth for a design; what happens anywhere (`base_risk`) is left to `truth`.
        aims: The claims that it was made to be told by; power is measured on them.
        undecided: Claims that this design cannot tell: neither state is right.
        open: Claims on which either of two states is defensible; not scored.
        defaults: Parameters of the design that make the world what it is.
        base_risk: See `Design.base_risk`.
        windows: The server's bad moments; `host_windows` each host's own (None: this host has none).
        lossy_site: The first site's line loses what `effect` says, of probes as well.
        subjects: How many users the hosts share, where that matters (`Design.subjects`).
    """

    name: str
    title: str
    strike: Callable[[Sessions], None] = _nothing
    effects: Callable[[Design], dict[str, float]] = lambda design: {}
    aims: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    base_risk: float = 0.001
    windows: Callable[[Design, np.random.Generator], Floats] | None = None
    host_windows: Callable[[Design, int, np.random.Generator], Floats | None] | None = None
    lossy_site: bool = False
    subjects: Callable[[Design], int] | None = None

    def design(self, **given: Any) -> Design:
        """The world's design, with what the caller gives on top.

        Raises:
            DesignError: A value that cannot be drawn.
        """
        drawn = Design(**{**self.defaults, **given})
        if self.subjects is not None and drawn.subjects is None:
            return replace(drawn, subjects=self.subjects(drawn))
        return drawn

    def truth(self, design: Design, *, margin: float = 0.005) -> Truth:
        """What may be said of a run of this design."""
        base = self.base_risk if design.base_risk is None else design.base_risk
        effects = {"intermittent": base, **self.effects(design)}
        beyond = {claim for claim, size in effects.items() if size > margin}
        scored = set(CLAIMS) - set(self.open)
        return Truth(
            effects=MappingProxyType(effects),
            confirm=frozenset(beyond & set(self.aims)),
            must_not_confirm=frozenset(scored - beyond | set(self.undecided)),
            must_not_rule_out=frozenset(scored & beyond | set(self.undecided)),
        )


def _at_highest_delay(sessions: Sessions) -> Risk:
    is_highest: Bools = sessions.delay_s == max(sessions.design.delays_s)
    return is_highest * sessions.design.effect


def _latency(sessions: Sessions) -> None:
    """The budget is tight: the more of it the way takes, the more often it runs out."""
    delays = np.asarray(sessions.design.delays_s)
    sessions.strike(sessions.design.effect * sessions.delay_s / max(delays.max(), 1e-9), "silent")


def _interaction(sessions: Sessions) -> None:
    """Reads get stuck on the suspect platform, when the way is long."""
    sessions.strike(_at_highest_delay(sessions) * sessions.is_suspect, "silent")


def _platform(sessions: Sessions) -> None:
    """Reads get stuck on the suspect platform, however short the way is."""
    sessions.strike(sessions.design.effect * sessions.is_suspect, "silent")


def _client(sessions: Sessions) -> None:
    """One client library loses replies on every platform."""
    sessions.strike(sessions.design.effect * (sessions.client == 1), "silent")


def _blocked_loop(sessions: Sessions) -> None:
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


def _stalls(sessions: Sessions) -> None:
    """The server's loop is blocked: everybody waits in vain at the same time."""
    windows = sessions.scene.windows
    sessions.strike_connects(HIT * is_within(sessions.at_s, windows), "silent")
    sessions.strike_exchanges(HIT * is_within(sessions.exchange_at_s, windows), "silent")


def _cold_start(sessions: Sessions) -> None:
    """After each start the gate is shut: 503, a late 1011, or a welcome that does not come in time."""
    cold = is_within(sessions.at_s, sessions.scene.windows)
    sessions.started_up = sessions.started_up & ~cold
    for fault, share in (("unavailable", 0.5), ("server_error", 0.5), ("silent", 0.5)):
        sessions.strike_connects(share * cold, fault)


def _quota(sessions: Sessions) -> None:
    """The server counts a user's connects of five minutes, and refuses beyond its limit."""
    sessions.strike_connects((connects_in_window(sessions) > QUOTA) * 1.0, "server_error")


def _recycled(sessions: Sessions) -> None:
    """The worker restarts: open sessions are closed, new ones refused or reset."""
    windows = sessions.scene.windows
    down = is_within(sessions.at_s, windows)
    for fault, share in (("refused", 0.4), ("reset", 0.3), ("silent", 0.5)):
        sessions.strike_connects(share * down, fault)
    sessions.strike_exchanges(HIT * is_within(sessions.exchange_at_s, windows), "server_closed")


def _bad_instance(sessions: Sessions) -> None:
    """One of the instances does not answer."""
    sessions.strike(sessions.design.effect * sessions.design.instances * (sessions.instance == 0), "silent")


def _auth_dependency(sessions: Sessions) -> None:
    """The service that checks tokens is slow after a pause: good tokens are refused, in bursts."""
    sessions.strike_connects(HIT * is_within(sessions.at_s, sessions.scene.windows), "auth_rejected")


def _expired(sessions: Sessions) -> None:
    """Some users do not renew their tokens: from its end on a token is refused."""
    late = sessions.rng.random(sessions.at_s.shape) < sessions.design.effect
    sessions.token_age_s[late] = sessions.design.token_ttl_s + EXPIRED_FOR_S
    sessions.strike_connects(late * 1.0, "auth_rejected")


def _preface(sessions: Sessions) -> None:
    """Frames before the welcome: one client takes the first frame for it, and waits on."""
    led = sessions.rng.random(sessions.at_s.shape) < 5 * sessions.design.effect
    sessions.preface[led] = 1
    sessions.strike_connects(0.98 * (led & (sessions.client == 0)), "silent")


def _subprotocol(sessions: Sessions) -> None:
    """The server names a subprotocol that one client did not offer."""
    named = sessions.rng.random(sessions.at_s.shape) < 3 * sessions.design.effect
    sessions.strike_connects((named & (sessions.client == 1)) * 1.0, "subprotocol")


def _unrouted(sessions: Sessions) -> None:
    """One type of message is never answered; all others are."""
    sessions.strike_exchanges((sessions.operation == 2) * 1.0, "silent")


def _age_limit(sessions: Sessions) -> None:
    """Whatever happens on it, a session is cut at ten minutes."""
    sessions.end_holds(600.0 + sessions.rng.uniform(0.0, 0.3, sessions.at_s.shape))


def _endless(sessions: Sessions) -> None:
    """A step of the test itself never ends; the sockets are well."""
    sessions.strike_exchanges(sessions.design.effect, "harness")


def _zombie(sessions: Sessions) -> None:
    """A session goes silent for ever and stays open; the next one is well."""
    exchanges = sessions.exchange_fault.shape[1]
    dead = sessions.rng.random(sessions.at_s.shape) < 2 * sessions.design.effect
    since = sessions.rng.integers(0, exchanges, sessions.at_s.shape)
    silent = dead[:, None] & (np.arange(exchanges) >= since[:, None])
    sessions.strike_exchanges(silent * 1.0, "silent")


def _patient(sessions: Sessions) -> None:
    """Welcomes come late now and then: half of them within twice the budget, all after a second try's pause."""
    names = np.asarray(sessions.design.mitigations)[sessions.mitigation]
    # Three times as often as in other worlds, since it strikes connects only.
    risk = 3 * sessions.design.effect * np.where(names == "longer_budget", 0.5, 1.0)
    sessions.strike_connects(risk * (0.1 if sessions.retry else 1.0), "silent")


def _tied_instance(sessions: Sessions) -> None:
    """A load balancer that pins: each platform has instances of its own, one of them bad."""
    own = sessions.instance - sessions.instance % 2 + ~sessions.is_suspect
    sessions.instance = np.minimum(own, sessions.design.instances - 1)
    sessions.strike(sessions.design.effect * 2 * (sessions.instance == 0), "silent")


def _first_half(sessions: Sessions) -> None:
    """The server is worse in the first half of the run, for everybody who is there."""
    half = sessions.design.duration_s / 2
    sessions.strike_connects(sessions.design.effect * (sessions.at_s < half), "silent")
    sessions.strike_exchanges(sessions.design.effect * (sessions.exchange_at_s < half), "silent")


def _distance(sessions: Sessions) -> None:
    """The budget is tight, and the way of hosts far away is long without any delay of the tester's."""
    way_s = sessions.scene.host_rtt_s[sessions.host] + sessions.delay_s
    sessions.strike(sessions.design.effect * way_s / max(sessions.design.delays_s), "silent")


def _lossy_line(sessions: Sessions) -> None:
    """Whoever leaves through the first site loses replies."""
    sessions.strike(sessions.design.effect * (sessions.scene.host_site[sessions.host] == 0), "silent")


def _sluggish(sessions: Sessions) -> None:
    """The suspect's machines are busy: loops are late by a little all the time, and replies get lost."""
    for lag_s in (sessions.connect_lag_s, sessions.exchange_lag_s):
        busy = sessions.rng.random(lag_s.shape) < 0.2
        here = sessions.is_suspect if lag_s.ndim == 1 else sessions.is_suspect[:, None]
        lag_s[busy & here] = 0.3
    sessions.strike(sessions.design.effect * sessions.is_suspect, "silent")


def _bad_host(sessions: Sessions) -> None:
    """One machine is worse than others of its platform."""
    sessions.strike(sessions.design.effect * (sessions.host == 0), "silent")


def _drift(sessions: Sessions) -> None:
    """The server gets worse from block to block and better again, whatever the delay."""
    sessions.strike_connects(sessions.design.effect * ((sessions.at_s // 600) % 3 == 2), "silent")
    sessions.strike_exchanges(sessions.design.effect * ((sessions.exchange_at_s // 600) % 3 == 2), "silent")


def _bursts(length_s: float, *, of: int = 1) -> Callable[[Design, np.random.Generator], Floats]:
    """Bad moments of one length whose hits make `effect` of all attempts, where one `of` so many is hit."""

    def draw(design: Design, rng: np.random.Generator) -> Floats:
        share = min(0.5, of * design.effect / HIT)
        return random_windows(rng, duration_s=design.duration_s, share=share, length_s=length_s)

    return draw


def _pauses(design: Design, host: int, rng: np.random.Generator) -> Floats | None:
    """Twenty seconds of a standing loop, again and again, on every second host of each platform."""
    if host // len(design.platforms) % 2:
        return None
    return random_windows(rng, duration_s=design.duration_s, share=2 * design.effect / HIT, length_s=20.0)


def _subjects_at_quota(design: Design) -> int:
    """So many users that connects beyond the quota are `effect` of all attempts (counts are Poisson's)."""
    from scipy.optimize import brentq
    from scipy.stats import poisson

    # A connect is the twenty-first where twenty others came before it.
    risk = min(0.5, max(1e-6, PER_CONNECT * design.effect))
    rate = brentq(lambda mean: poisson.sf(QUOTA - 1, mean) - risk, 0.1, 3.0 * QUOTA)
    return max(1, round(design.connections / design.duration_s * 300.0 / rate))


def _everywhere(*claims: str) -> Callable[[Design], dict[str, float]]:
    """The effect is that of `intermittent` and of each claim named."""
    return lambda design: {claim: design.effect for claim in ("intermittent", *claims)}


WORLDS: Final[dict[str, World]] = {
    world.name: world
    for world in (
        World(name="healthy", title="nothing goes wrong but once in ten thousand times", base_risk=0.0001),
        World(
            name="null",
            title="two in a hundred time out on every host, in every arm: nothing to compare",
            base_risk=0.02,
            open=("server",),
        ),
        World(
            name="W1",
            title="latency through a tight budget, alike on every platform",
            strike=_latency,
            effects=_everywhere("latency"),
            aims=("intermittent", "latency"),
        ),
        World(
            name="W2",
            title="latency raises the risk on one platform only",
            strike=_interaction,
            effects=lambda design: {
                "intermittent": design.effect,
                "platform_x_latency": design.effect,
                "platform": design.effect / len(design.delays_s),
            },
            aims=("intermittent", "platform_x_latency"),
        ),
        World(
            name="W2b",
            title="one platform is worse at every latency",
            strike=_platform,
            effects=_everywhere("platform"),
            aims=("intermittent", "platform"),
        ),
        World(
            name="client",
            title="one client library is worse on every platform",
            strike=_client,
            effects=_everywhere("client"),
            aims=("intermittent", "client"),
        ),
        World(
            name="W3",
            title="loops of some load generators stand still",
            strike=_blocked_loop,
            effects=lambda design: {"client_loop": 2 * design.effect},
            host_windows=_pauses,
            aims=("client_loop",),
            open=("intermittent",),
        ),
        World(
            name="W4",
            title="the server's loop stalls for ten seconds",
            strike=_stalls,
            effects=_everywhere("server"),
            windows=_bursts(10.0),
            aims=("intermittent", "server"),
        ),
        World(
            name="W5",
            title="cold starts: the gate is shut for half a minute",
            strike=_cold_start,
            effects=_everywhere("server"),
            windows=_bursts(30.0, of=PER_CONNECT),
            aims=("server",),
        ),
        World(
            name="W6",
            title="a quota of twenty connects in five minutes for each user",
            strike=_quota,
            subjects=_subjects_at_quota,
            effects=_everywhere("server"),
            aims=("server",),
        ),
        World(
            name="W7",
            title="the server is recycled: five seconds of refusals, resets and closed sessions",
            strike=_recycled,
            effects=_everywhere("server"),
            windows=_bursts(5.0),
            aims=("intermittent", "server"),
        ),
        World(
            name="W8",
            title="one of the server's instances does not answer",
            strike=_bad_instance,
            effects=lambda design: {
                "intermittent": design.effect,
                "server": design.effect * design.instances,
            },
            aims=("intermittent", "server"),
        ),
        World(
            name="W9",
            title="the service that checks tokens is slow, in bursts: good tokens are refused",
            strike=_auth_dependency,
            effects=_everywhere("auth", "server"),
            windows=_bursts(20.0),
            aims=("auth", "server"),
        ),
        World(
            name="W10",
            title="tokens that were not renewed are refused",
            strike=_expired,
            effects=lambda design: {"auth": design.effect},
            aims=("auth",),
            open=("intermittent",),
        ),
        World(
            name="W11",
            title="one client stumbles over frames before the welcome",
            strike=_preface,
            effects=lambda design: {"format": design.effect},
            aims=("format",),
            open=("intermittent", "client"),
        ),
        World(
            name="W11b",
            title="the server names a subprotocol that one client did not offer",
            strike=_subprotocol,
            effects=_everywhere("format"),
            aims=("format",),
        ),
        World(
            name="W12",
            title="one type of message is never answered",
            strike=_unrouted,
            effects=lambda design: {"format": 1.0},
            aims=("format",),
            open=("intermittent", "server"),
        ),
        World(
            name="W13",
            title="every session is cut at an age of ten minutes",
            strike=_age_limit,
            effects=lambda design: {"server": 1.0},
            defaults=MappingProxyType({"hold_s": (60.0, 900.0), "minutes": 120}),
            aims=("server",),
        ),
        World(
            name="W14",
            title="a step of the test itself never ends, and the sockets are well",
            strike=_endless,
            open=("intermittent",),
        ),
        World(
            name="W15",
            title="sessions go silent for ever and stay open",
            strike=_zombie,
            effects=_everywhere("server"),
            aims=("intermittent",),
        ),
        World(
            name="mitigation",
            title="welcomes come late: a second try or a longer budget helps",
            strike=_patient,
            effects=lambda design: {"intermittent": 3 * design.effect / PER_CONNECT},
            defaults=MappingProxyType({"mitigations": ("none", "retry", "longer_budget")}),
            aims=("intermittent",),
            open=("server",),
        ),
        World(
            name="one_host",
            title="one host a platform, and the suspect's is a bad machine",
            strike=_bad_host,
            effects=_everywhere(),
            defaults=MappingProxyType({"hosts": 1}),
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="tied_sites",
            title="the suspect's hosts all leave through one lossy line",
            strike=_lossy_line,
            effects=_everywhere(),
            defaults=MappingProxyType({"sites": "tied"}),
            lossy_site=True,
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="tied_instances",
            title="each platform is pinned to instances of its own, one of them bad",
            strike=_tied_instance,
            effects=lambda design: {"intermittent": design.effect, "server": 2 * design.effect},
            undecided=("platform",),
        ),
        World(
            name="fixed_order",
            title="the suspect inherits the users, and their quotas, of the other platform",
            strike=_quota,
            subjects=_subjects_at_quota,
            effects=_everywhere("server"),
            defaults=MappingProxyType({"order": "fixed"}),
        ),
        World(
            name="apart",
            title="one platform after the other, and the server was worse in the first half",
            strike=_first_half,
            effects=_everywhere("server"),
            defaults=MappingProxyType({"periods": "apart"}),
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="blocks",
            title="delays switched every ten minutes, and the server drifts",
            strike=_drift,
            effects=_everywhere("server"),
            defaults=MappingProxyType({"arms": "blocks"}),
            undecided=("latency",),
            open=("server",),
        ),
        World(
            name="no_delay",
            title="the relay's delay does not arrive",
            effects=_everywhere(),
            defaults=MappingProxyType({"delay_arrives": False}),
            base_risk=0.02,
            undecided=("latency", "platform_x_latency"),
            open=("server",),
        ),
        World(
            name="far",
            title="the suspect's hosts are far away, and distance costs budget on every platform",
            strike=_distance,
            effects=_everywhere("latency"),
            defaults=MappingProxyType({"far_s": 0.25}),
            aims=("intermittent",),
        ),
        World(
            name="sluggish",
            title="the suspect's machines are busy, their loops late by a little all the time",
            strike=_sluggish,
            effects=_everywhere(),
            undecided=("platform",),
            open=("server",),
        ),
    )
}


def world(name: str) -> World:
    """The world of a name.

    Raises:
        DesignError: There is none; the sentence names those that there are.
    """
    try:
        return WORLDS[name]
    except KeyError:
        raise DesignError(f"there is no world {name!r}: choose one of {', '.join(WORLDS)}") from None
