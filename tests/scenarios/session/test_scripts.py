"""Scripts, played by hand: what they ask for and how they go on."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.plan import Budgets
from scenarios.session.scripts import (
    DRAWN,
    SCENARIOS,
    Context,
    ScriptSettings,
    mitigated,
    opening,
    planned_s,
    script_for,
    script_settings,
)
from scenarios.session.steps import PROTOCOL_PING, Exchange, Hold, Result, Script, Step, Together


def context(*, end_at: float = 1e9, identified: str | None = "chat", seed: int = 7, **settings: Any) -> Context:
    return Context(ScriptSettings(**settings), 100.0, end_at, seed, identified)


def played(script: Script, results: list[Result]) -> list[Step]:
    """The steps that come when these are the results; ends early when the script does."""
    steps = [next(script)]
    for result in results:
        try:
            steps.append(script.send(result))
        except StopIteration:
            break
    return steps


def operations(steps: list[Step]) -> list[str]:
    return [step.operation for step in steps if isinstance(step, Exchange)]


def test_steady_keeps_a_grid_that_starts_at_a_random_moment_of_the_first_period() -> None:
    script = SCENARIOS["steady"](context(pace_s=2.0))
    steps = played(script, [Result(102.0), Result(103.0), Result(105.0)])
    starts = [step.scheduled_at for step in steps if isinstance(step, Exchange) and step.scheduled_at is not None]
    assert 100.0 <= starts[0] < 102.0
    assert [b - a for a, b in itertools.pairwise(starts)] == pytest.approx([2.0, 2.0, 2.0])


def test_steady_counts_the_starts_it_missed() -> None:
    script = SCENARIOS["steady"](context(pace_s=1.0))
    _, late = played(script, [Result(105.9)])
    assert isinstance(late, Exchange) and late.skipped >= 4


def test_the_same_plan_does_the_same_and_another_seed_does_not() -> None:
    results = [Result(101.0 + n) for n in range(30)]
    runs = [played(SCENARIOS["steady"](context(seed=seed)), results) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_requests_are_drawn_by_weight() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(50):
        script = SCENARIOS["steady"](context(operations={"ping": 3.0, "chat": 1.0}, pace_s=0.0, seed=seed))
        drawn.update(operations(played(script, [Result(100.0)] * 63)))
    assert drawn["ping"] / drawn.total() == pytest.approx(0.75, abs=0.03)


def test_after_a_timeout_only_identified_requests_go_out_until_one_is_answered() -> None:
    outcomes = ["ok", "timeout", "timeout", "failed", "ok", "ok"]
    script = SCENARIOS["steady"](context(operations={"ping": 1.0}, pace_s=0.0))
    steps = played(script, [Result(100.0 + n, outcome) for n, outcome in enumerate(outcomes)])
    assert operations(steps) == ["ping", "ping", "chat", "chat", "chat", "ping", "ping"]


def test_a_target_without_identified_requests_goes_on_as_before() -> None:
    script = SCENARIOS["steady"](context(operations={"ping": 1.0}, pace_s=0.0, identified=None))
    assert operations(played(script, [Result(101.0, "timeout")])) == ["ping", "ping"]


def test_a_session_of_planned_length_holds_to_its_end_and_returns() -> None:
    script = SCENARIOS["steady"](context(end_at=101.5, pace_s=1.0))
    steps = played(script, [Result(100.9), Result(101.4), Result(101.5)])
    assert steps[-1] == Hold(101.5)
    with pytest.raises(StopIteration):
        script.send(Result(101.5))


def test_several_in_flight_are_sent_together() -> None:
    (step,) = played(SCENARIOS["steady"](context(in_flight=3)), [])
    assert isinstance(step, Together) and len(step.exchanges) == 3
    assert len({exchange.scheduled_at for exchange in step.exchanges}) == 1


def test_churn_ends_after_its_exchanges() -> None:
    steps = played(SCENARIOS["churn"](context(churn_exchanges=2)), [Result(101.0)] * 5)
    assert len(steps) == 2


@pytest.mark.parametrize("scenario", ["idle", "storm"])
def test_idle_sends_heartbeats_only(scenario: str) -> None:
    steps = played(SCENARIOS[scenario](context(heartbeat_s=20.0)), [Result(120.0), Result(140.0)])
    assert [(s.operation, s.scheduled_at) for s in steps if isinstance(s, Exchange)] == [
        ("heartbeat", 120.0),
        ("heartbeat", 140.0),
        ("heartbeat", 160.0),
    ]


def test_agent_starts_the_agent() -> None:
    assert operations(played(SCENARIOS["agent"](context()), [Result(101.0)])) == ["start_agent", "start_agent"]


def mute_steps(outcomes: str, **given: Any) -> list[Step]:
    """What a mute session is asked when these come of its steps: o is ok, t is a timeout, f an error."""
    words = {"o": "ok", "t": "timeout", "f": "failed"}
    results = [Result(102.0 + number, words[letter]) for number, letter in enumerate(outcomes)]
    return played(SCENARIOS["mute"](context(**{"pace_s": 1.0, **given})), results)


ROW = Together((Exchange("start_agent_unrouted"),) * 5)


def test_mute_has_each_kind_of_request_answered_before_the_first_row_that_cannot_be_routed() -> None:
    held, *steps = mute_steps("ooo", operations={"ping": 1.0, "typing": 1.0})
    assert isinstance(held, Hold) and 100.0 <= held.until < 101.0
    assert steps == [Exchange("ping"), Exchange("typing"), Exchange("chat")]
    assert mute_steps("oooo", operations={"ping": 1.0, "typing": 1.0})[-1] == ROW


def test_mute_goes_on_with_rows_until_an_ordinary_request_is_not_answered() -> None:
    steps = mute_steps("oootototf", operations={"ping": 1.0})[3:]
    asked = [step.operation if isinstance(step, Exchange) else step for step in steps if not isinstance(step, Hold)]
    assert asked == [ROW, "ping", ROW, "ping", ROW, "ping", ROW]


def test_mute_then_asks_at_its_pace_and_only_what_names_its_reply() -> None:
    steps = mute_steps("oootttttt", operations={"ping": 1.0})[3:]
    assert steps[0] == ROW
    asked = [step for step in steps[1:] if isinstance(step, Exchange)]
    assert [step.operation for step in asked] == ["ping", *["chat"] * 5]
    starts = [step.scheduled_at for step in asked if step.scheduled_at is not None]
    assert [b - a for a, b in itertools.pairwise(starts)] == pytest.approx([1.0] * 5)


def test_mute_without_an_identified_request_asks_what_it_is_told_to() -> None:
    assert operations(mute_steps("ootttt", operations={"ping": 1.0}, identified=None)) == ["ping"] * 5


def test_mute_holds_to_the_end_of_its_session() -> None:
    assert mute_steps("ooott", operations={"ping": 1.0}, pace_s=10.0, end_at=110.0)[-1] == Hold(110.0)


def test_an_auth_probe_that_got_in_asks_for_nothing() -> None:
    assert list(SCENARIOS["auth_probe"](context())) == []


def test_each_mitigation_opens_as_it_says() -> None:
    budgets = Budgets(exchange_s=5.0)
    assert opening("none", budgets) == opening("retry", budgets) == opening("longer_budget", budgets) == ()
    assert opening("warmup", budgets) == (Exchange("ping", budget_s=15.0),)
    assert opening("verify_state", budgets) == (Exchange(PROTOCOL_PING), Exchange("ping"))


def test_only_longer_budget_lengthens_the_waits() -> None:
    budgets = Budgets(connect_s=1.0, exchange_s=2.0, sequence_s=3.0, close_s=4.0, hold_s=5.0)
    longer = mitigated(budgets, "longer_budget")
    assert (longer.connect_s, longer.exchange_s, longer.sequence_s, longer.close_s) == (3.0, 6.0, 9.0, 12.0)
    assert longer.hold_s == budgets.hold_s
    assert mitigated(budgets, "warmup") is budgets


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="steady"):
        script_for("stedy", "none", context(), Budgets())


@pytest.mark.parametrize(
    "settings",
    [
        {"pace": 1.0},
        {"pace_s": -1.0},
        {"pace_s": "fast"},
        {"session_s": -1.0},
        {"heartbeat_s": 0.0},
        {"in_flight": 0},
        {"operations": {}},
        {"operations": {"ping": 0.0}},
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        script_settings(settings)


# -- how long sessions live ---------------------------------------------------------------------------------


def lives(scenario: str, *, seeds: int = 400, longest_s: float = 1e9, **settings: Any) -> list[float]:
    found = ScriptSettings(**{"session_s": 180.0, **settings})
    return [planned_s(scenario, found, seed, longest_s=longest_s) for seed in range(seeds)]


@pytest.mark.parametrize("scenario", sorted(DRAWN))
def test_sessions_that_compare_live_the_mean_that_was_asked_for_and_are_spread_as_if_memoryless(scenario: str) -> None:
    found = lives(scenario, seeds=2000)
    assert sum(found) / len(found) == pytest.approx(180.0, rel=0.1)
    # Of an exponential 1 - 1/e are shorter than the mean, and 1/e^2 are longer than twice the mean.
    assert sum(s < 180.0 for s in found) / len(found) == pytest.approx(0.632, abs=0.04)
    assert sum(s > 360.0 for s in found) / len(found) == pytest.approx(0.135, abs=0.03)


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - DRAWN))
def test_the_sessions_of_other_scenarios_last_to_the_end_of_the_run(scenario: str) -> None:
    assert set(lives(scenario, longest_s=3600.0)) == {3600.0}


def test_a_hold_is_a_steady_session_that_nobody_ends() -> None:
    results = [Result(101.0 + n) for n in range(30)]
    hold, steady = (played(SCENARIOS[name](context()), results) for name in ("hold", "steady"))
    assert hold == steady
    assert "steady" in DRAWN and "hold" not in DRAWN


@pytest.mark.parametrize("scenario", sorted(DRAWN))
def test_without_a_mean_sessions_last_to_the_end_of_the_run(scenario: str) -> None:
    assert set(lives(scenario, session_s=0.0, longest_s=3600.0)) == {3600.0}
    assert planned_s(scenario, ScriptSettings(), 7, longest_s=3600.0) == 3600.0


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_length_that_was_asked_for_is_that_of_every_session(scenario: str) -> None:
    assert set(lives(scenario, hold_s=42.0)) == {42.0}


@given(
    seed=st.integers(0, 2**63),
    session_s=st.floats(0.001, 1e6),
    pace_s=st.floats(0.0, 100.0),
    longest_s=st.floats(0.1, 1e5),
)
def test_no_session_outlives_the_run_and_none_is_too_short_for_a_request(
    seed: int, session_s: float, pace_s: float, longest_s: float
) -> None:
    settings = ScriptSettings(session_s=session_s, pace_s=pace_s)
    planned = planned_s("steady", settings, seed, longest_s=longest_s)
    assert min(pace_s, longest_s) <= planned <= longest_s
    assert planned == planned_s("steady", settings, seed, longest_s=longest_s)


def test_how_long_a_session_lives_is_a_draw_of_its_own() -> None:
    """What a session does is drawn from the same seed: the two must not go together."""
    first = [context(seed=seed, pace_s=1.0) for seed in range(400)]
    starts = [played(SCENARIOS["steady"](one), [])[0] for one in first]
    at = [start.scheduled_at for start in starts if isinstance(start, Exchange) and start.scheduled_at is not None]
    assert abs(statistics.correlation(at, lives("steady"))) < 0.15
