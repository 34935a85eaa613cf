"""Worlds in which kernels are asked where timeouts were lost: lines that lose, cut and forget, and their controls.

Each trouble of a line is there twice: at the first of two sites that all platforms share, and at the one site of the
suspect platform, where it must not be taken for the platform's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from analysis.simulation.broken_sessions import Breaks, Forgets
from analysis.simulation.design import Design
from analysis.simulation.fails import Fails
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.world import World

ASKED: Final[Mapping[str, Any]] = MappingProxyType({"rows": 35_000, "kernel_asked": (True, True)})
# Of the connections whose answers do not arrive.
ONE_WAY_SHARE: Final = 0.1


def _twice(
    name: str,
    title: str,
    mechanism: Callable[[Design], Mechanism],
    *,
    aims: tuple[str, ...],
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[World]:
    """A trouble of the first site's line, where platforms share the sites, and where each has its own."""
    for suffix, where, sites in (
        ("", "one of two sites", "mixed"),
        ("_of_platform", "one platform's own site", "tied"),
    ):
        yield World(
            name=f"{name}{suffix}",
            title=f"{title}: the line of {where}",
            mechanisms=lambda design: (mechanism(design),),
            defaults=MappingProxyType({**ASKED, "sites": sites, **defaults}),
            aims=aims,
        )


NETWORK_WORLDS: Final[tuple[World, ...]] = (
    *_twice(
        "lossy_line",
        "some requests and answers are lost, now and then",
        lambda design: Fails(dose=design.effect, at_site=True, origin="network"),
        aims=("network",),
    ),
    *_twice(
        "blackholes",
        "six times all is lost for 15 seconds",
        lambda design: Breaks(times=6, how="blackhole"),
        aims=("network",),
    ),
    *_twice(
        "one_direction",
        "on some connections answers get lost, while requests arrive",
        lambda design: Fails(
            dose=min(1.0, design.effect / ONE_WAY_SHARE),
            session_share=ONE_WAY_SHARE,
            at_site=True,
            kind="exchange",
            origin="network",
        ),
        aims=("network",),
    ),
    *_twice(
        "line_resets",
        "something resets sessions in the middle of an exchange",
        lambda design: Fails(dose=design.effect, at_site=True, kind="exchange", fault="reset", origin="network"),
        aims=(),
    ),
    *_twice(
        "forgetful_firewall",
        "what is asked after twenty seconds of silence is lost",
        lambda design: Forgets(idle_s=20.0, at_site=True),
        aims=("network",),
        defaults=MappingProxyType({"session_s": 180.0, "pace_s": 12.0}),
    ),
    World(
        name="dropping_platform",
        title="one platform's own firewall drops what others of its sites get through",
        mechanisms=lambda design: (Fails(dose=design.effect, suspect_only=True, fault="lost", origin="platform"),),
        defaults=MappingProxyType({**ASKED, "hosts": 4}),
        aims=("intermittent", "platform"),
    ),
    World(
        name="dropping_host",
        title="one machine's driver loses what its neighbours get through",
        mechanisms=lambda design: (Fails(dose=5 * design.effect, at_host=True, fault="lost", origin="machine"),),
        defaults=ASKED,
        aims=("intermittent",),
    ),
    World(
        name="asked_healthy",
        title="nothing goes wrong but once in ten thousand times, and kernels say where that was lost",
        is_bare=True,
        base_risk=0.0001,
        defaults=ASKED,
    ),
    World(
        name="asked_mute",
        title="the server leaves a request unanswered now and then, kernels are asked, and each platform has one host",
        mechanisms=lambda design: (Fails(dose=design.effect, fault="unanswered"),),
        defaults=MappingProxyType({**ASKED, "hosts": 1}),
        aims=("intermittent", "server"),
    ),
    World(
        name="asked_dead",
        title="the server's process does not answer now and then, not even a ping, and its kernel acknowledges",
        mechanisms=lambda design: (Fails(dose=design.effect, fault="silent"),),
        defaults=MappingProxyType({**ASKED, "hosts": 1}),
        aims=("server",),
    ),
    World(
        name="unread",
        title="answers lie unread in the kernel now and then",
        mechanisms=lambda design: (Fails(dose=design.effect, fault="unread", origin="machine"),),
        defaults=ASKED,
        aims=("client_loop",),
    ),
)
