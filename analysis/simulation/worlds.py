"""The worlds of the simulator, one table: what goes wrong in each, and what an analysis should say of it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from analysis.simulation import strikes
from analysis.simulation.broken_sessions import Breaks
from analysis.simulation.design import SELECTOR, Design, DesignError, Sides, arm_of, arms_on
from analysis.simulation.fails import Fails
from analysis.simulation.network_worlds import NETWORK_WORLDS
from analysis.simulation.world import World


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
            effects=_everywhere("network"),
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
            name="scenarios_apart",
            title="the suspect's hosts run one scenario and the others another, which the server fails now and then",
            mechanisms=lambda design: (Fails(dose=design.effect, burst_only=True),),
            defaults=MappingProxyType({"effect": 0.04, "rows": 20_000, "sides": Sides(burst_share=(1.0, 0.0))}),
        ),
        World(
            name="scenarios_uneven",
            title="all hosts run both scenarios, the suspect's more of the one that the server fails now and then",
            mechanisms=lambda design: (Fails(dose=design.effect, burst_only=True),),
            defaults=MappingProxyType({"effect": 0.04, "rows": 35_000, "sides": Sides(burst_share=(0.6, 0.3))}),
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
        *NETWORK_WORLDS,
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
