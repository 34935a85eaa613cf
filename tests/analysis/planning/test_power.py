from dataclasses import replace

import pytest

from analysis.model import Criteria
from analysis.planning import power as plan
from analysis.planning.power import Power, cost_of_holding, held, power_grid, power_of, report
from analysis.planning.sketch import Sketch

SKETCH = Sketch(suspect="latency", effect=0.05, minutes=20, hosts=2)


def test_power_is_counted_and_a_large_effect_is_found() -> None:
    found = power_of("latency", SKETCH, Criteria(), runs=5, seed=1)
    assert (found.confirmed, found.runs) == (5, 5)
    assert found.enough


def test_no_effect_is_hardly_ever_confirmed() -> None:
    nothing = Sketch(suspect="latency", effect=0.0, minutes=20, hosts=2)
    assert power_of("latency", nothing, Criteria(), runs=8, seed=1).confirmed == 0


def test_sizes_beyond_a_certain_one_are_not_drawn() -> None:
    grid = power_grid("latency", SKETCH, Criteria(), hosts=(2, 3), hours=(0.5, 4.0), runs=2, seed=1)
    assert [[power.confirmed for power in row] for row in grid] == [[2, 2], [2, 2]]
    text = report(grid, claim="latency", sketch=SKETCH, settings=Criteria(), runs=2)
    assert "Enough for 80%: 2 hosts a platform for 0.5 h" in text


def test_a_report_says_when_nothing_is_enough() -> None:
    grid = [[Power(hosts=2, hours=1.0, confirmed=1, runs=10)]]
    assert "None of these reaches" in report(grid, claim="platform", sketch=SKETCH, settings=Criteria(), runs=10)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--effect", "0.004"],
        ["--platforms", "Windows"],
        ["--delay-ms", "80"],
        ["--delay-ms", "eighty"],
        ["--claim", "client", "--clients", "1"],
        ["--hosts", "0"],
        ["--claim", "platform", "--hosts", "2,3"],
        ["--session-s", "-1"],
        ["--users", "0"],
        ["--users", "50", "--session-s", "10"],
        ["--connection-sd", "-1"],
        ["--runs", "0"],
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan.main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert said.endswith(".")


def test_the_command_prints_hosts_and_hours(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--claim", "latency", "--effect", "0.05", "--hosts", "2", "--hours", "0.5", "--runs", "2"]
    assert plan.main(arguments) == 0
    assert "hosts a platform" in capsys.readouterr().out


def test_two_hosts_a_side_are_refused_for_platforms_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--claim", "platform", "--hosts", "2"]) == 2
    assert "must be 3 or more" in capsys.readouterr().err


HELD = replace(SKETCH, users=6, hosts=3, effect=0.05)


def test_sessions_that_last_the_whole_run_cost_power() -> None:
    short, long = (power_of("latency", one, Criteria(), runs=6, seed=1) for one in (HELD, held(HELD)))
    assert long.confirmed < short.confirmed


def test_the_report_says_what_holding_costs_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--claim", "latency", "--effect", "0.05", "--hosts", "3", "--hours", "0.5", "--runs", "4"]
    assert plan.main([*arguments, "--users", "6"]) == 0
    said = capsys.readouterr().out
    assert "66 sessions of 180 s on average" in said
    assert "6 sessions are dealt on a host in place of 66" in said
    assert "--scenario hold" in said


def test_held_sessions_cost_nothing_more_than_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    grid = [[Power(hosts=3, hours=0.5, confirmed=1, runs=2)]]
    assert cost_of_holding("latency", grid, held(HELD), Criteria(), runs=2, seed=1) is None
    assert "held for the whole run" in report(grid, claim="latency", sketch=held(HELD), settings=Criteria(), runs=2)


def test_the_fewest_hosts_are_said_with_their_degrees_of_freedom() -> None:
    grid = [[Power(hosts=3, hours=0.5, confirmed=1, runs=2)]]
    said = report(grid, claim="platform", sketch=SKETCH, settings=Criteria(), runs=2)
    assert "3 of each leave 2 to 4 degrees of freedom (Welch)" in said
    assert "Welch" not in report(grid, claim="latency", sketch=SKETCH, settings=Criteria(), runs=2)
