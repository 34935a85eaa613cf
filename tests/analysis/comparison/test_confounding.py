"""Designs that look like an effect and are none: each is named, and confirms nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.model import Decision
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_rows
from analysis.simulation.sessions import Sessions
from analysis.simulation.simulate import STARTED_AT, chunks
from analysis.simulation.world import World
from analysis.verdict.decide import EXCLUDED
from tests.analysis.deciding import decided_alone
from tests.typed import known

Strike = Callable[[Sessions], None]


def rows_of(strike: Strike, **design: Any) -> pa.Table:
    world = World(name="x", title="x", strike=strike, base_risk=0.001)
    return pa.concat_tables(chunks(world, world.design(**{"seed": 1, "rows": 25_000, **design}))).unify_dictionaries()


def decided(rows: pa.Table, *claims: str, minutes: int = 60) -> Decision:
    """The decision in which only the claims that are named look at the rows."""
    end = STARTED_AT + timedelta(minutes=minutes)
    return decided_alone(reduce(open_rows(rows), ends={"simulated": end}), *claims)


def failed(decision: Decision, claim: str) -> set[str]:
    return {check.name for check in decision.claims[claim].checks if check.ok is not True}


def texts(rows: pa.Table, name: str) -> np.ndarray:
    values: np.ndarray = rows[name].cast(pa.string()).to_numpy(zero_copy_only=False)
    return values


def with_column(rows: pa.Table, name: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, pa.array(values))


def slow_at_first(s: Sessions) -> None:
    s.strike(0.03 * ((s.at_s < s.design.duration_s / 2) & (s.delay_s == 0.3)), "late")


@pytest.mark.slow
def test_latency_that_hurts_while_only_one_platform_runs_is_no_interaction() -> None:
    of_the_hypothesis = ("intermittent", "platform_x_latency", "client_loop", *EXCLUDED)
    decision = decided(rows_of(slow_at_first, periods="apart"), *of_the_hypothesis)
    assert decision.claims["platform_x_latency"].state == "undecided"
    assert "same minutes" in failed(decision, "platform_x_latency")
    assert decision.hypothesis.state != "confirmed"


@pytest.mark.slow
def test_a_client_that_latency_hurts_is_no_platform_where_it_is_tied_to_one() -> None:
    def tied(s: Sessions) -> None:
        s.client = np.where(s.is_suspect, 1, 0)
        s.strike(0.03 * ((s.client == 1) & (s.delay_s == 0.3)), "silent")

    decision = decided(rows_of(tied), "platform_x_latency")
    assert decision.claims["platform_x_latency"].state == "undecided"
    assert "same clients" in failed(decision, "platform_x_latency")


@pytest.mark.slow
def test_an_interaction_may_be_the_python_version_where_each_platform_has_its_own() -> None:
    rows = rows_of(lambda s: s.strike(0.03 * ((s.delay_s == 0.3) & s.is_suspect), "late"))
    own = np.where(texts(rows, "platform") == "Windows", "3.8", "3.14")
    decision = decided(with_column(rows, "python", own), "platform_x_latency")
    assert decision.claims["platform_x_latency"].state == "undecided"
    assert "same Python versions" in failed(decision, "platform_x_latency")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claim", "side"), [("platform", "is_suspect"), pytest.param("client", "client", marks=pytest.mark.slow)]
)
def test_another_mix_of_messages_is_no_platform_and_no_client(claim: str, side: str) -> None:
    def mixed(s: Sessions) -> None:
        mine = np.asarray(getattr(s, side)) == 1
        drawn = s.rng.random(s.operation.shape) < 0.8
        s.operation = np.where(mine[:, None], np.where(drawn, 1, 0), np.where(drawn, 0, 1))
        s.strike_exchanges(0.05 * (s.operation == 1), "silent")

    assert decided(rows_of(mixed), claim).claims[claim].state != "confirmed"


@pytest.mark.slow
def test_a_shorter_budget_is_no_platform() -> None:
    rows = rows_of(lambda s: s.strike_exchanges(np.where(s.is_suspect, 0.025, 0.002)[:, None], "late"))
    short = (texts(rows, "platform") == "Windows") & (texts(rows, "kind") == "exchange")
    timed_out = pc.equal(rows["outcome"].cast(pa.string()), "timeout").to_numpy(zero_copy_only=False)
    budget, duration = (rows[name].to_numpy().copy() for name in ("budget_s", "duration_s"))
    budget[short], duration[short & timed_out] = 2.0, 2.0
    decision = decided(with_column(with_column(rows, "budget_s", budget), "duration_s", duration), "platform")
    assert decision.claims["platform"].state == "undecided"
    assert "same budgets" in failed(decision, "platform")


def on_one_of_two(s: Sessions) -> None:
    s.instance = np.where(s.rng.random(len(s.at_s)) < np.where(s.is_suspect, 0.9, 0.45), 0, 1)
    s.strike(0.06 * (s.instance == 0), "silent")


@pytest.mark.slow
def test_a_platform_that_meets_the_bad_instance_more_often_is_not_the_cause() -> None:
    decision = decided(rows_of(on_one_of_two, instances=2), "platform", "server")
    assert decision.claims["platform"].state == "undecided"
    assert "same instances" in failed(decision, "platform")
    assert decision.claims["server"].state == "confirmed"


@pytest.mark.slow
def test_a_platform_that_takes_the_bad_network_more_often_is_not_the_cause() -> None:
    rows = rows_of(on_one_of_two, instances=2)
    site = np.where(texts(rows, "server_instance") == "instance-0", "A", "B")
    unnamed = rows.set_column(
        rows.schema.get_field_index("server_instance"), "server_instance", pa.nulls(len(rows), pa.string())
    )
    decision = decided(with_column(unnamed, "site", site), "platform")
    assert decision.claims["platform"].state == "undecided"
    assert "same networks" in failed(decision, "platform")


@pytest.mark.slow
@pytest.mark.parametrize(("claim", "arm"), [("latency", "delay"), ("client", "client")])
def test_arms_that_are_switched_every_five_minutes_are_not_interleaved(claim: str, arm: str) -> None:
    def in_blocks(s: Sessions) -> None:
        setattr(s, arm, (s.at_s // 300).astype(int) % 2 * (2 if arm == "delay" else 1))
        stall = (s.at_s % 600 >= 300) & (s.at_s % 600 < 480)
        s.strike(0.08 * stall, "silent")

    decision = decided(rows_of(in_blocks, rows=8000, minutes=120), claim, minutes=120)
    assert decision.claims[claim].state == "undecided"
    assert any(name.startswith("arms interleaved") for name in failed(decision, claim))


@pytest.mark.slow
def test_older_tokens_on_one_platform_are_no_platform() -> None:
    def aged(s: Sessions) -> None:
        s.token_age_s = s.token_age_s + 700.0 * s.is_suspect
        s.strike_exchanges(0.05 * (s.token_age_s > 1000.0)[:, None], "silent")

    decision = decided(rows_of(aged, hosts=4, token_ttl_s=900.0), "platform")
    assert "same ages of tokens" in failed(decision, "platform")
    assert decision.claims["platform"].state != "confirmed"


@pytest.mark.slow
def test_a_job_that_starts_with_the_minute_is_not_the_platform_that_is_always_late_in_it() -> None:
    def busy(s: Sessions) -> None:
        # Most requests of the one side fall into the half minute in which the server is busy, few of the other's.
        half = (s.exchange_at_s // 30 % 2 == 0) == s.is_suspect[:, None]
        away = np.where(half | (s.rng.random(half.shape) < 0.2), 0.0, 30.0)
        s.exchange_at_s = np.sort(s.exchange_at_s + away, axis=1)
        s.strike_exchanges(0.06 * (s.exchange_at_s // 30 % 2 == 0), "silent")

    decision = decided(rows_of(busy, hosts=4), "platform")
    assert "same times within the minute" in failed(decision, "platform")
    assert decision.claims["platform"].state != "confirmed"


@pytest.mark.parametrize(
    "what",
    [
        "users",
        *(pytest.param(what, marks=pytest.mark.slow) for what in ("scenarios", "frames before the welcome")),
        pytest.param("sizes of requests", marks=pytest.mark.slow),
    ],
)
def test_what_only_one_clients_sessions_are_is_not_the_client(what: str) -> None:
    def uneven(s: Sessions) -> None:
        is_one = s.client == 1
        often = s.rng.random(len(is_one)) < np.where(is_one, 0.8, 0.1)
        if what == "scenarios":
            s.scenario = np.where(often, 1, 0)
        elif what == "users":
            s.subject = np.where(often, 1_000_000 + s.subject % 2, s.subject)
        elif what == "frames before the welcome":
            s.preface = np.where(often, 2, 0)
        else:
            s.sent_bytes = np.broadcast_to(np.where(often, 60_000, 100)[:, None], s.sent_bytes.shape).copy()
        s.strike_exchanges(0.06 * np.broadcast_to(often[:, None], s.sent_bytes.shape), "silent")

    decision = decided(rows_of(uneven, hosts=4), "client")
    assert f"same {what}" in failed(decision, "client")
    assert decision.claims["client"].state != "confirmed"


@pytest.mark.slow
def test_users_that_a_balancer_ties_to_an_instance_are_not_that_instance() -> None:
    def tied(s: Sessions) -> None:
        s.instance = s.subject % 3
        s.strike(0.3 * (s.subject % 12 == 0), "silent")

    decision = decided(rows_of(tied, hosts=4, subjects=40), "server")
    assert decision.claims["server"].state != "confirmed"
    assert "users" in decision.claims["server"].evidence


def bursts_fail(share: tuple[float, float], *, platform: float = 0.0) -> Strike:
    """The scenario "burst" fails now and then; the suspect's hosts run one share of it, the others another."""

    def strike(s: Sessions) -> None:
        s.scenario = (s.rng.random(len(s.at_s)) < np.where(s.is_suspect, *share)).astype(np.int64)
        s.strike(0.06 * (s.scenario == 1) + platform * s.is_suspect, "silent")

    return strike


def test_a_platform_whose_hosts_run_a_scenario_of_their_own_is_not_compared_and_it_is_said() -> None:
    decision = decided(rows_of(bursts_fail((1.0, 0.0)), rows=12_000), "platform")
    finding = decision.claims["platform"]
    assert finding.state == "undecided"
    assert "same scenarios" in failed(decision, "platform")
    assert any(check.detail.startswith("The scenarios of") and "overlap 0%" in check.detail for check in finding.checks)


@pytest.mark.slow
def test_a_platform_that_runs_more_of_a_scenario_that_fails_is_compared_within_scenarios() -> None:
    decision = decided(rows_of(bursts_fail((0.7, 0.3)), hosts=4, host_sd=0.05), "platform")
    finding = decision.claims["platform"]
    assert "same scenarios" not in failed(decision, "platform")
    assert finding.state != "confirmed"
    # By the mix alone it would be 2.4 points.
    assert abs(known(known(finding.effect).estimate)) < 0.008


@pytest.mark.slow
def test_a_platform_that_is_worse_in_every_scenario_is_confirmed_whatever_its_mix() -> None:
    decision = decided(rows_of(bursts_fail((0.4, 0.6), platform=0.05), hosts=4, host_sd=0.05), "platform")
    finding = decision.claims["platform"]
    assert finding.state == "confirmed", finding.evidence
    # By the mix it would be 1.2 points less.
    assert 0.04 < known(known(finding.effect).estimate) < 0.06


@pytest.mark.slow
def test_hosts_with_a_scenario_each_are_no_excuse() -> None:
    def one_each(s: Sessions) -> None:
        s.scenario = (s.host % 2).astype(np.int64)
        s.strike(0.06 * (s.scenario == 1), "silent")

    decision = decided(rows_of(one_each, hosts=4), "platform")
    assert decision.claims["platform"].state == "undecided"
    assert "hosts met" in failed(decision, "platform")
