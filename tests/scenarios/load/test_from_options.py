"""What the options ask of a load-generating process."""

import dataclasses

from scenarios.load.from_options import arm_plan, budgets_of, script_settings_of
from scenarios.options import Settings


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
