"""The risk that a mechanism adds is that of the groups which meet it."""

from typing import Any

import pytest

from analysis.simulation.fails import Fails
from analysis.simulation.group_risks import GroupRisks
from analysis.simulation.world import World

OF_SUSPECT = Fails(dose=0.04, suspect_only=True)


def risks(**given: Any) -> GroupRisks:
    world = World(name="x", title="x", base_risk=0.001)
    return GroupRisks(world.scene(world.design(**{"rows": 20_000, "hosts": 4, **given})))


def test_what_strikes_one_platform_is_a_difference_of_platforms_and_of_nothing_else() -> None:
    of = {claim: risks().contrast(claim, [OF_SUSPECT], exposed=False) for claim in ("platform", "latency", "client")}
    assert of == {"platform": pytest.approx(0.04), "latency": 0.0, "client": pytest.approx(0.0)}


def test_two_mechanisms_add_up_as_risks_do() -> None:
    both = risks().contrast("platform", [OF_SUSPECT, Fails(dose=0.5, suspect_only=True)], exposed=False)
    assert both == pytest.approx(1 - 0.96 * 0.5)


def test_one_account_in_ten_is_a_tenth_of_the_dose_but_to_that_account() -> None:
    m = Fails(dose=0.2, suspect_only=True, one_account_in=10, kind="connect")
    assert risks().contrast("platform", [m], exposed=False) == pytest.approx(0.02)
    assert risks().contrast("platform", [m], exposed=True) == pytest.approx(0.2)


def test_conditions_that_nobody_meets_add_nothing() -> None:
    m = Fails(dose=0.2, tenant_only=True)
    assert not risks().is_met(m)
    assert risks().seen(m) == 0.0
    assert risks().added("platform", m, exposed=True).max() == 0.0
