"""What connections of one server share, without a server."""

from __future__ import annotations

import asyncio
import collections
from typing import Any, cast

import pytest

from standin.clock import Clock
from standin.evidence.log import Log
from standin.evidence.truth import Truth
from standin.faults import parse_faults
from standin.identity.tokens import Verifier
from standin.settings import ServerSettings
from standin.world import KEPT_ACCEPTS, Arrival, World
from tests.standin.serving import token


class FixedClock(Clock):
    """A clock that the test turns."""

    at_s = 1000.0

    def now(self) -> float:
        return self.at_s

    def wall_s(self) -> float:
        return 1_700_000_000 + self.at_s


class NoTransport:
    """A transport that knows nobody."""

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 4711) if name == "peername" else None


def world(*faults: str, instances: int = 1, seed: int = 1) -> World:
    clock = FixedClock()
    settings = ServerSettings(faults=parse_faults(faults, seed=seed), instances=instances, seed=seed)
    verifier = Verifier({}, issuer="i", audiences=[], leeway_s=0)
    return World(settings, verifier=verifier, clock=clock, log=Log(None, clock), truth=Truth(None, clock))


def arrive(here: World) -> Arrival:
    headers = [(b"authorization", b"Bearer " + token(sub="me").encode())]
    return here.arrive(headers, "", cast(asyncio.Transport, NoTransport()))


def turn(here: World, seconds: float) -> None:
    assert isinstance(here.clock, FixedClock)
    here.clock.at_s += seconds


def test_instances_are_drawn_evenly_and_the_same_again() -> None:
    first, second = world(instances=3), world(instances=3)
    drawn = [arrive(first).instance.index for _ in range(3000)]
    assert drawn == [arrive(second).instance.index for _ in range(3000)]
    assert all(900 < count < 1100 for count in collections.Counter(drawn).values())


def test_an_arrival_knows_its_client_and_whom_its_token_claims() -> None:
    arrival = arrive(world())
    assert arrival.client == "192.0.2.1:4711" and arrival.facts.subject == "me"
    assert arrival.record.line(5)["client_port"] == 4711


def test_only_faults_that_are_on_have_effects_and_are_noted() -> None:
    here = world("slow_welcome:from=10,delay=1", "zombie:share=0")
    arrival = arrive(here)
    assert [fault.name for fault in arrival.drawn] == ["slow_welcome"]
    assert list(here.effects("on_welcome", arrival)) == []
    assert arrival.record.line(0)["fault"] is None
    turn(here, 10)
    assert list(here.effects("on_accept", arrival)) == []
    assert len(list(here.effects("on_welcome", arrival))) == 1
    assert arrival.record.line(0)["fault"] == "slow_welcome"


def test_the_tightest_cut_counts() -> None:
    here = world("idle_cut:idle=9", "idle_cut:idle=5", "lifetime_cut:age=7", "lifetime_cut:age=8")
    idle, age = here.cuts(arrive(here))
    assert idle is not None and age is not None
    assert (idle[0], age[0]) == (5, 7)
    assert here.cuts(arrive(world())) == (None, None)


def test_a_restart_forgets_and_starts_cold_again() -> None:
    here = world("cold_start:for=10")
    here.instances[0].accepts("me").append(0.0)
    assert here.is_starting()
    turn(here, 10)
    assert not here.is_starting()
    here.started()
    assert here.is_starting() and not here.instances[0].accepts("me")
    assert here.moment().since_ready_s == pytest.approx(10)


def test_what_is_kept_of_a_user_is_bounded() -> None:
    accepts = world().instances[0].accepts("me")
    accepts.extend(float(n) for n in range(2 * KEPT_ACCEPTS))
    assert len(accepts) == KEPT_ACCEPTS
