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

from analysis.claims import registry
from analysis.simulation import strikes
from analysis.simulation.broken_sessions import Breaks
from analysis.simulation.design import PROBES, SELECTOR, Design, DesignError, Floats, Ints, Sides, arm_of, arms_on
from analysis.simulation.fails import Fails
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.scene import Scene, is_within, open_scene
from analysis.simulation.sessions import Sessions
from analysis.simulation.truths import Code, truth_of


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a verdict on a world may say.

    Attributes:
        effects: Size of what is really there, by claim; 0 where a claim is not named.
        confirm: Claims that enough data should confirm (those that the world was made for).
        must_not_confirm: A `confirmed` here is a false one.
        must_not_rule_out: A `ruled_out` here is a false one.
        unearned: A `ruled_out` here is right by luck: the design cannot tell.
        parts: Size of what is there of some claims' parts, by name (`calibrate.part_states`).
        codes: The truth in the words of `truths.py`, where the world is one of mechanisms.
    """

    effects: Mapping[str, float]
    confirm: frozenset[str]
    must_not_confirm: frozenset[str]
    must_not_rule_out: frozenset[str]
    parts: Mapping[str, float]
    unearned: frozenset[str] = frozenset()
    codes: Mapping[str, Code] | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """One mechanism, with its truth.

    Attributes:
        strike: Lets attempts fail, chunk by chunk.
        mechanisms: What goes wrong as data; the truth then follows from it, and from none of the next five.
        effects: The truth for a design; what happens anywhere (`base_risk`) is left to `truth`.
        parts: The same of claims' parts, where the world was made to tell them apart.
        aims: The claims that it was made to be told by; power is measured on them.
        undecided: Claims that this design cannot tell: neither state is right.
        open: Claims on which either of two states is defensible; not scored.
        defaults: Parameters of the design that make the world what it is.
        base_risk: See `Design.base_risk`.
        windows: The server's bad moments; `host_windows` each host's own (None: this host has none).
        lossy_site: The first site's line loses what `effect` says, of probes as well.
        subjects: How many users the hosts share, where that matters (`Design.subjects`).
        firewall: Share of the bare TCP probes that a firewall drops, always and everywhere.
        is_bare: Nothing goes wrong here, and the truth follows from the design alone.
    """

    name: str
    title: str
    strike: Callable[[Sessions], None] = strikes.nothing
    mechanisms: Callable[[Design], tuple[Mechanism, ...]] = lambda design: ()
    effects: Callable[[Design], dict[str, float]] = lambda design: {}
    parts: Callable[[Design], dict[str, float]] = lambda design: {}
    aims: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    base_risk: float = 0.001
    windows: Callable[[Design, np.random.Generator], Floats] | None = None
    host_windows: Callable[[Design, int, np.random.Generator], Floats | None] | None = None
    lossy_site: bool = False
    subjects: Callable[[Design], int] | None = None
    firewall: float = 0.0
    is_bare: bool = False

    def design(self, **given: Any) -> Design:
        """The world's design, with what the caller gives on top.

        Raises:
            DesignError: A value that cannot be drawn.
        """
        drawn = Design(**{**self.defaults, **given})
        if self.subjects is not None and drawn.subjects is None:
            return replace(drawn, subjects=self.subjects(drawn))
        return drawn

    def scene(self, design: Design) -> Scene:
        """What all chunks of a run of this design share; the same design and seed give the same scene."""
        return open_scene(
            design,
            base_risk=self.base_risk if design.base_risk is None else design.base_risk,
            windows=self.windows,
            host_windows=self.host_windows,
            rng=np.random.default_rng(np.random.SeedSequence(design.seed).spawn(1)[0]),
        )

    def happens(self, sessions: Sessions) -> None:
        """Let go wrong what goes wrong here."""
        self.strike(sessions)
        for mechanism in self.mechanisms(sessions.design):
            mechanism.strike(sessions)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """What troubles the sessions' server or line troubles the probes: the control of the method's section 9."""
        line = self.lossy_site * scene.design.effect * (scene.host_site[host] == 0)
        # A server that stalls or is down still has a listening kernel: tcp goes well.
        risk = np.where(is_within(at_s, scene.windows) & (probe > 0), strikes.HIT, line)
        for mechanism in self.mechanisms(scene.design):
            risk = np.maximum(risk, mechanism.probe_risk(scene, at_s, host, probe))
        dropped = self.firewall * (probe == PROBES.index("tcp"))
        return np.asarray(1.0 - (1.0 - risk) * (1.0 - dropped))

    def truth(self, design: Design, *, margin: float = 0.005) -> Truth:
        """What may be said of a run of this design."""
        mechanisms = self.mechanisms(design)
        if mechanisms or self.is_bare:
            return self._by_mechanisms(design, mechanisms, margin)
        base = self.base_risk if design.base_risk is None else design.base_risk
        effects = {"intermittent": 0.0, **self.effects(design)}
        effects["intermittent"] += base
        beyond = {claim for claim, size in effects.items() if size > margin}
        scored = set(registry.names()) - set(self.open)
        return Truth(
            effects=MappingProxyType(effects),
            confirm=frozenset(beyond & set(self.aims)),
            must_not_confirm=frozenset(scored - beyond | set(self.undecided)),
            must_not_rule_out=frozenset(scored & beyond | set(self.undecided)),
            parts=MappingProxyType(self.parts(design)),
        )

    def _by_mechanisms(self, design: Design, mechanisms: tuple[Mechanism, ...], margin: float) -> Truth:
        codes = truth_of(self.scene(design), mechanisms, margin=margin)
        there = {claim for claim, code in codes.items() if code in ("Y", "Y?")}
        return Truth(
            effects=MappingProxyType({}),
            confirm=frozenset(there & set(self.aims)),
            must_not_confirm=frozenset(claim for claim, code in codes.items() if code in ("n", "?")),
            must_not_rule_out=frozenset(there),
            unearned=frozenset(claim for claim, code in codes.items() if code == "?"),
            parts=MappingProxyType({}),
            codes=MappingProxyType(dict(codes)),
        )


def _everywhere(*claims: str) -> Callable[[Design], dict[str, float]]:
    """The effect is that of `intermittent` and of each claim named."""
    return lambda design: {claim: design.effect for claim in ("intermittent", *claims)}


def _of_the_proactor(design: Design) -> dict[str, float]:
    """What the Proactor's fault is of each claim: the platform's is diluted over the clients it is compared by."""
    suspect = design.platforms[0]
    arms = arms_on(design.clients, suspect)
    compared = [arm for arm in arms if arm == arm_of(arm[0], suspect)]
    hit = [arm for arm in compared if arm[1] == "asyncio-proactor"]
    there = design.effect if hit else 0.0
    share = len(hit) / max(1, len(compared))
    return {"intermittent": there, "client": there if len(arms) > 1 else 0.0, "platform": share * design.effect}


# asyncio on every platform's own loop, and on the one loop that all of them have.
_ONE_LOOP: Final = MappingProxyType({"clients": ("websockets-asyncio", SELECTOR)})

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
            strike=strikes.latency,
            effects=_everywhere("latency"),
            aims=("intermittent", "latency"),
        ),
        World(
            name="W2",
            title="latency raises the risk on one platform only",
            strike=strikes.interaction,
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
            strike=strikes.platform,
            effects=_everywhere("platform"),
            aims=("intermittent", "platform"),
        ),
        World(
            name="system",
            title="one platform is worse on every loop: it is the system",
            strike=strikes.platform,
            effects=_everywhere("platform"),
            parts=lambda design: {"platform at equal loop": design.effect, "client loop": 0.0},
            defaults=_ONE_LOOP,
            aims=("intermittent", "platform"),
        ),
        World(
            name="proactor",
            title="Windows' own asyncio loop is worse, and no other: it is the loop",
            strike=strikes.own_loop,
            effects=_of_the_proactor,
            parts=lambda design: {"platform at equal loop": 0.0, "client loop": design.effect},
            defaults=_ONE_LOOP,
            aims=("intermittent", "platform", "client"),
        ),
        World(
            name="client",
            title="one client library is worse on every platform",
            strike=strikes.client,
            effects=_everywhere("client"),
            aims=("intermittent", "client"),
        ),
        World(
            name="W3",
            title="loops of some load generators stand still",
            strike=strikes.blocked_loop,
            effects=lambda design: {"client_loop": 2 * design.effect},
            host_windows=strikes.pauses,
            aims=("client_loop",),
            open=("intermittent",),
        ),
        World(
            name="W4",
            title="the server's loop stalls for ten seconds",
            strike=strikes.stalls,
            effects=_everywhere("server"),
            windows=strikes.bursts(10.0),
            aims=("intermittent", "server"),
        ),
        World(
            name="W5",
            title="cold starts: the gate is shut for half a minute",
            strike=strikes.cold_start,
            effects=_everywhere("server"),
            windows=strikes.bursts(30.0, of=strikes.PER_CONNECT),
            aims=("server",),
        ),
        World(
            name="W6",
            title="a quota of twenty connects in five minutes for each user",
            strike=strikes.quota,
            subjects=strikes.subjects_at_quota,
            effects=_everywhere("server"),
            aims=("server",),
        ),
        World(
            name="W7",
            title="the server is recycled: five seconds of refusals, resets and closed sessions",
            strike=strikes.recycled,
            effects=_everywhere("server"),
            windows=strikes.bursts(5.0),
            aims=("intermittent", "server"),
        ),
        World(
            name="W8",
            title="one of the server's instances does not answer",
            strike=strikes.bad_instance,
            effects=lambda design: {
                "intermittent": design.effect,
                "server": design.effect * design.instances,
            },
            aims=("intermittent", "server"),
        ),
        World(
            name="W9",
            title="the service that checks tokens is slow, in bursts: good tokens are refused",
            strike=strikes.auth_dependency,
            effects=_everywhere("auth", "server"),
            windows=strikes.bursts(20.0),
            aims=("auth", "server"),
        ),
        World(
            name="W10",
            title="tokens that were not renewed are refused",
            strike=strikes.expired,
            effects=lambda design: {"auth": design.effect},
            aims=("auth",),
            open=("intermittent",),
        ),
        World(
            name="W11",
            title="one client stumbles over frames before the welcome",
            strike=strikes.preface,
            effects=lambda design: {"format": design.effect},
            aims=("format",),
            open=("intermittent", "client"),
        ),
        World(
            name="W11b",
            title="the server names a subprotocol that one client did not offer",
            strike=strikes.subprotocol,
            effects=_everywhere("format"),
            aims=("format",),
        ),
        World(
            name="W12",
            title="one type of message is never answered",
            strike=strikes.unrouted,
            effects=lambda design: {"format": 1.0},
            aims=("format",),
            open=("intermittent", "server"),
        ),
        World(
            name="W13",
            title="every session is cut at an age of ten minutes",
            strike=strikes.age_limit,
            effects=lambda design: {"server": 1.0},
            defaults=MappingProxyType({"hold_s": (60.0, 900.0), "minutes": 120}),
            aims=("server",),
        ),
        World(
            name="W14",
            title="a step of the test itself never ends, and the sockets are well",
            strike=strikes.endless,
            open=("intermittent",),
        ),
        World(
            name="W15",
            title="sessions go silent for ever and stay open",
            strike=strikes.zombie,
            effects=_everywhere("server"),
            aims=("intermittent", "server"),
        ),
        World(
            name="mute",
            title="the server leaves a request unanswered now and then, whoever asks",
            strike=strikes.mute,
            effects=_everywhere("server"),
            aims=("intermittent", "server"),
        ),
        World(
            name="swallowing_client",
            title="one client library swallows requests, and still sends its pings",
            strike=strikes.swallowing_client,
            effects=_everywhere("client"),
            aims=("intermittent", "client"),
        ),
        World(
            name="swallowing_line",
            title="a middlebox of one site swallows requests, and answers pings itself",
            strike=strikes.swallowing_line,
            effects=_everywhere(),
            open=("server",),
        ),
        World(
            name="mitigation",
            title="welcomes come late: a second try or a longer budget helps",
            strike=strikes.patient,
            effects=lambda design: {"intermittent": 3 * design.effect / strikes.PER_CONNECT},
            defaults=MappingProxyType({"mitigations": ("none", "retry", "longer_budget")}),
            aims=("intermittent",),
            open=("server",),
        ),
        World(
            name="one_host",
            title="one host a platform, and the suspect's is a bad machine",
            strike=strikes.bad_host,
            effects=_everywhere(),
            defaults=MappingProxyType({"hosts": 1}),
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="tied_sites",
            title="the suspect's hosts all leave through one lossy line",
            strike=strikes.lossy_line,
            effects=_everywhere(),
            defaults=MappingProxyType({"sites": "tied"}),
            lossy_site=True,
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="tied_instances",
            title="each platform is pinned to instances of its own, one of them bad",
            strike=strikes.tied_instance,
            effects=lambda design: {"intermittent": design.effect, "server": 2 * design.effect},
            undecided=("platform",),
        ),
        World(
            name="fixed_order",
            title="the suspect inherits the users, and their quotas, of the other platform",
            strike=strikes.quota,
            subjects=strikes.subjects_at_quota,
            effects=_everywhere("server"),
            defaults=MappingProxyType({"order": "fixed"}),
        ),
        World(
            name="apart",
            title="one platform after the other, and the server was worse in the first half",
            strike=strikes.first_half,
            effects=_everywhere("server"),
            defaults=MappingProxyType({"periods": "apart"}),
            undecided=("platform",),
            open=("server",),
        ),
        World(
            name="blocks",
            title="delays switched every ten minutes, and the server drifts",
            strike=strikes.drift,
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
            strike=strikes.distance,
            effects=_everywhere("latency"),
            defaults=MappingProxyType({"far_s": 0.25}),
            aims=("intermittent",),
        ),
        World(
            name="sluggish",
            title="the suspect's machines are busy, their loops late by a little all the time",
            strike=strikes.sluggish,
            effects=_everywhere(),
            undecided=("platform",),
            open=("server",),
        ),
        # What broke the verdict in worlds that nobody had imagined; the truths follow from the mechanisms.
        World(
            name="whole_run_instances",
            title="sessions last the whole run, a few of them on a bad path, and the instances are innocent",
            mechanisms=lambda design: (Fails(dose=0.6, session_share=0.07, origin="network"),),
            defaults=MappingProxyType({"session_s": "run", "users": 120, "instances": 3, "rows": 30_000}),
            aims=("intermittent",),
        ),
        World(
            name="slow_connects",
            title="connects at the highest delay are late, and there are forty exchanges to a connect",
            mechanisms=lambda design: (
                Fails(dose=design.effect, kind="connect", arms="highest", fault="late", origin="network"),
            ),
            defaults=MappingProxyType({"session_s": 200.0, "effect": 0.08, "rows": 35_000}),
            aims=("latency",),
        ),
        World(
            name="rare_type",
            title="the server leaves one in ten of a rare type of message unanswered",
            mechanisms=lambda design: (Fails(dose=design.effect, operation="agent_request", fault="unanswered"),),
            defaults=MappingProxyType(
                {"session_s": 180.0, "effect": 0.1, "rows": 35_000, "sides": Sides(rare_share=(0.04, 0.04))}
            ),
            aims=("intermittent", "server"),
        ),
        World(
            name="errors_for_one_side",
            title="the server answers 1011 to the suspect's attempts and never to others, one host a side",
            mechanisms=lambda design: (Fails(dose=design.effect, suspect_only=True, fault="server_error"),),
            defaults=MappingProxyType({"hosts": 1, "minutes": 12, "effect": 0.025, "rows": 12_000}),
        ),
        World(
            name="tenants",
            title="the suspect's users belong to a tenant whose shard is bad",
            mechanisms=lambda design: (Fails(dose=design.effect, tenant_only=True, fault="unanswered"),),
            defaults=MappingProxyType({"effect": 0.04, "rows": 20_000, "sides": Sides(tenant_share=(1.0, 0.0))}),
        ),
        World(
            name="unequal_hosts",
            title="two laptops that differ and six equal machines, and nothing else",
            is_bare=True,
            base_risk=0.02,
            defaults=MappingProxyType({"hosts_of": (2, 6), "host_sd_of": (0.7, 0.05), "rows": 35_000}),
        ),
        World(
            name="address_hashing",
            title="a balancer that goes by addresses, one of its instances bad, and none of them named",
            mechanisms=lambda design: (Fails(dose=2 * design.effect, at_instance=True),),
            defaults=MappingProxyType(
                {"balancing": "address", "names_instances": False, "instances": 3, "rows": 20_000, "hosts": 4}
            ),
        ),
        World(
            name="one_reset",
            title="all sessions are reset, once",
            mechanisms=lambda design: (Breaks(times=1, how="reset"),),
            defaults=MappingProxyType({"session_s": "run", "users": 120, "rows": 20_000}),
        ),
        World(
            name="one_account",
            title="one account of forty never gets an answer, and the others always do",
            mechanisms=lambda design: (
                Fails(dose=1.0, one_account_in=40, kind="exchange", fault="unanswered", origin="account"),
            ),
            defaults=MappingProxyType({"subjects": 40, "rows": 20_000}),
        ),
        World(
            name="budgets_alike",
            title="one platform is worse, and budgets are drawn within two per cent of each other",
            mechanisms=lambda design: (Fails(dose=design.effect, suspect_only=True, origin="platform"),),
            defaults=MappingProxyType({"budget_spread": 0.01, "hosts": 4, "rows": 35_000}),
            aims=("intermittent", "platform"),
        ),
        World(
            name="firewalled_probes",
            title="the server stalls for ten seconds, and a firewall drops one in five bare TCP probes",
            mechanisms=lambda design: (Fails(dose=design.effect, moments_s=10.0),),
            firewall=0.2,
            defaults=MappingProxyType({"rows": 35_000}),
            aims=("intermittent", "server"),
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
