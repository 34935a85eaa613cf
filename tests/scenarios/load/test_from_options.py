"""What the options ask of a load-generating process."""

import dataclasses

import pytest

from scenarios.errors import ConfigError
from scenarios.load.from_options import arm_plan, budgets_of, fitted, message_fields_of, script_settings_of
from scenarios.options import Settings
from scenarios.plan import USUAL_FIELDS, MessageFields


def test_every_arm_that_is_asked_for_is_in_the_experiment() -> None:
    plan = arm_plan(Settings(delay_ms=(0, 80), mitigation=("none", "retry"), seed=5))
    assert plan.n_cells == 4 * len(Settings().client)
    assert plan.as_json() != arm_plan(Settings(delay_ms=(0, 80), mitigation=("none", "retry"), seed=6)).as_json()


def test_a_sequence_may_take_three_exchanges_and_each_wait_is_the_options_own() -> None:
    budgets = budgets_of(Settings(connect_budget_s=7.0, exchange_budget_s=2.0, close_budget_s=3.0, peer_check_s=0.5))
    assert (budgets.connect_s, budgets.exchange_s, budgets.close_s, budgets.peer_check_s) == (7.0, 2.0, 3.0, 0.5)
    assert budgets.sequence_s == 6.0


def test_scripts_read_their_options_by_the_names_of_the_command_line() -> None:
    settings = Settings(pace_s=1.5, session_s=90.0)
    read = script_settings_of(settings)
    assert (read["pace_s"], read["session_s"]) == (1.5, 90.0)
    assert set(read) <= {one.name for one in dataclasses.fields(Settings)}


def test_the_defaults_are_the_staging_servers_and_another_protocol_has_its_own_in_their_place() -> None:
    assert fitted(Settings()) == Settings()
    echo = fitted(Settings(protocol="echo"))
    assert dict(echo.scenario) == {"steady": 6.0, "churn": 2.0, "idle": 1.0}
    assert dict(echo.operations) == {"ping": 3.0, "chat": 1.0}
    assert dict(fitted(Settings(protocol="socketio")).operations) == {"protocol_ping": 1.0}


def test_what_was_named_stays_as_it_was_named() -> None:
    named = Settings(protocol="socketio", scenario={"agent": 1.0}, operations={"news": 1.0})
    assert fitted(named) == named


def test_an_unknown_protocol_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="--protocol 'socket' is not known: did you mean 'socketio'"):
        fitted(Settings(protocol="socket"))


def test_the_fields_of_messages_are_the_options_own() -> None:
    assert message_fields_of(Settings()) == USUAL_FIELDS
    settings = Settings(message_type_field="t", message_id_field="", welcome_type="hello", opening="{token}")
    assert message_fields_of(settings) == MessageFields(
        type_field="t", id_field="", welcome_type="hello", opening="{token}"
    )
