"""What may be concluded follows from what goes wrong and from what the design can tell."""

from typing import Any

import pytest

from analysis.simulation.broken_sessions import Breaks, Dies, Forgets, Limit, Mutes
from analysis.simulation.design import CLIENTS, SELECTOR, Sides
from analysis.simulation.fails import Fails
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.world import World

PREFACED = Fails(dose=0.05, prefaced_only=True, kind="exchange", fault="server_error")


def codes(*mechanisms: Mechanism, **given: Any) -> dict[str, str]:
    """What is not "n", of all claims but `network` (`of_network`)."""
    found = all_codes(*mechanisms, **given)
    return {claim: code for claim, code in found.items() if code != "n" and claim != "network"}


def of_network(*mechanisms: Mechanism, asked: bool = True, **given: Any) -> str:
    return all_codes(*mechanisms, kernel_asked=(asked, asked), **given)["network"]


def all_codes(*mechanisms: Mechanism, **given: Any) -> dict[str, str]:
    where = World(name="x", title="x", mechanisms=lambda design: mechanisms, is_bare=True, base_risk=0.0001)
    found = where.truth(where.design(**{"rows": 60_000, "hosts": 4, "minutes": 120, **given})).codes
    assert found is not None
    return dict(found)


@pytest.mark.parametrize(
    "sides",
    [
        {"tenant_share": (1.0, 0.0)},
        {"burst_share": (1.0, 0.0)},
        {"preface_share": (1.0, 0.0)},
        {"lag_s": (0.03, 0.002)},
        {"cpu": (0.9, 0.3)},
        {"budget_factor": (1.5, 1.0)},
        {"python": ("3.13.1", "3.11.9")},
    ],
)
def test_clients_that_share_nothing_cannot_be_told_apart_and_platforms_can(sides: dict[str, Any]) -> None:
    fault = Fails(dose=0.05, fault="server_error")
    assert codes(fault, sides=Sides(**sides), sides_by="client") == {
        "intermittent": "Y",
        "client": "?",
        "server": "Y",
    }
    assert codes(fault, sides=Sides(**sides)) == {
        "intermittent": "Y",
        "platform": "?",
        "platform_x_latency": "?",
        "server": "Y",
    }


@pytest.mark.parametrize("share", [(1.0, 0.0), (0.75, 0.25)])
def test_what_strikes_by_that_which_clients_differ_in_is_no_clients(share: tuple[float, float]) -> None:
    by_tenant = codes(Fails(dose=0.05, tenant_only=True), sides=Sides(tenant_share=share), sides_by="client")
    assert by_tenant.get("client", "n") in ("n", "?")
    assert "platform" not in by_tenant


def test_a_clients_own_fault_is_as_large_as_its_sides_share_of_what_it_needs() -> None:
    sides = Sides(large_share=(0.4, 0.02))
    fault = Fails(dose=0.1, large_only=True, client=CLIENTS[2], origin="client")
    assert codes(fault, sides=sides, sides_by="client")["client"] == "Y"
    other = Fails(dose=0.1, large_only=True, client=CLIENTS[0], origin="client")
    assert codes(other, sides=sides, sides_by="client")["client"] == "-"


def test_an_instance_that_users_are_led_to_is_told_as_far_as_users_are() -> None:
    fault = Fails(dose=0.05, at_instance=True, fault="server_error")
    assert codes(fault)["server"] == "Y"
    assert codes(fault, balancing="user")["server"] == "Y?"
    assert codes(fault, balancing="address", hosts=8)["server"] == "Y?"


@pytest.mark.parametrize("balancing", ["dealt", "user"])
def test_an_account_that_is_silent_makes_no_instance_guilty(balancing: str) -> None:
    fault = Fails(dose=0.3, one_account_in=20, fault="silent", origin="account")
    assert codes(fault, balancing=balancing, subjects=60)["server"] == "?"


def test_a_limit_is_the_servers_only_if_it_spares_nobody() -> None:
    held: dict[str, Any] = {"session_s": 120.0}
    assert codes(Limit(at_s=60.0), **held) == {"server": "Y"}
    assert codes(Limit(at_s=60.0, suspect_only=True), **held) == {"platform": "-", "platform_x_latency": "-"}
    assert codes(Limit(at_s=60.0, client=CLIENTS[0]), **held) == {"client": "-"}
    assert codes(Limit(at_s=60.0, at_site=True), **held) == {}


def test_where_a_limit_spares_nobody_that_could_be_spared_its_owner_is_not_asked_for() -> None:
    only = codes(Limit(at_s=60.0, client=CLIENTS[0]), session_s=120.0, clients=CLIENTS[:1])
    assert only["server"] == "-"


def test_sessions_that_die_are_failures_of_whom_they_belong_to() -> None:
    held: dict[str, Any] = {"session_s": 120.0}
    assert codes(Dies(session_share=0.05), **held) == {"intermittent": "Y?", "server": "Y?"}
    of_suspect = codes(Dies(session_share=0.05, suspect_only=True), **held)
    assert of_suspect == {"intermittent": "Y?", "platform": "Y?", "server": "?"}
    of_client = codes(Dies(session_share=0.05, client=CLIENTS[2]), clients=(*CLIENTS, SELECTOR), **held)
    assert of_client == {"intermittent": "Y?", "client": "Y?", "server": "?"}
    assert codes(Dies(session_share=0.05, suspect_only=True, fault="server_closed"), **held)["server"] == "-"


def test_a_server_that_says_that_it_ends_everybodys_sessions_is_told_by_it() -> None:
    said = codes(Dies(session_share=0.05, fault="server_closed"), session_s=120.0)
    assert said == {"intermittent": "Y?", "server": "Y"}


def test_deaths_inside_the_margin_are_nothing_and_a_few_are_not_scored() -> None:
    assert codes(Dies(session_share=0.005), session_s=120.0) == {}
    few = codes(Dies(session_share=0.006), session_s=120.0, rows=6_000)
    assert few == {"intermittent": "-", "server": "-"}


def test_what_fails_after_a_frame_before_the_welcome_is_no_sides() -> None:
    assert codes(PREFACED, sides=Sides(preface_share=(0.75, 0.25))) == {"intermittent": "Y", "server": "Y"}
    apart = codes(PREFACED, sides=Sides(preface_share=(1.0, 0.0)))
    assert apart["platform"] == apart["platform_x_latency"] == "?"
    assert codes(PREFACED) == {"intermittent": "-"}


LOSS = Fails(dose=0.03, at_site=True, origin="network")


def test_what_the_way_loses_is_told_where_every_kernel_is_asked() -> None:
    assert of_network(LOSS) == "Y"
    assert of_network(LOSS, asked=False) == "Y?"
    assert all_codes(LOSS, kernel_asked=(True, False))["network"] == "Y?"
    assert of_network(Fails(dose=0.03, origin="network")) == "Y"
    assert codes(LOSS, kernel_asked=(True, True)) == {"intermittent": "Y"}


@pytest.mark.parametrize(
    ("mechanism", "code"),
    [
        (Fails(dose=0.03, at_site=True, origin="network", fault="reset"), "Y?"),
        (Fails(dose=0.03, at_site=True, origin="network", fault="late"), "Y?"),
        (Fails(dose=0.03, origin="network", arms="highest"), "-"),
        (Fails(dose=0.003, at_site=True, origin="network"), "n"),
        (Fails(dose=0.03, origin="server"), "n"),
        (Fails(dose=0.03, origin="platform", suspect_only=True), "n"),
        (Breaks(times=8, how="blackhole"), "Y"),
        (Breaks(times=1, how="blackhole"), "-"),
        (Breaks(times=2, how="reset"), "-"),
        (Breaks(times=2, how="restart"), "n"),
        (Mutes(session_share=0.1, by="cut"), "Y"),
        (Mutes(session_share=0.1, by="cut", suspect_only=True), "-"),
        (Mutes(session_share=0.1, by="server"), "n"),
        (Forgets(idle_s=10.0, at_site=True), "Y"),
        (Forgets(idle_s=600.0), "-"),
        (Limit(at_s=60.0), "-"),
        (Limit(at_s=60.0, fault="server_closed"), "n"),
        (Dies(session_share=0.05), "-"),
    ],
)
def test_only_what_is_lost_or_cut_on_the_way_is_the_networks(mechanism: Mechanism, code: str) -> None:
    assert of_network(mechanism, session_s=120.0) == code


def test_a_line_that_forgets_is_nobody_elses() -> None:
    assert codes(Forgets(idle_s=10.0, at_site=True), session_s=120.0) == {"intermittent": "-"}
    assert codes(Forgets(idle_s=10.0), session_s=120.0) == {"intermittent": "-", "server": "?"}


def test_what_lies_unread_is_the_client_loops_where_every_kernel_is_asked() -> None:
    unread = Fails(dose=0.03, fault="unread", origin="machine")
    assert codes(unread, kernel_asked=(True, True)) == {"intermittent": "Y", "client_loop": "Y"}
    assert codes(unread) == {"intermittent": "Y", "client_loop": "Y?"}
