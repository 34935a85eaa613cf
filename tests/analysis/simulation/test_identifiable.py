"""A design tells its sides apart unless they differ in nearly everything else, or are one host each."""

from typing import Any

import pytest

from analysis.simulation.design import SELECTOR, Design, Sides
from analysis.simulation.identifiable import clients_are_apart, sides_are_apart, tells_clients, tells_latency


@pytest.mark.parametrize(
    ("given", "apart"),
    [
        ({}, False),
        ({"hosts": 1}, True),
        ({"sites": "tied"}, True),
        ({"periods": "apart"}, True),
        ({"sides": Sides(tenant_share=(1.0, 0.0))}, True),
        ({"sides": Sides(tenant_share=(0.9, 0.0))}, False),
        ({"sides": Sides(tenant_share=(1.0, 0.0)), "sides_by": "client"}, False),
    ],
)
def test_platforms_are_apart_where_something_else_differs_as_they_do(given: dict[str, Any], apart: bool) -> None:
    assert bool(sides_are_apart(Design(**{"hosts": 3, **given}))) is apart


def test_clients_are_apart_only_where_the_sides_are_clients() -> None:
    sides = Sides(python=("3.13.1", "3.11.9"))
    assert clients_are_apart(Design(sides=sides, sides_by="client"))
    assert not clients_are_apart(Design(sides=sides))
    assert not clients_are_apart(Design(sides_by="client"))


@pytest.mark.parametrize(
    ("given", "tells"),
    [
        ({"delays_s": (0.0, 0.3)}, True),
        ({"delays_s": (0.3, 0.3)}, False),
        ({"delays_s": (0.0, 0.3), "arms": "blocks"}, False),
        ({"delays_s": (0.0, 0.3), "delay_arrives": False}, False),
    ],
)
def test_latency_is_told_by_delays_that_are_dealt_to_each_connection_and_arrive(
    given: dict[str, Any], tells: bool
) -> None:
    assert tells_latency(Design(**given)) is tells


def test_two_names_of_one_arm_are_no_two_clients() -> None:
    assert tells_clients(Design(clients=("websockets-asyncio", SELECTOR), platforms=("Windows", "Linux")))
    assert not tells_clients(Design(clients=("websockets-asyncio", SELECTOR), platforms=("Linux", "macOS")))
