"""The worlds of mechanisms: each is what its title says, and its truth is what a person would say of it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.simulation.design import Sides
from analysis.simulation.simulate import simulate_rows
from analysis.simulation.world import World
from analysis.simulation.worlds import WORLDS, world

WAITS = ["connect", "exchange"]
# What a person says of each, from what it does; a claim that is not named is not there.
TRUTHS: dict[str, dict[str, str]] = {
    "whole_run_instances": {"intermittent": "Y", "network": "Y?"},
    "slow_connects": {"intermittent": "Y", "latency": "Y", "network": "-"},
    "rare_type": {"intermittent": "Y", "server": "Y", "format": "-"},
    "errors_for_one_side": {"intermittent": "Y", "platform": "Y?", "platform_x_latency": "?", "server": "Y"},
    "tenants": {"intermittent": "Y", "platform": "?", "platform_x_latency": "?", "server": "Y?"},
    "scenarios_apart": {"intermittent": "Y", "platform": "?", "platform_x_latency": "?", "server": "Y?"},
    "scenarios_uneven": {"intermittent": "Y", "server": "Y?"},
    "unequal_hosts": {"intermittent": "Y", "server": "-", "network": "-"},
    "address_hashing": {"intermittent": "Y", "server": "Y?"},
    "one_reset": {"intermittent": "-", "server": "?", "network": "-"},
    "one_account": {"server": "-"},
    "budgets_alike": {"intermittent": "Y", "platform": "Y"},
    "firewalled_probes": {"intermittent": "Y", "server": "Y"},
    "lossy_line": {"intermittent": "Y", "network": "Y"},
    "lossy_line_of_platform": {"intermittent": "Y", "network": "Y", "platform": "?", "platform_x_latency": "?"},
    "blackholes": {"intermittent": "Y", "network": "Y"},
    "blackholes_of_platform": {"intermittent": "Y", "network": "Y", "platform": "?", "platform_x_latency": "?"},
    "one_direction": {"intermittent": "Y", "network": "Y"},
    "one_direction_of_platform": {"intermittent": "Y", "network": "Y", "platform": "?", "platform_x_latency": "?"},
    "line_resets": {"intermittent": "Y", "network": "Y?"},
    "line_resets_of_platform": {"intermittent": "Y", "network": "Y?", "platform": "?", "platform_x_latency": "?"},
    "forgetful_firewall": {"intermittent": "-", "network": "Y"},
    "forgetful_firewall_of_platform": {"intermittent": "-", "network": "Y", "platform": "?", "platform_x_latency": "?"},
    "dropping_platform": {"intermittent": "Y", "platform": "Y"},
    "dropping_host": {"intermittent": "Y"},
    "asked_healthy": {},
    "asked_mute": {"intermittent": "Y", "platform": "?", "platform_x_latency": "?", "server": "Y"},
    "asked_dead": {"intermittent": "Y", "platform": "?", "platform_x_latency": "?", "server": "Y?"},
    "unread": {"intermittent": "Y", "client_loop": "Y"},
}


def drawn(name: str, **given: Any) -> pd.DataFrame:
    frame: pd.DataFrame = simulate_rows(name, **{"seed": 4, **given}).to_pandas()
    return frame.assign(bad=frame["outcome"].isin(["timeout", "failed"]))


def waits(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["kind"].isin(WAITS) & (frame["outcome"] != "aborted")]


def rates(frame: pd.DataFrame, by: str) -> pd.Series:
    return frame.groupby(by, observed=True)["bad"].mean()


@pytest.mark.parametrize("name", TRUTHS)
def test_the_truth_that_follows_from_the_mechanisms_is_what_a_person_says(name: str) -> None:
    where = world(name)
    codes = where.truth(where.design()).codes
    assert codes is not None
    assert {claim: code for claim, code in codes.items() if code != "n"} == TRUTHS[name]


def test_every_world_of_mechanisms_has_its_truth_told_here() -> None:
    of_mechanisms = {name for name, w in WORLDS.items() if w.is_bare or w.mechanisms(w.design())}
    assert of_mechanisms == set(TRUTHS)


@pytest.mark.parametrize("name", TRUTHS)
def test_a_world_is_of_the_size_in_which_verdicts_went_wrong(name: str) -> None:
    assert 5_700 <= world(name).design().rows <= 35_000
    assert 5_000 <= len(drawn(name)) <= 45_000


def test_a_few_sessions_of_the_whole_run_are_bad_in_every_part_of_it() -> None:
    exchanges = drawn("whole_run_instances").query("kind == 'exchange'")
    by_session = exchanges.groupby(["worker", "connection"], observed=True)["bad"].mean()
    assert len(by_session) == 120
    assert 2 <= (by_session > 0.4).sum() <= 20
    assert by_session[by_session < 0.4].max() < 0.1
    halves = exchanges.assign(half=exchanges["scheduled_at"] > exchanges["scheduled_at"].median())
    of_half = halves.groupby("half")["bad"].mean()
    assert of_half[True] == pytest.approx(of_half[False], rel=0.25)


def test_slow_connects_are_those_of_the_highest_delay_among_forty_exchanges_each() -> None:
    frame = waits(drawn("slow_connects"))
    connects = frame[frame["kind"] == "connect"]
    assert rates(connects, "delay_s")[0.3] == pytest.approx(0.08, abs=0.05)
    assert rates(connects, "delay_s")[0.0] < 0.02
    assert rates(frame[frame["kind"] == "exchange"], "delay_s").max() < 0.005
    assert (frame["kind"] == "exchange").sum() / len(connects) == pytest.approx(40, rel=0.2)


def test_the_rare_type_is_diluted_below_any_margin() -> None:
    frame = waits(drawn("rare_type"))
    assert rates(frame, "operation")["agent_request"] == pytest.approx(0.1, abs=0.03)
    assert frame["bad"].mean() < 0.007


def test_only_one_side_is_told_1011() -> None:
    frame = drawn("errors_for_one_side")
    told = frame[frame["close_code"] == 1011]
    assert len(told) > 50
    assert told["platform"].eq("Windows").all()
    assert frame.groupby("platform", observed=True)["host"].nunique().eq(1).all()


def test_a_tenant_is_a_sides_own_and_its_shard_is_bad() -> None:
    frame = waits(drawn("tenants"))
    odd = frame["subject"].astype(str).str[-1].astype(int) % 2 == 1
    assert (odd == frame["platform"].eq("Windows")).all()
    assert rates(frame.assign(odd=odd), "odd")[True] == pytest.approx(0.04, abs=0.01)


def test_two_laptops_differ_and_six_machines_do_not() -> None:
    spread: dict[str, list[float]] = {"Windows": [], "Linux": []}
    for seed in range(1, 6):
        frame = waits(drawn("unequal_hosts", seed=seed, base_risk=0.15, rows=20_000, minute_sd=0.0, site_sd=0.0))
        for platform, hosts in (("Windows", 2), ("Linux", 6)):
            by_host = rates(frame[frame["platform"] == platform], "host")
            assert len(by_host) == hosts
            spread[platform].append(float(np.log(by_host.max() / by_host.min())))
    assert max(spread["Windows"]) > 0.6
    assert np.median(spread["Linux"]) < 0.25


def test_some_hosts_are_led_to_the_bad_instance_and_nobody_says_so() -> None:
    frame = waits(drawn("address_hashing"))
    assert frame["server_instance"].isna().all()
    by_host = rates(frame, "host")
    assert 1 <= (by_host > 0.02).sum() < len(by_host)
    assert by_host[by_host < 0.02].max() < 0.006


def test_one_reset_ends_every_session_in_one_moment_and_all_come_back() -> None:
    frame = drawn("one_reset")
    cut = frame[(frame["kind"] == "hold") & (frame["cause"] == "reset")]
    ended = cut["scheduled_at"] + pd.to_timedelta(cut["duration_s"], unit="s")
    assert len(cut) == pytest.approx(120, abs=3)
    assert (ended.max() - ended.min()).total_seconds() < 0.01
    assert (frame["kind"] == "connect").sum() == pytest.approx(240, abs=6)


def test_one_account_of_forty_never_gets_an_answer_and_the_others_do() -> None:
    by_account = rates(drawn("one_account").query("kind == 'exchange' and outcome != 'aborted'"), "subject")
    assert len(by_account) == 40
    assert (by_account == 1.0).sum() == 1
    assert by_account[by_account < 1.0].max() < 0.02


def test_a_firewall_drops_bare_probes_always_and_other_probes_see_the_bursts_only() -> None:
    probes = drawn("firewalled_probes").query("kind == 'probe'")
    by_kind = rates(probes, "operation")
    assert by_kind["tcp"] == pytest.approx(0.2, abs=0.04)
    assert 0.005 < by_kind["health"] < 0.06


def test_a_truth_may_depend_on_whom_an_address_leads_to() -> None:
    where = world("address_hashing")
    codes = set()
    for seed in range(1, 30):
        truth = where.truth(where.design(hosts=1, instances=6, seed=seed))
        assert truth.codes is not None
        codes.add(truth.codes["server"])
    assert codes == {"Y?", "n"}


def test_a_world_of_nothing_has_nothing_to_confirm() -> None:
    where = World(name="x", title="x", is_bare=True, base_risk=0.0001)
    truth = where.truth(where.design(sides=Sides(tenant_share=(1.0, 0.0))))
    assert truth.must_not_confirm == frozenset(truth.codes or ())
    assert truth.unearned == frozenset()


def rungs(name: str, **given: Any) -> pd.Series:
    """How many timeouts of connects and exchanges have which rung; "" where nobody was asked."""
    frame = waits(drawn(name, **given))
    lost = frame[frame["outcome"] == "timeout"]
    assert frame.loc[frame["outcome"] != "timeout", "lost_at"].isna().all()
    return lost["lost_at"].astype(object).fillna("").value_counts()


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("lossy_line", "unacknowledged"),
        ("blackholes", "unacknowledged"),
        ("forgetful_firewall", "unacknowledged"),
        ("dropping_platform", "unacknowledged"),
        ("asked_mute", "silent_application"),
        ("asked_dead", "silent_process"),
        ("unread", "unread"),
    ],
)
def test_timeouts_have_the_rung_of_what_was_wrong(name: str, rung: str) -> None:
    assert rungs(name).idxmax() == rung
    assert set(rungs(name, kernel_asked=())) and rungs(name, kernel_asked=()).index.tolist() == [""]


def test_a_loop_that_stood_still_is_known_before_anything_that_a_kernel_says() -> None:
    assert rungs("W3", kernel_asked=(True, True)).idxmax() == "generator"


def test_only_the_platform_whose_kernel_is_asked_has_rungs() -> None:
    frame = waits(drawn("lossy_line", kernel_asked=(True, False)))
    told = frame[frame["lost_at"].notna()]
    assert set(told["platform"]) == {"Windows"}
    assert frame[frame["platform"] == "Linux"]["tcp_retransmits"].isna().all()
    assert told.loc[told["lost_at"] == "unacknowledged", "tcp_retransmits"].gt(0).all()


def test_a_forgetful_firewall_loses_only_what_is_asked_late_and_only_at_its_site() -> None:
    asked = drawn("forgetful_firewall", base_risk=0.0).query("kind == 'exchange' and outcome != 'aborted'")
    lost = asked[asked["bad"]]
    assert set(lost["site"]) == {"site-a"}
    assert lost["idle_s"].min() > 20.0
    assert not asked[(asked["site"] == "site-a") & (asked["idle_s"] > 20.0)]["bad"].eq(False).any()
