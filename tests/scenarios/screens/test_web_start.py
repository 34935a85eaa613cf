from __future__ import annotations

import pytest

from scenarios.errors import ConfigError
from scenarios.screens.web_start import Phase, Users, check_load, refuse_change, refuse_now, users_of

OPTIONS = {"seed": 1, "probes": True, "header": ["a", "b"], "run_time": None, "host": "ws://x/ws", "num_users": 5}


@pytest.mark.parametrize(
    "form",
    [
        {"user_count": "9", "spawn_rate": "3"},
        {"user_count": "9", "seed": "1", "probes": "true", "header": "a,b", "run_time": "", "host": "ws://x/ws"},
        {"user_count": "9", "no_such_option": "3"},
    ],
)
def test_a_form_that_changes_the_users_alone_passes(form: dict[str, str]) -> None:
    assert refuse_change(form, OPTIONS) is None


@pytest.mark.parametrize(
    ("form", "option"),
    [
        ({"seed": "2"}, "--seed"),
        ({"probes": "false"}, "--probes"),
        ({"host": "ws://y/ws"}, "--host"),
        ({"run_time": "10m"}, "--run-time"),
    ],
)
def test_a_form_that_changes_an_option_is_refused_by_its_name(form: dict[str, str], option: str) -> None:
    assert (refuse_change(form, OPTIONS) or "").startswith(f"{option} cannot change while a run goes on")


def test_only_while_it_starts_or_ends_nothing_can_be_done() -> None:
    assert [phase for phase in Phase if refuse_now(phase) is None] == [Phase.IDLE, Phase.RUNNING]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"user_count": "5"},
        {"user_count": "0", "spawn_rate": "1"},
        {"user_count": "x", "spawn_rate": "1"},
        {"user_count": "1", "spawn_rate": "inf"},
    ],
)
def test_what_is_no_number_of_users_is_none(form: dict[str, str]) -> None:
    assert users_of(form) is None


def test_users_are_read_as_locust_does() -> None:
    assert users_of({"user_count": "12", "spawn_rate": "0.5"}) == Users(12, 0.5)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"user_count": "abc"}, "--users is 'abc', but it must be a whole number 1 or more."),
        ({"user_count": "2.5"}, "--users is '2.5', but it must be a whole number 1 or more."),
        ({"spawn_rate": "0"}, "--spawn-rate is '0', but it must be a number above 0."),
        ({"run_time": "soon"}, "--run-time is 'soon', but it must be a time such as 20, 20s, 3m, 2h or 1h20m."),
        ({"run_time": "1m2h"}, "--run-time is '1m2h', but it must be a time such as 20, 20s, 3m, 2h or 1h20m."),
    ],
)
def test_a_wrong_number_of_users_rate_or_length_is_refused(form: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_load(form)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("run_time", ["", "20", "20s", "3m", "1h20m", "3h30m10s"])
def test_what_locust_reads_passes(run_time: str) -> None:
    check_load({"user_count": "9", "spawn_rate": "0.5", "run_time": run_time})
    check_load({})
