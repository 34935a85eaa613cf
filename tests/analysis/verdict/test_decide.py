"""The invariants that any verdict must keep, whatever the data (method, section 7)."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.claims import registry
from analysis.claims.client import client
from analysis.claims.latency import latency
from analysis.claims.platform import platform
from analysis.claims.platform_x_latency import platform_x_latency
from analysis.comparison.view import View, view_of
from analysis.model import Criteria, Decision, Effect, Finding, State
from analysis.planning.sketch import Suspect
from analysis.planning.tables_of_cells import tables_of
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide, hypothesis, share_sites, stepped_down
from tests.analysis.deciding import found_alone
from tests.analysis.effects import estimate_of, width_of
from tests.analysis.tables_by_hand import (
    no_attempts,
    on_every_frame,
    one_minute,
    only,
    renamed,
    sketched,
    states,
    with_cells,
)
from tests.kit.examples import examples
from tests.typed import known

SUSPECTS = ("none", "latency", "platform", "platform_x_latency", "client")
SMALL = {"minutes": 20, "hosts": 2}
HARDNESS = {"undecided": 0, "ruled_out": 1, "confirmed": 1}
runs = st.builds(
    lambda suspect, seed, effect: sketched(seed, suspect=suspect, effect=effect, **SMALL),
    st.sampled_from(SUSPECTS),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.03]),
)
few = settings(max_examples=examples(1 / 8), deadline=None)
# Of each claim: its state, attempts, p-value and effect.
Reading = dict[str, tuple[State, int, float | None, Effect | None]]


def read(decision: Decision) -> Reading:
    return {
        name: (f.state, f.n, None if f.p_value is None else round(f.p_value, 9), f.effect)
        for name, f in decision.claims.items()
    }


def close(one: Reading, two: Reading) -> None:
    """Same states, and the same numbers but for the last digits (sums in another order)."""
    for name, (state, n, p, effect) in one.items():
        other = two[name]
        assert (state, n) == (other[0], other[1]), name
        assert p == pytest.approx(other[2], abs=1e-6)
        assert (effect is None) == (other[3] is None)
        if effect is not None and effect.estimate is not None:
            assert effect.estimate == pytest.approx(estimate_of(other[3]), abs=1e-9)
            for bound in ("low", "high"):
                mine, theirs = getattr(effect, bound), getattr(other[3], bound)
                assert (mine is None) == (theirs is None)
                if mine is not None:
                    assert mine == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("suspect", SUSPECTS)
def test_each_suspect_is_found_and_no_other_one(suspect: Suspect) -> None:
    decision = decide(sketched(3, suspect=suspect, effect=0.03), Criteria())
    confirmed = {name for name, finding in decision.claims.items() if finding.state == "confirmed"}
    if suspect == "none":
        assert confirmed <= {"intermittent"}
    else:
        assert suspect in confirmed
        # A third of the first platform's attempts carry an interaction's effect: that is one of the platform.
        assert confirmed <= {suspect, "intermittent", *(["platform"] if suspect == "platform_x_latency" else [])}


@pytest.mark.parametrize("suspect", SUSPECTS)
def test_every_claim_says_something_and_says_what_it_needs_exactly_when_undecided(suspect: Suspect) -> None:
    decision = decide(sketched(5, suspect=suspect, effect=0.02), Criteria())
    assert tuple(decision.claims) == registry.names()
    for name, finding in decision.claims.items():
        assert finding.evidence, name
        assert bool(finding.needs) == (finding.state == "undecided"), (name, finding)


@pytest.mark.slow
@few
@given(runs, st.integers(0, 1000))
def test_row_order_and_names_of_hosts_change_nothing(tables: Tables, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hosts = sorted(set(tables.cells["host"]))
    names = dict(zip(hosts, [f"h{i}" for i in rng.permutation(len(hosts))], strict=True))
    shuffled = on_every_frame(
        renamed(tables, "host", names), lambda frame: frame.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    )
    one, two = decide(tables, Criteria()), decide(shuffled, Criteria())
    close(read(one), read(two))
    assert one.hypothesis == two.hypothesis


@pytest.mark.slow
@few
@given(runs)
def test_renaming_platforms_changes_no_state(tables: Tables) -> None:
    swapped = renamed(tables, "platform", {"Windows": "Aardvark", "Linux": "Zebra"})
    close(read(decide(tables, Criteria())), read(decide(swapped, Criteria())))


@pytest.mark.slow
@few
@given(runs, st.integers(1, 10_000))
def test_shifting_all_times_changes_nothing(tables: Tables, minutes: int) -> None:
    def later(frame: pd.DataFrame) -> pd.DataFrame:
        moved = {
            name: frame[name] + minutes * factor
            for name, factor in (("minute", 1), ("slot", 6), ("first_minute", 1), ("last_minute", 1))
            if name in frame
        }
        return frame.assign(**moved)

    close(read(decide(tables, Criteria())), read(decide(on_every_frame(tables, later), Criteria())))


@pytest.mark.slow
@few
@given(runs)
def test_cells_of_two_files_are_added(tables: Tables) -> None:
    counts = tables.cells.select_dtypes("number").columns.difference(["minute", "delay_us"])
    half = tables.cells[counts] // 2
    first = tables.cells.assign(**{name: half[name] for name in counts})
    second = tables.cells.assign(**{name: tables.cells[name] - half[name] for name in counts})
    both = replace(tables, cells=pd.concat([first, second], ignore_index=True))
    close(read(decide(tables, Criteria())), read(decide(both, Criteria())))


@pytest.mark.slow
@few
@given(runs, st.integers(2, 4))
def test_writing_every_row_again_shrinks_no_interval_and_hardens_no_state(tables: Tables, times: int) -> None:
    def again(frame: pd.DataFrame) -> pd.DataFrame:
        counts = [
            name
            for name in (
                "n",
                "bad",
                "timeouts",
                "residual",
                "n_clean",
                "good",
                "explicit",
                "client_loop",
                "any_lag_bad",
            )
            if name in frame
        ]
        # The same connections with every attempt written again: sums grow alike, sums of squares by squares.
        sums = [name for name in frame.columns if name.startswith("x_")]
        squares = [name for name in frame.columns if name == "nn" or name.startswith(("nx_", "xx_"))]
        grown = dict.fromkeys([*counts, *sums], times) | dict.fromkeys(squares, times**2)
        return frame.assign(**{name: frame[name] * by for name, by in grown.items()})

    once, more = decide(tables, Criteria()), decide(on_every_frame(tables, again), Criteria())
    for name in ("latency", "platform", "platform_x_latency", "client", "intermittent"):
        before, after = once.claims[name], more.claims[name]
        assert HARDNESS[after.state] <= HARDNESS[before.state] or before.state == after.state, name
        if before.effect is None or before.effect.low is None or tables.cells["bad"].sum() < 20:
            continue
        width, width_again = width_of(before.effect), width_of(after.effect)
        assert width_again >= 0.98 * width, name


@pytest.mark.slow
def test_permuting_platforms_over_hosts_confirms_nothing() -> None:
    rng = np.random.default_rng(2)
    confirmed = 0
    base = sketched(11, hosts=6, minutes=30, host_sd=0.8, base_risk=0.02, suspect="latency", effect=0.02)
    hosts = sorted(set(base.cells["host"]))
    for _ in range(40):
        labels = dict(zip(hosts, rng.permutation(["Windows"] * 6 + ["Linux"] * 6), strict=True))
        cells = base.cells.assign(platform=base.cells["host"].map(labels))
        view = view_of(tables_of(cells, rng), Criteria())
        confirmed += "confirmed" in (platform(view, None).state, platform_x_latency(view, None).state)
    assert confirmed <= 4


def dealt_again(cells: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.DataFrame:
    """The column's labels dealt again over the attempts of each stratum (hypergeometric)."""
    keys = [k for k in ("host", "platform", "minute", "client", "delay_us", "operation") if k != column]
    parts = []
    for _, group in cells.groupby(keys):
        drawn = rng.multivariate_hypergeometric(group["n"].to_numpy(), int(group["bad"].sum()))
        parts.append(group.assign(bad=drawn, residual=drawn, timeouts=drawn, good=group["n"] - drawn))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "suspect", "claim"), [("delay_us", "latency", latency), ("client", "client", client)]
)
def test_permuting_an_arm_over_connections_confirms_nothing(
    column: str, suspect: Suspect, claim: Callable[[View], Finding]
) -> None:
    rng = np.random.default_rng(4)
    base = sketched(12, minutes=20, hosts=2, suspect=suspect, effect=0.05)
    assert claim(view_of(base, Criteria())).state == "confirmed"
    confirmed = 0
    for _ in range(12):
        cells = dealt_again(base.cells, column, rng)
        confirmed += claim(view_of(tables_of(cells, rng), Criteria())).state == "confirmed"
    assert confirmed == 0


@few
@given(runs)
def test_one_host_on_a_side_never_confirms_the_platform(tables: Tables) -> None:
    alone = only(tables, lambda frame: (frame["platform"] != "Windows") | (frame["host"] == "Windows-0"))
    finding = decide(alone, Criteria()).claims["platform"]
    assert finding.state != "confirmed"
    assert finding.state == "undecided" or finding.ceiling


def test_everything_ok_confirms_nothing() -> None:
    fine = with_cells(sketched(1), bad=0, residual=0, timeouts=0, good=lambda c: c["n"])
    found = states(decide(fine, Criteria()))
    assert "confirmed" not in found.values()
    assert found["auth"] == found["format"] == "ruled_out"


def test_everything_timed_out_confirms_nothing_and_compares_nothing() -> None:
    dead = with_cells(sketched(1), bad=lambda c: c["n"], residual=lambda c: c["n"], timeouts=lambda c: c["n"], good=0)
    found = states(decide(dead, Criteria()))
    assert {name for name, state in found.items() if state == "confirmed"} <= {"server", "format"}
    assert found["latency"] == found["platform"] == found["platform_x_latency"] == found["client"] == "undecided"


@pytest.mark.slow
def test_reversed_arms_are_not_confirmed() -> None:
    tables = sketched(3, suspect="latency", effect=0.05)
    most = tables.cells["delay_us"].max()
    turned = with_cells(tables, delay_us=lambda c: most - c["delay_us"])
    before, after = (decide(t, Criteria()).claims["latency"] for t in (tables, turned))
    assert before.state == "confirmed"
    assert after.state == "undecided"
    assert known(after.effect).reversed


@pytest.mark.slow
@few
@given(runs, st.integers(0, 19))
def test_an_outage_of_everybody_confirms_no_comparison(tables: Tables, minute: int) -> None:
    down = tables.cells["minute"] == tables.cells["minute"].min() + minute
    hit = {name: np.where(down, tables.cells["n"], tables.cells[name]) for name in ("bad", "residual", "timeouts")}
    outage = with_cells(tables, **hit)
    before, after = states(decide(tables, Criteria())), states(decide(outage, Criteria()))
    for name in ("platform", "platform_x_latency", "client", "latency"):
        assert not (before[name] == "undecided" and after[name] == "confirmed"), name


@pytest.mark.slow
@few
@given(runs, st.sampled_from(["lag", "rtt", "instance", "site"]))
def test_what_is_not_measured_only_moves_claims_towards_undecided(tables: Tables, what: str) -> None:
    if what == "lag":
        poorer = replace(tables, cells=tables.cells.assign(lag_null=tables.cells["n"], any_lag_bad=tables.cells["bad"]))
    elif what == "rtt":
        poorer = replace(
            tables, base_rtt=tables.base_rtt.assign(base_rtt_s=math.nan), arm_rtt=tables.arm_rtt.assign(rtt_s=math.nan)
        )
    elif what == "instance":
        poorer = replace(
            tables, instances=tables.instances.iloc[:0], platform_instances=tables.platform_instances.iloc[:0]
        )
    else:
        poorer = replace(tables, sites=tables.sites.assign(site=None))
    before, after = decide(tables, Criteria()), decide(poorer, Criteria())
    for name, finding in before.claims.items():
        moved = after.claims[name]
        # A condition that fails may uncover nothing: only the no-assumption bound survives it.
        assert moved.state in (finding.state, "undecided"), (name, finding, moved)


def test_a_server_without_named_instances_is_ruled_out_only_by_a_cohort_of_all_hosts() -> None:
    tables = sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120)
    unnamed = replace(tables, **{name: getattr(tables, name).iloc[:0] for name in ("instances", "platform_instances")})
    assert "of any instance" in found_alone(tables, "server").evidence
    found = found_alone(unnamed, "server")
    # The hosts of the clean platform may all meet an instance of their own, if addresses are hashed.
    assert found.state == "undecided"
    late = sketched(5, suspect="latency", effect=0.03, base_risk=0.0005, minutes=120)
    nowhere = replace(late, instances=unnamed.instances, platform_instances=unnamed.platform_instances)
    found = found_alone(nowhere, "server")
    assert found.state == "ruled_out"
    assert "of all attempts" in found.evidence


@pytest.mark.slow
@few
@given(runs, st.floats(0.001, 0.02), st.floats(1.1, 4.0))
def test_a_wider_margin_confirms_no_more_and_a_narrower_one_rules_out_no_more(
    tables: Tables, margin: float, factor: float
) -> None:
    decided = decide(tables, Criteria(margin=margin))
    narrow = states(decided)
    wide = states(decide(tables, Criteria(margin=margin * factor)))
    # Holm's step joins the claims: compare those that no other claim can carry over the line.
    for name in registry.names():
        if wide[name] == "confirmed":
            assert narrow[name] == "confirmed", name
        # A part that is too small to bound a narrow margin is named; a wider one it can bound, or be beyond.
        is_whole = "Too few attempts" not in decided.claims[name].evidence
        if narrow[name] == "ruled_out" and is_whole and name != "latency":
            assert wide[name] == "ruled_out", name


@pytest.mark.parametrize("minutes", [1, 2, 3])
@pytest.mark.parametrize("hosts", [1, 2])
def test_a_short_run_compares_nothing_and_says_how_long_it_must_be(minutes: int, hosts: int) -> None:
    tables = one_minute(sketched(2, hosts=hosts, suspect="platform", effect=0.1), minutes)
    for name in ("latency", "client", "platform", "platform_x_latency"):
        finding = decide(tables, Criteria()).claims[name]
        assert finding.state == "undecided" or finding.ceiling
        assert "minutes" in finding.needs or "hosts" in finding.needs.lower()


def test_no_attempt_at_all_is_undecided() -> None:
    decision = decide(no_attempts(), Criteria())
    assert set(states(decision).values()) == {"undecided"}
    assert decision.hypothesis.state == "undecided"
    assert decision.causes == () == decision.mitigations


def test_a_run_shorter_than_its_budgets_says_so() -> None:
    totals = sketched().totals.assign(dropped_tail=209)
    finding = decide(replace(no_attempts(), totals=totals), Criteria()).claims["server"]
    assert finding.state == "undecided"
    assert "209 attempts" in finding.evidence
    assert "longer than its longest budget" in finding.needs


@settings(max_examples=examples(1 / 4), deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.booleans(), st.booleans())
def test_a_few_rows_of_a_run_raise_nothing(rows: int, seed: int, one_platform: bool, one_host: bool) -> None:
    tables = sketched(seed, **SMALL)
    cells = tables.cells.sample(rows, random_state=seed)
    if one_platform:
        cells = cells[cells["platform"] == cells["platform"].iloc[0]]
    if one_host:
        cells = cells[cells["host"] == cells["host"].iloc[0]]
    decision = decide(tables_of(cells.reset_index(drop=True), np.random.default_rng(seed)), Criteria())
    assert set(decision.claims) == set(registry.names())
    compared = ("latency", "platform", "platform_x_latency", "client")
    assert all(decision.claims[name].state != "confirmed" for name in compared)


def claims(**given: State) -> dict[str, Finding]:
    found = dict.fromkeys(registry.names(), Finding(state="undecided"))
    return {**found, **{name: Finding(state=state) for name, state in given.items()}}


def test_the_hypothesis_needs_every_part() -> None:
    every = claims(
        intermittent="confirmed",
        platform_x_latency="confirmed",
        server="ruled_out",
        network="ruled_out",
        auth="ruled_out",
        format="ruled_out",
    )
    assert hypothesis(every).state == "confirmed"
    assert hypothesis(every).because[1] == "server, network, auth and format are ruled out"
    for name in ("intermittent", "platform_x_latency", "server", "network", "auth", "format"):
        assert hypothesis({**every, name: Finding(state="undecided")}).state == "undecided"
    assert hypothesis({**every, "client_loop": Finding(state="confirmed")}).state == "undecided"


def test_credentials_that_nobody_showed_do_not_hang_the_hypothesis() -> None:
    without = claims(
        intermittent="confirmed",
        platform_x_latency="confirmed",
        server="ruled_out",
        network="ruled_out",
        format="ruled_out",
    )
    assert hypothesis(without).because == ("auth is not ruled out",)
    found = hypothesis(without, no_credentials=True)
    assert (found.state, found.because[-1]) == ("confirmed", "no credentials were shown that could be refused")
    some = Effect(name="rate", estimate=0.004, low=0.001, high=0.01)
    asked = {**without, "auth": Finding(state="undecided", effect=some)}
    assert hypothesis(asked, no_credentials=True).because == ("auth is not ruled out",)


def test_platforms_that_share_their_sites_do_not_differ_by_the_way() -> None:
    open_way = claims(
        intermittent="confirmed",
        platform_x_latency="confirmed",
        server="ruled_out",
        auth="ruled_out",
        format="ruled_out",
    )
    assert hypothesis(open_way).because == ("network is not ruled out",)
    found = hypothesis(open_way, one_line=True)
    assert found.state == "confirmed"
    assert found.because[-1] == "the platforms share their sites, so that the network cannot make them differ"
    lost = {**open_way, "network": Finding(state="confirmed")}
    assert hypothesis(lost, one_line=True).because == ("network is confirmed",)


def test_sites_are_shared_only_where_all_are_known_and_every_two_platforms_overlap() -> None:
    tables = sketched(1)

    def shared(site: "pd.Series[str] | None") -> bool:
        return share_sites(view_of(replace(tables, cells=tables.cells.assign(site=site)), Criteria()))

    assert shared(tables.cells["site"])
    assert not shared(tables.cells["platform"])
    assert not shared(None)
    assert not shared(tables.cells["site"].where(tables.cells.index > 0, None))


def test_the_hypothesis_of_an_old_run_does_not_hang_on_kernels_that_nobody_asked() -> None:
    """No rung is known, and the platforms share their sites: what confirmed it before confirms it still."""
    tables = sketched(1, suspect="platform_x_latency", effect=0.05, base_risk=0.001)
    found = decide(tables, Criteria())
    assert found.claims["network"].state == "undecided"
    assert "kernel was not asked" in found.claims["network"].evidence
    assert found.claims["platform_x_latency"].state == "confirmed"
    assert not any(because.startswith("network") for because in found.hypothesis.because)


@pytest.mark.parametrize(
    "refuted",
    [
        {"intermittent": "ruled_out"},
        {"platform_x_latency": "ruled_out"},
        {"server": "confirmed"},
        {"network": "confirmed"},
    ],
)
def test_one_part_refutes_the_hypothesis(refuted: dict[str, State]) -> None:
    assert hypothesis(claims(**refuted)).state == "ruled_out"


def test_an_interaction_beside_server_bursts_is_kept_and_the_hypothesis_is_refuted() -> None:
    both = claims(intermittent="confirmed", platform_x_latency="confirmed", server="confirmed")
    assert hypothesis(both).state == "ruled_out"
    assert hypothesis(both).because == ("server is confirmed",)


def test_what_is_confirmed_alone_may_not_be_beside_the_other_claims() -> None:
    lonely = Finding(state="confirmed", p_value=0.03, evidence="It differs.")
    found = stepped_down({**claims(), "client": lonely}, 0.05)
    assert found["client"].state == "undecided"
    # From p 0.03 to 0.005, its share of the error rate: 1.88 to 2.58 standard errors.
    assert found["client"].needs.startswith("About 1.9 times as much data")
    strong = replace(lonely, p_value=0.0001)
    assert stepped_down({**claims(), "client": strong}, 0.05)["client"].state == "confirmed"


@pytest.mark.parametrize("suspect", SUSPECTS)
def test_a_decision_holds_plain_numbers_only(suspect: Suspect) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(plain(one) for one in value.values())
        if isinstance(value, list | tuple):
            return all(plain(one) for one in value)
        return value is None or type(value) in (str, bool, int) or (type(value) is float and math.isfinite(value))

    assert plain(asdict(decide(sketched(2, suspect=suspect, effect=0.03, **SMALL), Criteria())))
    assert plain(asdict(decide(one_minute(sketched(2, suspect=suspect, effect=0.03)), Criteria())))
