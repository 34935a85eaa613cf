"""The claims that exact rules decide: auth, client_loop, format and intermittent."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.claims.auth import auth
from analysis.claims.client_loop import client_loop
from analysis.claims.format import flagged_by_format, format_
from analysis.claims.intermittent import intermittent
from analysis.model import Settings
from analysis.verdict import decide
from analysis.view import view_of
from tests.analysis.tables_by_hand import sketched, with_cells

SHORT = {"minutes": 2, "hosts": 1, "platforms": ("Linux",), "clients": ("websocket-client",), "delays_us": (0,)}


def view(tables):
    return view_of(tables, Settings())


def moved(tables, column, mask, *, fails=True):
    """All attempts of the mask's rows fail and are explained by the column."""
    hit = np.where(mask, tables.cells["n"], 0)
    rest = {name: np.where(mask, 0, tables.cells[name]) for name in ("residual", "timeouts")}
    return with_cells(tables, **{**rest, column: hit, "bad": np.where(mask, hit if fails else 0, tables.cells["bad"])})


@pytest.mark.parametrize("given", [{}, SHORT])
def test_refused_tokens_are_confirmed_even_in_ninety_seconds(given):
    tables = sketched(1, attempts_a_minute=600.0, base_risk=0.0, **given)
    some = (tables.cells["kind"] == "connect") & (tables.cells.index % 6 == 0)
    finding = auth(view(moved(tables, "auth", some)))
    assert finding.state == "confirmed"
    assert "of the connects" in finding.evidence


def test_no_refusal_in_740_connects_rules_auth_out():
    assert auth(view(sketched(1, **{**SHORT, "attempts_a_minute": 1300.0}))).state == "ruled_out"
    few = auth(view(sketched(1, **{**SHORT, "attempts_a_minute": 100.0})))
    assert few.state == "undecided"
    assert "more connects" in few.needs


def test_refusals_of_one_host_are_not_diluted_by_the_others():
    tables = sketched(1, base_risk=0.0)
    skewed = (
        (tables.cells["host"] == "Linux-1") & (tables.cells["kind"] == "connect") & (tables.cells["minute"] % 40 == 0)
    )
    finding = auth(view(moved(tables, "auth", skewed)))
    assert finding.state == "confirmed"
    assert "Linux-1" in finding.evidence


def test_the_tokens_that_were_still_good_are_counted_where_the_refusals_are():
    tables = sketched(1, base_risk=0.0)
    connects = tables.cells["kind"] == "connect"
    here = connects & (tables.cells["host"] == "Linux-1") & (tables.cells["minute"] % 40 == 0)
    others = connects & (tables.cells["host"] != "Linux-1") & (tables.cells["n"] > 0)
    elsewhere = tables.cells.index == tables.cells.index[others][0]
    refused = moved(tables, "auth", here | elsewhere)
    good = np.where(here | elsewhere, refused.cells["n"], 0)
    finding = auth(view(replace(refused, cells=refused.cells.assign(auth_fresh=good))))
    count = int(refused.cells["n"][here].sum())
    assert f"({count} of " in finding.evidence
    assert f" {count} of them more than a minute" in finding.evidence


@pytest.mark.parametrize("given", [{}, SHORT])
def test_a_blocked_loop_is_confirmed_on_its_host(given):
    tables = sketched(1, attempts_a_minute=600.0, **given)
    host = tables.cells["host"].iloc[0]
    blocked = (tables.cells["host"] == host) & (tables.cells.index % 5 == 0)
    finding = client_loop(view(moved(tables, "client_loop", blocked)))
    assert finding.state == "confirmed"
    assert str(host) in finding.evidence


def test_many_short_lags_are_not_ruled_out():
    tables = sketched(1, base_risk=0.02)
    late = with_cells(tables, any_lag_bad=lambda cells: cells["bad"])
    assert client_loop(view(tables)).state == "ruled_out"
    assert client_loop(view(late)).state == "undecided"


def test_a_host_with_few_attempts_and_no_late_loop_is_asked_for_more_of_them():
    finding = client_loop(view(sketched(1, **SHORT, base_risk=0.0)))
    assert finding.state == "undecided"
    assert "no attempt failed with a late loop" in finding.evidence
    assert "attempts on each host" in finding.needs and "Fewer users" not in finding.needs


def test_unmeasured_lag_decides_nothing():
    finding = client_loop(view(with_cells(sketched(1), lag_null=lambda cells: cells["n"])))
    assert finding.state == "undecided"
    assert "unknown" in finding.evidence


@pytest.mark.parametrize("given", [{}, SHORT])
def test_a_type_that_nobody_answers_is_the_format_and_leaves_the_comparisons(given):
    tables = sketched(1, attempts_a_minute=600.0, **given)
    silent = tables.cells["operation"] == "chat"
    dead = moved(tables, "residual", silent)
    prepared = view(dead)
    assert flagged_by_format(prepared).sum() == silent.sum()
    finding = decide(dead, Settings()).claims["format"]
    assert finding.state == "confirmed"
    assert "No chat is answered" in finding.evidence
    assert decide(dead, Settings()).claims["intermittent"].state != "confirmed"


def test_a_type_that_is_answered_too_late_is_answered():
    tables = sketched(1, attempts_a_minute=600.0)
    slow = tables.cells["operation"] == "chat"
    late = moved(tables, "residual", slow)
    late = with_cells(late, late=np.where(slow, late.cells["residual"], 0))
    assert not flagged_by_format(view(late)).any()
    assert format_(view(late)).state != "confirmed"


def test_a_target_that_answers_nothing_is_no_matter_of_format():
    dead = moved(sketched(1), "residual", np.ones(len(sketched(1).cells), dtype=bool))
    assert format_(view(dead)).state != "confirmed"


def test_frames_before_the_welcome_that_one_client_cannot_read():
    tables = sketched(1)
    preface = tables.cells.index % 4 == 0
    blind = preface & (tables.cells["kind"] == "connect") & (tables.cells["client"] == "websockets-asyncio")
    finding = format_(view(moved(with_cells(tables, preface=preface), "residual", blind)))
    assert finding.state == "confirmed"
    assert "before the welcome" in finding.evidence


def test_malformed_frames_are_counted():
    tables = sketched(1)
    finding = format_(view(moved(tables, "format", tables.cells.index % 20 == 0)))
    assert finding.state == "confirmed"


def test_a_fault_that_strikes_always_is_not_intermittent():
    tables = sketched(1, base_risk=0.0)
    always = moved(tables, "residual", tables.cells["operation"] == "chat")
    assert intermittent(view(always)).state == "ruled_out"


def test_a_type_with_too_few_attempts_is_named_and_not_called_the_worst_of_those_below_the_margin():
    tables = sketched(3, base_risk=0.0)
    is_rare = (tables.cells["operation"] == "chat") & (tables.cells["minute"] == tables.cells["minute"].min())
    rare = with_cells(tables, operation=np.where(is_rare, "agent_request", tables.cells["operation"]))
    finding = intermittent(view(rare))
    assert finding.state == "ruled_out"
    assert "agent_request requests:" not in finding.evidence
    named = (
        "Linux, agent_request requests, Windows, agent_request requests, agent_request exchanges of a and 1 other part"
    )
    assert f"Too few attempts to say it of {named} of the run alone." in finding.evidence


def test_a_fault_of_connects_is_not_diluted_by_exchanges():
    tables = sketched(
        1, base_risk=0.0, attempts_a_minute=300.0, operations=("connect", *(f"type-{i}" for i in range(9)))
    )
    connects = tables.cells["kind"] == "connect"
    hit = np.where(connects, np.random.default_rng(1).binomial(tables.cells["n"], 0.025), 0)
    few = with_cells(tables, bad=hit, residual=hit, timeouts=hit)
    assert hit.sum() / tables.cells["n"].sum() < 0.005
    assert intermittent(view(few)).state == "confirmed"


def test_what_always_fails_for_a_user_or_a_size_is_not_intermittent():
    tables = sketched(1, base_risk=0.0, attempts_a_minute=600.0)
    struck = tables.cells["n"] // 10
    now_and_then = with_cells(tables, bad=struck, residual=struck, timeouts=struck)
    assert intermittent(view(now_and_then)).state == "confirmed"
    always = with_cells(now_and_then, n_always=struck, bad_always=struck)
    assert intermittent(view(always)).state == "ruled_out"


def test_failures_that_may_all_be_those_of_users_who_never_succeed_confirm_nothing():
    tables = sketched(1, base_risk=0.0, attempts_a_minute=600.0)
    struck = np.where(tables.cells["platform"] == "Windows", tables.cells["n"] // 10, 0)
    tables = with_cells(tables, bad=struck, residual=struck, timeouts=struck)

    def never_ok(platform, n):
        of_kinds = [(platform, kind, 3, n) for kind in ("connect", "exchange")]
        return intermittent(view(replace(tables, never_ok=pd.DataFrame(of_kinds, columns=tables.never_ok.columns))))

    assert never_ok("Windows", 10).state == "confirmed"
    assert never_ok("Linux", int(struck.sum())).state == "confirmed"
    finding = never_ok("Windows", int(struck.sum()))
    assert finding.state == "undecided"
    assert "6 users failed each time, and came less than ten times: they may fail always." in finding.evidence


def share_of(tables, mask, share, seed=1):
    """Some of the attempts of the mask's rows."""
    return np.where(mask, np.random.default_rng(seed).binomial(tables.cells["n"], share), 0)


RULED_OUT_AS_A_RATE = [("auth", auth), ("format", format_), ("any_lag_bad", client_loop), ("bad", intermittent)]


def a_rare_client(column, share):
    """Of the connects of a client that few sessions have, a share fails so; nothing else fails."""
    tables = sketched(5, base_risk=0.0, attempts_a_minute=600.0)
    rare = tables.cells["client"] == "websockets-asyncio"
    tables = with_cells(tables, n=np.where(rare, (tables.cells["n"] + 9) // 10, tables.cells["n"]))
    tables = with_cells(tables, connections=tables.cells["n"], n_clean=tables.cells["n"], good=tables.cells["n"])
    hit = share_of(tables, rare & (tables.cells["kind"] == "connect"), share)
    residual = hit if column in ("bad", "any_lag_bad") else 0 * hit
    return with_cells(tables, **{"residual": residual, "bad": hit, "timeouts": residual, column: hit})


@pytest.mark.parametrize("column, claim", RULED_OUT_AS_A_RATE)
def test_what_strikes_one_rare_client_is_not_ruled_out_for_being_diluted(column, claim):
    assert claim(view(a_rare_client(column, 0.0))).state == "ruled_out"
    finding = claim(view(a_rare_client(column, 0.015)))
    assert finding.state == ("confirmed" if claim is intermittent else "undecided")
    if claim is not intermittent:
        assert "Not surely below 0.5 %: connects of websockets-asyncio" in finding.evidence
        assert finding.needs


@pytest.mark.parametrize("column, claim", [("auth", auth), ("format", format_), ("bad", intermittent)])
def test_one_instance_of_many_that_fails_so_is_seen(column, claim):
    tables = sketched(2, base_risk=0.0, attempts_a_minute=300.0)
    frame = tables.instances
    assert claim(view(tables)).state == "ruled_out"
    few = (frame["kind"] == "connect") & (frame["minute"] % 10 == 0) & (frame["server_instance"] == "a")
    new = frame.assign(server_instance=frame["server_instance"].where(~few, "instance-9"))
    hit = np.where(few, np.random.default_rng(1).binomial(new["n"], 0.04), 0)
    finding = claim(view(replace(tables, instances=new.assign(**{column: hit}))))
    assert finding.state == "undecided"
    assert "connects of instance-9" in finding.evidence
