"""Hostile runs are drawn from their seed alone, and hold each kind of what can go wrong and of what can confound."""

from collections import Counter

import pytest

from analysis.simulation.broken_sessions import Dies, Forgets, Limit
from analysis.simulation.design import CLIENTS, Design
from analysis.simulation.fails import Fails
from analysis.simulation.hostile import Case, draw_case

CASES = [draw_case(seed) for seed in range(1, 401)]


def is_by_client(case: Case) -> bool:
    return case.design.sides_by == "client"


def test_the_same_seed_draws_the_same_case() -> None:
    assert draw_case(7) == draw_case(7)
    assert draw_case(7).title() != draw_case(8).title()


def test_every_case_can_be_drawn_with_any_of_its_parts_left_out() -> None:
    for case in CASES[:100]:
        names = (*case.mechanisms, *case.confounders)
        for smaller in (case.without([name]) for name in names):
            assert isinstance(smaller.design, Design)
            assert smaller.title() != case.title()


def test_mechanisms_have_numbers_of_their_own() -> None:
    for case in CASES:
        assert {name: f"m{m.number}" for name, m in case.mechanisms.items()} == {n: n for n in case.mechanisms}


def test_a_case_confounds_platforms_or_clients_and_never_both() -> None:
    assert 40 <= sum(map(is_by_client, CASES)) <= 120
    for case in filter(is_by_client, CASES):
        assert set(case.design.clients) > {CLIENTS[2]}
        for confounder in case.confounders.values():
            assert not confounder.sides or confounder.design == {"sides_by": "client"}


def test_what_clients_differ_by_may_be_what_fails() -> None:
    conditions = Counter(
        name
        for case in filter(is_by_client, CASES)
        for m in case.mechanisms.values()
        if isinstance(m, Fails)
        for name in ("tenant_only", "burst_only", "large_only")
        if getattr(m, name) and f"{name.removesuffix('_only')}_share" in _dealt(case)
    )
    assert conditions.keys() >= {"tenant_only", "burst_only"}


@pytest.mark.parametrize("whose", ["suspect_only", "client", "at_site"])
def test_limits_may_be_met_by_one_platform_client_or_site_alone(whose: str) -> None:
    limits = [m for case in CASES for m in case.mechanisms.values() if isinstance(m, Limit) and m.is_partial]
    assert any(getattr(m, whose) for m in limits)
    assert all(sum((m.suspect_only, m.client is not None, m.at_site)) == 1 for m in limits)


def test_sessions_may_die_of_everybody_of_a_platform_or_of_a_client_that_is_in_the_run() -> None:
    dying = [(case, m) for case in CASES for m in case.mechanisms.values() if isinstance(m, Dies)]
    assert {(m.suspect_only, m.client is not None) for _, m in dying} == {(False, False), (True, False), (False, True)}
    libraries = {"websockets-selector": "websockets-asyncio"}
    for case, m in dying:
        assert m.client is None or m.client in {libraries.get(name, name) for name in case.design.clients}


def test_frames_before_the_welcome_may_differ_between_the_sides_and_be_what_fails() -> None:
    shares = {case.design.sides.preface_share for case in CASES}
    assert {(1.0, 0.0), (0.75, 0.25), (0.3, 0.3)} <= shares
    struck = [m for case in CASES for m in case.mechanisms.values() if isinstance(m, Fails) and m.prefaced_only]
    assert struck
    assert not any(m.strikes_connects for m in struck)


def test_a_balancer_may_go_by_the_user_with_an_instance_or_an_account_that_fails() -> None:
    led = [case for case in CASES if case.design.balancing == "user"]
    assert 30 <= len(led) <= 90
    faults = [m for case in led for m in case.mechanisms.values() if isinstance(m, Fails)]
    assert any(m.at_instance for m in faults)
    assert any(m.origin == "account" and m.fault == "silent" for m in faults)


def test_kernels_are_asked_on_all_platforms_on_one_or_on_none() -> None:
    asked = Counter(case.design.kernel_asked for case in CASES)
    assert asked.keys() == {(), (True, True), (True, False), (False, True)}
    assert 120 <= asked[True, True] <= 200


def test_lines_lose_cut_and_forget_at_one_site_or_everywhere() -> None:
    last = [list(case.mechanisms.values())[-1] for case in CASES if case.mechanisms]
    forget = [m for m in last if isinstance(m, Forgets)]
    assert {m.at_site for m in forget} == {True, False}
    lose = [m for m in last if isinstance(m, Fails) and m.origin == "network"]
    assert {(m.at_site, m.fault) for m in lose} >= {(True, "silent"), (False, "silent"), (True, "reset")}


@pytest.mark.parametrize(
    ("seed", "title"),
    [
        (20, "instances=1, session_s=run, users=79, base_risk=0.0001 | nothing goes wrong | c1: scenarios in part"),
        (9, "pace_s=1.3, base_risk=0.001 | nothing goes wrong | c1: suspect waits longer between requests"),
        (4, "users=174, kernel_asked=(True, True), base_risk=0.0001 | nothing goes wrong | no confounder"),
    ],
)
def test_a_seed_that_draws_nothing_of_what_was_added_draws_what_it_did_before(seed: int, title: str) -> None:
    assert draw_case(seed).title().endswith(title)


def _dealt(case: Case) -> set[str]:
    return {name for confounder in case.confounders.values() for name in confounder.sides}
