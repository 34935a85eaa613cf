"""Before anything goes wrong a simulated run has the sessions, hosts and sides that it was asked for."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.simulation.design import Design, DesignError, Sides
from analysis.simulation.drawn_sessions import LARGE_BYTES
from analysis.simulation.rows import SCHEMA
from analysis.simulation.simulate import simulate_rows
from attempts.schema import Attempt, check
from tests.analysis.simulation.rows_of_runs import OTHER, SUSPECT, by_side, drawn, of_kind


@pytest.mark.parametrize("given", [{"session_s": 120.0}, {"session_s": "run", "users": 60}, {"session_s": "run"}])
def test_rows_of_sessions_of_any_length_obey_the_contract_and_are_about_as_many_as_asked_for(
    given: dict[str, Any],
) -> None:
    table = simulate_rows("W7", rows=12_000, minutes=20, seed=2, **given)
    assert table.schema.equals(SCHEMA)
    assert simulate_rows("healthy", rows=12_000, minutes=20, seed=2, **given).num_rows == pytest.approx(12_000, rel=0.2)
    rows = table.slice(0, 2_000).to_pydict()
    names = [f for f in Attempt.__struct_fields__ if f != "facts"]
    for index in range(2_000):
        values = {f: rows[f][index] for f in names}
        values |= {f: int(values[f].timestamp() * 1e6) for f in ("scheduled_at", "started_at")}
        check(Attempt(**values))


def test_an_exponential_session_has_as_many_exchanges_as_its_length_and_pace_give() -> None:
    frame = drawn(session_s=120.0, pace_s=4.0, rows=40_000, minutes=120)
    holds = of_kind(frame, "hold")
    ended = holds[holds["outcome"] == "ok"]
    assert ended["duration_s"].mean() == pytest.approx(120.0, rel=0.12)
    assert ended["duration_s"].std() == pytest.approx(120.0, rel=0.15)
    counts = of_kind(frame, "exchange").groupby(["worker", "connection"], observed=True).size()
    assert counts.mean() == pytest.approx(30.0, rel=0.15)
    assert counts.max() > 100


def test_users_of_a_run_hold_one_connection_each_to_its_end() -> None:
    frame = drawn(session_s="run", users=40)
    connects, holds = of_kind(frame, "connect"), of_kind(frame, "hold")
    assert len(connects) == 40
    assert (holds["outcome"] == "aborted").all()
    assert holds["duration_s"].min() > 0.85 * 30 * 60
    exchanges = of_kind(frame, "exchange")
    assert exchanges.groupby(["worker", "connection"], observed=True).size().min() > 300
    assert exchanges["age_s"].max() > 0.9 * 30 * 60
    late = exchanges[exchanges["age_s"] > 600]
    assert late.groupby("host", observed=True)["open_connections"].max().sum() <= 40


@pytest.mark.parametrize("arrivals", ["even", "ramp", "waves"])
def test_sessions_arrive_as_they_were_told_to(arrivals: str) -> None:
    at = of_kind(drawn(arrivals=arrivals, rows=40_000), "connect")["scheduled_at"]
    share = (at - at.min()).dt.total_seconds() / (30 * 60)
    counts, _ = np.histogram(share, bins=12, range=(0.0, 1.0))
    if arrivals == "even":
        assert counts.max() < 1.2 * counts.min()
    if arrivals == "ramp":
        assert counts[-1] > 4 * counts[0]
        assert (np.diff(counts) > -0.1 * counts.mean()).all()
    if arrivals == "waves":
        # Three times from few to many: the middle of each third is its height.
        assert counts.reshape(3, 4)[:, 1:3].min() > 2 * counts.reshape(3, 4)[:, [0, 3]].max()


def test_platforms_may_have_different_numbers_of_hosts_that_differ_by_their_own_spread() -> None:
    design = Design(hosts_of=(2, 6))
    assert np.bincount(design.host_platforms).tolist() == [2, 6]
    assert design.host_turns == (0, 0, 1, 1, 2, 3, 4, 5)
    frame = drawn("null", base_risk=0.1, hosts_of=(5, 5), host_sd_of=(1.0, 0.0), minute_sd=0, site_sd=0, rows=60_000)
    bad = frame["outcome"].eq("timeout").groupby([frame["platform"], frame["host"]], observed=True).mean()
    assert bad.xs(SUSPECT).std() > 4 * bad.xs(OTHER).std()


def test_one_host_may_be_many_times_as_bad_as_the_others() -> None:
    frame = drawn("null", base_risk=0.01, host_sd=0, minute_sd=0, site_sd=0, worst_host=10.0, rows=40_000)
    bad = frame["outcome"].eq("timeout").groupby(frame["host"], observed=True).mean()
    assert bad["host-000"] > 6 * bad.drop("host-000").max()
    assert frame.loc[frame["host"] == "host-000", "platform"].eq(SUSPECT).all()


def test_an_address_always_leads_to_the_same_instance() -> None:
    dealt, hashed = (
        of_kind(drawn(balancing=b, hosts=8, instances=3), "connect").groupby("host", observed=True)["server_instance"]
        for b in ("dealt", "address")
    )
    assert dealt.nunique().eq(3).all()
    assert hashed.nunique().eq(1).all()
    assert hashed.first().nunique() > 1


def test_a_server_may_keep_its_instances_names_to_itself() -> None:
    assert drawn(names_instances=False)["server_instance"].isna().all()


def test_every_side_has_its_own_share_of_what_differs() -> None:
    sides = Sides(
        burst_share=(0.8, 0.2),
        tenant_share=(1.0, 0.0),
        large_share=(0.3, 0.1),
        rare_share=(0.4, 0.1),
        session_factor=(2.0, 1.0),
        pace_factor=(1.0, 3.0),
        weight=(3.0, 1.0),
        lag_s=(0.02, 0.002),
        cpu=(0.7, 0.2),
        budget_factor=(1.0, 1.5),
        python=("3.13.1", "3.11.9"),
    )
    frame = drawn(session_s=60.0, sides=sides, rows=30_000)
    real = frame[frame["kind"] != "probe"]
    connects, exchanges = of_kind(frame, "connect"), of_kind(frame, "exchange")
    assert by_side(connects, connects["scenario"] == "burst") == pytest.approx({SUSPECT: 0.8, OTHER: 0.2}, abs=0.06)
    odd = connects["subject"].astype(str).str[-1].astype(int) % 2 == 1
    assert by_side(connects, odd) == {SUSPECT: 1.0, OTHER: 0.0}
    large = exchanges["bytes_out"] == LARGE_BYTES
    assert by_side(exchanges, large) == pytest.approx({SUSPECT: 0.3, OTHER: 0.1}, abs=0.03)
    rare = exchanges["operation"] == "agent_request"
    assert by_side(exchanges, rare) == pytest.approx({SUSPECT: 0.4, OTHER: 0.1}, abs=0.03)
    holds = of_kind(frame, "hold").query("outcome == 'ok'")
    lasted = by_side(holds, holds["duration_s"])
    assert lasted[SUSPECT] / lasted[OTHER] == pytest.approx(2.0, rel=0.25)
    idle = by_side(exchanges, exchanges["idle_s"])
    assert idle[OTHER] / idle[SUSPECT] == pytest.approx(3.0, rel=0.25)
    assert connects["platform"].eq(SUSPECT).mean() == pytest.approx(0.75, abs=0.04)
    lag = by_side(exchanges, exchanges["loop_lag_s"])
    assert lag[SUSPECT] / lag[OTHER] == pytest.approx(10.0, rel=0.2)
    assert by_side(real, real["cpu"]) == pytest.approx({SUSPECT: 0.7, OTHER: 0.2})
    assert by_side(exchanges, exchanges["budget_s"]) == pytest.approx({SUSPECT: 5.0, OTHER: 7.5})
    assert frame.groupby("platform", observed=True)["python"].unique().map(list).to_dict() == {
        SUSPECT: ["3.13.1"],
        OTHER: ["3.11.9"],
    }


def test_the_sides_may_be_asyncio_and_the_other_clients_of_the_same_hosts() -> None:
    sides = Sides(
        burst_share=(0.8, 0.2),
        tenant_share=(1.0, 0.0),
        large_share=(0.3, 0.1),
        rare_share=(0.4, 0.1),
        preface_share=(0.9, 0.1),
        session_factor=(2.0, 1.0),
        pace_factor=(1.0, 3.0),
        lag_s=(0.02, 0.002),
        cpu=(0.7, 0.2),
        budget_factor=(1.0, 1.5),
        python=("3.13.1", "3.11.9"),
    )
    frame = drawn(session_s=60.0, sides=sides, sides_by="client", rows=30_000)
    frame = frame[frame["kind"] != "probe"]
    frame["side"] = np.where(frame["client"] == "websockets-asyncio", "asyncio", "other")
    connects, exchanges = of_kind(frame, "connect"), of_kind(frame, "exchange")

    def shares(rows: pd.DataFrame, values: pd.Series) -> dict[str, float]:
        means = values.groupby([rows["platform"], rows["side"]], observed=True).mean().unstack("side")
        assert means.loc[SUSPECT].to_dict() == pytest.approx(means.loc[OTHER].to_dict(), abs=0.15, rel=0.3)
        return {str(side): mean for side, mean in means.mean().items()}

    def about(asyncio: float, other: float) -> Any:
        return pytest.approx({"asyncio": asyncio, "other": other}, abs=0.06)

    assert shares(connects, connects["scenario"] == "burst") == about(0.8, 0.2)
    odd = connects["subject"].astype(str).str[-1].astype(int) % 2 == 1
    assert shares(connects, odd) == about(1.0, 0.0)
    assert shares(connects, connects["preface_frames"] > 0) == about(0.9, 0.1)
    assert shares(exchanges, exchanges["bytes_out"] == LARGE_BYTES) == about(0.3, 0.1)
    assert shares(exchanges, exchanges["operation"] == "agent_request") == about(0.4, 0.1)
    assert shares(exchanges, exchanges["budget_s"]) == about(5.0, 7.5)
    assert shares(exchanges, exchanges["loop_lag_s"]) == about(0.02, 0.002)
    assert shares(frame, frame["cpu"]) == about(0.7, 0.2)
    idle = shares(exchanges, exchanges["idle_s"])
    assert idle["other"] / idle["asyncio"] == pytest.approx(3.0, rel=0.25)
    holds = of_kind(frame, "hold").query("outcome == 'ok'")
    lasted = shares(holds, holds["duration_s"])
    assert lasted["asyncio"] / lasted["other"] == pytest.approx(2.0, rel=0.25)
    assert frame.groupby("side")["python"].unique().map(list).to_dict() == {"asyncio": ["3.13.1"], "other": ["3.11.9"]}


def test_a_user_is_always_led_to_the_same_instance_when_the_balancer_goes_by_the_user() -> None:
    tenants = Sides(tenant_share=(0.5, 0.5))
    connects = of_kind(drawn("W7", balancing="user", session_s="run", users=200, sides=tenants, rows=30_000), "connect")
    assert len(connects) > 250
    by_user = connects.dropna(subset="server_instance").groupby("subject", observed=True)["server_instance"]
    assert by_user.nunique().eq(1).all()
    assert by_user.first().value_counts().min() > 0.1 * len(by_user)
    second = by_user.first().index.astype(str).str[-1].astype(int) % 2 == 1
    assert by_user.first()[second].nunique() == by_user.first()[~second].nunique() == 4


def test_budgets_may_be_drawn_a_little_above_and_below_what_they_are() -> None:
    budget_s = of_kind(drawn(budget_spread=0.01), "exchange")["budget_s"]
    assert budget_s.between(4.95, 5.05).all()
    assert budget_s.nunique() > 100


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hosts_of": (2,)}, "not one value for each platform"),
        ({"hosts_of": (0, 2)}, "too few for a run"),
        ({"host_sd_of": (0.1, 9.0)}, "out of range"),
        ({"worst_host": 0.0}, "worst_host"),
        ({"session_s": 0.1}, "no length of a session"),
        ({"pace_s": 0.0}, "no pace"),
        ({"budget_spread": 1.0}, "budget_spread"),
        ({"users": 4}, "give session_s = 'run'"),
        ({"session_s": "run", "rows": 3_000_000}, "too many for sessions that last the run"),
        ({"sides": Sides(weight=(3.0, 1.0)), "sides_by": "client"}, "weight = .* is of hosts"),
    ],
)
def test_sessions_and_hosts_that_cannot_be_drawn_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        Design(**wrong)


@pytest.mark.parametrize("wrong", [{"large_share": (0.1, 1.5)}, {"weight": (0.0, 1.0)}])
def test_sides_that_cannot_be_drawn_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DesignError):
        Sides(**wrong)
