import numpy as np
import pytest

from analysis.claims import registry
from analysis.model import Criteria, Decision
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.planning.tables_of_cells import tables_of
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide
from tests.analysis.deciding import decided_alone, found_alone
from tests.analysis.effects import width_of
from tests.analysis.tables_by_hand import no_attempts, sketched


def so_far(tables: Tables, minutes: int, *claims: str) -> Decision:
    """The decision while the run grows, in which only these claims look at the data."""
    cells = tables.cells[tables.cells["minute"] < FIRST_MINUTE + minutes].reset_index(drop=True)
    return decided_alone(tables_of(cells, np.random.default_rng(1)), *claims, live=True)


def test_the_first_twenty_minutes_compare_nothing() -> None:
    found = so_far(sketched(1, suspect="latency", effect=0.1), 15, "latency").claims["latency"]
    assert found.state == "undecided"
    assert "silent for the first 20" in found.evidence


def test_a_large_effect_is_confirmed_while_the_run_grows_and_the_rule_is_said() -> None:
    decision = so_far(sketched(1, suspect="latency", effect=0.1), 60, "latency")
    found = decision.claims["latency"]
    assert found.state == "confirmed"
    assert "confidence sequence" in found.evidence
    assert any("Watched while it grows" in note for note in decision.data_quality)


@pytest.mark.parametrize("name", ["platform", "platform_x_latency", "server"])
def test_claims_that_need_hosts_or_shifts_wait_for_the_end(name: str) -> None:
    found = so_far(sketched(1, suspect="platform", effect=0.1), 60, name).claims[name]
    assert found.state == "undecided"
    assert found.needs == "The end of the run."
    assert found.evidence.startswith("So far")


def test_nothing_is_ruled_out_before_the_end() -> None:
    states = {finding.state for finding in so_far(sketched(1, base_risk=0.0), 60, *registry.names()).claims.values()}
    assert "ruled_out" not in states


def test_it_is_wider_than_the_final_rule() -> None:
    tables = sketched(1, suspect="client", effect=0.03)
    live, final = so_far(tables, 60, "client").claims["client"].effect, found_alone(tables, "client").effect
    assert width_of(live) > width_of(final)


def test_clients_are_watched_as_they_are_compared_at_the_end() -> None:
    found = so_far(sketched(1, suspect="client", effect=0.1, hosts=4), 60, "client").claims["client"]
    assert found.state == "confirmed"
    assert any(name.startswith("websocket-client/gevent against") for name in found.parts)


@pytest.mark.long
@pytest.mark.slow
def test_watched_all_the_time_it_confirms_no_effect_that_is_not_there() -> None:
    for seed in range(1, 4):
        tables = sketched(seed, suspect="latency", effect=0.0, base_risk=0.02)
        for minutes in range(20, 61, 5):
            states = {
                name: finding.state for name, finding in so_far(tables, minutes, "latency", "client").claims.items()
            }
            assert states["latency"] == states["client"] == "undecided"


def test_an_empty_run_may_be_watched() -> None:
    assert set(f.state for f in decide(no_attempts(), Criteria(), live=True).claims.values()) == {"undecided"}
