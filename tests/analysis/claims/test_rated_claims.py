"""What the claims that are rates have in common: nothing is ruled out because it was diluted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.claims.auth import auth
from analysis.claims.client_loop import client_loop
from analysis.claims.format import format_
from analysis.claims.intermittent import intermittent
from analysis.comparison.view import View, view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from analysis.stats.groups import Ints
from tests.analysis.tables_by_hand import Mask, sketched, with_cells


def view(tables: Tables) -> View:
    return view_of(tables, Criteria())


def share_of(tables: Tables, mask: Mask, share: float, seed: int = 1) -> Ints:
    """Some of the attempts of the mask's rows."""
    return np.where(mask, np.random.default_rng(seed).binomial(tables.cells["n"], share), 0)


RULED_OUT_AS_A_RATE = [("auth", auth), ("format", format_), ("any_lag_bad", client_loop), ("bad", intermittent)]


def a_rare_client(column: str, share: float) -> Tables:
    """Of the connects of a client that few sessions have, a share fails so; nothing else fails."""
    tables = sketched(5, base_risk=0.0, attempts_a_minute=600.0)
    rare = tables.cells["client"] == "websockets-asyncio"
    tables = with_cells(tables, n=np.where(rare, (tables.cells["n"] + 9) // 10, tables.cells["n"]))
    tables = with_cells(tables, connections=tables.cells["n"], n_clean=tables.cells["n"], good=tables.cells["n"])
    hit = share_of(tables, rare & (tables.cells["kind"] == "connect"), share)
    residual = hit if column in ("bad", "any_lag_bad") else 0 * hit
    return with_cells(tables, **{"residual": residual, "bad": hit, "timeouts": residual, column: hit})


@pytest.mark.parametrize("column, claim", RULED_OUT_AS_A_RATE)
def test_what_strikes_one_rare_client_is_not_ruled_out_for_being_diluted(
    column: str, claim: Callable[[View], Finding]
) -> None:
    assert claim(view(a_rare_client(column, 0.0))).state == "ruled_out"
    finding = claim(view(a_rare_client(column, 0.015)))
    assert finding.state == ("confirmed" if claim is intermittent else "undecided")
    if claim is not intermittent:
        assert "Not surely below 0.5 %: connects of websockets-asyncio" in finding.evidence
        assert finding.needs


@pytest.mark.parametrize("column, claim", [("auth", auth), ("format", format_), ("bad", intermittent)])
def test_one_instance_of_many_that_fails_so_is_seen(column: str, claim: Callable[[View], Finding]) -> None:
    tables = sketched(2, base_risk=0.0, attempts_a_minute=300.0)
    frame = tables.instances
    assert claim(view(tables)).state == "ruled_out"
    few = (frame["kind"] == "connect") & (frame["minute"] % 10 == 0) & (frame["server_instance"] == "a")
    new = frame.assign(server_instance=frame["server_instance"].where(~few, "instance-9"))
    hit = np.where(few, np.random.default_rng(1).binomial(new["n"], 0.04), 0)
    finding = claim(view(replace(tables, instances=new.assign(**{column: hit}))))
    assert finding.state == "undecided"
    assert "connects of instance-9" in finding.evidence
