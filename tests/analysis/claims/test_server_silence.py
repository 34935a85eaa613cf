"""Requests that the server had, and did not answer."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from analysis.model import Criteria
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide
from tests.analysis.claims.rung_tables import asked, lost
from tests.analysis.claims.server_tables import SHORT, kept_silent, outages, server
from tests.analysis.deciding import decided_alone, found_alone
from tests.analysis.tables_by_hand import sketched, with_cells


@pytest.mark.parametrize("given", [{}, SHORT])
def test_silence_behind_answered_pings_is_the_servers_even_if_it_is_constant_and_hits_all_alike(
    given: dict[str, Any],
) -> None:
    finding = server(kept_silent(sketched(1, **given)))
    assert finding.state == "confirmed"
    assert "had them and kept silent" in finding.evidence


def test_the_same_silence_without_a_ping_cannot_be_told_and_needs_one() -> None:
    finding = server(kept_silent(sketched(1), asked=False))
    assert finding.state == "undecided"
    assert "--peer-check-s" in finding.needs


def test_silence_that_one_platform_has_of_the_server_is_not_the_platforms() -> None:
    """Proven to be the server's on each connection, it is no effect of anything that is compared."""
    compared = ("client", "platform_x_latency")
    claims = decided_alone(kept_silent(sketched(1, base_risk=0.0005), 0.05), *compared).claims
    assert "confirmed" not in (claims["client"].state, claims["platform_x_latency"].state)


def test_a_type_that_nobody_answers_is_not_the_servers_for_its_pongs() -> None:
    tables = kept_silent(sketched(1, base_risk=0.0), 1.0, operation="chat")
    finding = server(tables)
    assert finding.state == "undecided"
    assert found_alone(tables, "format").state == "confirmed"


def mute(tables: Tables, mute: int, silent_of_mute: int, silent: int = 200, connections: int = 40) -> Tables:
    where = {"host": "Linux-0", "platform": "Linux"}
    rows = [
        where | {"is_mute": is_mute, "operation": operation, "n": n}
        for is_mute, operation, n in (
            (True, "", mute),
            (False, "", connections - mute),
            (True, "ping", silent_of_mute),
            (False, "ping", silent - silent_of_mute),
        )
    ]
    return replace(tables, mute=pd.DataFrame(rows))


def test_what_nobody_answers_while_the_way_loses_may_be_lost_as_well() -> None:
    """The server's kernel keeps back what it says until its own timer ends; no kernel on this side sees that."""
    silent = acknowledged(asked(sketched(1)))
    losing = with_cells(silent, repeated=silent.cells["acknowledged"].where(silent.cells.index % 2 == 0, 0))
    finding = server(losing)
    assert finding.state == "undecided"
    assert "more ran out so while the way lost" in finding.evidence
    now_and_then = with_cells(silent, repeated=silent.cells["acknowledged"].where(silent.cells.index % 40 == 0, 0))
    assert server(now_and_then).state == "confirmed"


@pytest.mark.parametrize(("one_in", "state"), [(2, "undecided"), (8, "confirmed")])
def test_what_nobody_answers_beside_what_nobody_can_place_may_be_lost_as_well(one_in: int, state: str) -> None:
    silent = acknowledged(asked(sketched(1)))
    more = silent.cells["acknowledged"].where(silent.cells.index % one_in == 0, 0)
    assert server(with_cells(silent, placed=silent.cells["placed"] - more)).state == state


def test_what_nobody_answers_in_minutes_without_a_loss_is_the_servers() -> None:
    silent = acknowledged(asked(sketched(1)))
    minute = silent.cells["minute"].min()
    some = with_cells(silent, repeated=silent.cells["acknowledged"].where(silent.cells["minute"] == minute, 0))
    finding = server(some)
    assert finding.state == "confirmed"
    assert "more ran out so while the way lost" in finding.evidence


def test_sessions_that_are_mute_from_a_moment_on_are_named() -> None:
    finding = server(mute(kept_silent(sketched(1)), 36, 190))
    assert (
        "36 of 40 such connections were mute from a moment on, while pings were answered (190 of 200"
        in finding.evidence
    )
    assert "mute" not in server(mute(kept_silent(sketched(1)), 2, 10)).evidence


def acknowledged(tables: Tables, share: float = 0.05, **only: Any) -> Tables:
    """A share of the attempts runs out although the peer's kernel acknowledged all of them."""
    return lost(tables, share, facts=("unanswered", "acknowledged"), **only)


@pytest.mark.parametrize("given", [{}, SHORT])
def test_silence_though_the_peers_kernel_acknowledges_is_the_servers_side(given: dict[str, Any]) -> None:
    finding = server(acknowledged(asked(sketched(1, **given))))
    assert finding.state == "confirmed"
    assert finding.parts["silence though it acknowledges"].state == "confirmed"
    assert "or that of a proxy in front of it, had acknowledged" in finding.evidence


def test_connects_that_are_silent_before_the_upgrade_count_where_the_kernel_was_asked() -> None:
    finding = server(acknowledged(asked(sketched(1)), kind="connect"))
    assert finding.state == "confirmed"
    assert "Of the connects" in finding.evidence
    assert "silence though it acknowledges" not in server(sketched(1)).parts


def test_silence_though_it_acknowledges_that_spares_a_platform_stays_in_the_comparisons() -> None:
    decision = decide(acknowledged(asked(sketched(1, base_risk=0.0005)), platform="Windows"), Criteria())
    assert decision.claims["server"].parts["silence though it acknowledges"].state != "confirmed"
    assert decision.spared == "the platform Linux was nearly spared"


def test_what_is_lost_on_the_way_in_moments_that_all_share_is_not_the_servers() -> None:
    tables = outages(sketched(1), (40, 90, 170, 250, 320))
    assert server(tables).state == "confirmed"
    slots = tables.slots.assign(on_way=tables.slots["residual"])
    assert server(replace(tables, slots=slots)).state != "confirmed"
