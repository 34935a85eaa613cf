"""A user's connections: who it comes as, how often a connect is tried, and what is counted of starts left out."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from attempts.p1_checks import DESCRIBED, name_of
from scenarios.checks.steps import SuiteCheck
from scenarios.clients import Services
from scenarios.clock import Clock
from scenarios.credentials.cache import TokenNotNow, TokenUnavailable
from scenarios.credentials.subjects import NoSubjectFree
from scenarios.errors import HarnessError
from scenarios.load import user_connections
from scenarios.load.user_connections import CHURN_GAP_S, LEAST_TOKEN_WAIT_S, UserConnections
from scenarios.options import Settings
from scenarios.plan import ConnectionPlan, ConnectionResult, Header, Target
from scenarios.run_order import RunOrder

TARGET = Target(scheme="ws", host="127.0.0.1", port=1)
READY = ConnectionResult(ready=True, ended_by="script", outcome="ok", phase="hold")
FAILED = ConnectionResult(ready=False, ended_by="failure", outcome="failed", phase="tcp")


class Pool:
    """Subjects that are free, one after the other; then none."""

    def __init__(self, *free: str) -> None:
        self.free = list(free)
        self.released: list[str] = []

    def lease(self, *, wait_s: float) -> str:
        if not self.free:
            raise NoSubjectFree
        return self.free.pop(0)

    def release(self, subject: str) -> None:
        self.released.append(subject)


class Credentials:
    """Nobody has a token; `failures` are raised first."""

    probe_subject = "probe"
    headers = (Header("X-Key", "k", is_secret=True),)

    def __init__(self, pool: Pool, failures: Sequence[Exception] = ()) -> None:
        self.pool = pool
        self.failures = list(failures)

    def token_for(self, subject: str) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def has_token(self, subject: str) -> bool:
        return not self.failures

    def bad_token(self, subject: str, rng: random.Random) -> tuple[str, None]:
        return "expired", None


class Users:
    """Users whose connections end as a list says; the run stops with the last."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        pool: Pool,
        results: list[Any],
        failures: Sequence[Exception] = (),
        **settings: Any,
    ) -> None:
        self.said: list[str] = []
        self.plans: list[ConnectionPlan] = []
        self.problems: list[str] = []
        self.services = Services(recorder=None, clock=Clock.now(), lag=None)  # type: ignore[arg-type]
        left = iter(results)

        def run(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
            self.plans.append(plan)
            result = next(left)
            if len(self.plans) == len(results):
                self.connections.stop()
                services.stop.give()
            if isinstance(result, Exception):
                raise result
            assert isinstance(result, ConnectionResult)
            return result

        monkeypatch.setattr(user_connections, "run_connection", run)
        monkeypatch.setattr(user_connections, "credentials_for", lambda *_, **__: Credentials(pool, failures))
        monkeypatch.setattr(user_connections, "backoff_s", lambda failures, rng: 0.0)
        self.connections = UserConnections(
            RunOrder(run_id="run", target=TARGET, jwt_key_file=None, clock=self.services.clock),
            Settings(**settings),
            target=TARGET,
            worker_key=0,
            clock=self.services.clock,
            services=self.services,
            problem=self.problems.append,
            say=self.said.append,
        )


def test_a_connect_that_fails_is_tried_again_only_in_the_arm_of_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    retrying = Users(monkeypatch, Pool("a", "b", "c"), [FAILED, FAILED, READY], mitigation=("retry",))
    retrying.connections.run_user(0, "steady")
    assert [(plan.retry, plan.connection, plan.subject) for plan in retrying.plans] == [
        *((0, 0, "a"), (1, 1, "b"), (2, 2, "c"))
    ]
    plain = Users(monkeypatch, Pool("a", "b"), [READY, FAILED], mitigation=("none",))
    plain.connections.run_user(0, "steady")
    assert [plan.retry for plan in plain.plans] == [0, 0]


@pytest.mark.parametrize("result", [READY, HarnessError("a bug of ours")])
def test_a_subject_is_given_back_however_its_connection_ended(
    monkeypatch: pytest.MonkeyPatch, result: ConnectionResult | Exception
) -> None:
    pool = Pool("a")
    users = Users(monkeypatch, pool, [result])
    users.connections.run_user(0, "steady")
    assert pool.released == ["a"]
    assert users.connections.living == 0
    assert users.problems == ([] if result is READY else ["a bug of ours"])
    assert users.services.tally.skipped == (0 if result is READY else 1)


def test_a_start_for_which_nobody_is_free_until_the_stop_is_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = Users(monkeypatch, Pool(), [])

    def stop_then(lease: Callable[..., str]) -> Callable[..., str]:
        def stopping(**given: Any) -> str:
            users.services.stop.give()
            return lease(**given)

        return stopping

    pool: Any = users.connections._credentials.pool
    pool.lease = stop_then(pool.lease)
    users.connections.run_user(0, "steady")
    assert not users.plans
    assert users.services.tally.skipped == 1


@pytest.mark.parametrize(
    ("scenario", "arrival", "pace_s", "gap_s"),
    [
        ("churn", "closed", 60.0, CHURN_GAP_S),
        ("churn", "closed", 0.1, 0.1),
        ("churn", "closed", 0.0, 0.0),
        ("steady", "closed", 60.0, 0.0),
        ("churn", "constant:5", 60.0, 0.0),
    ],
)
def test_sessions_of_a_churn_user_begin_apart_unless_a_plan_says_when(
    monkeypatch: pytest.MonkeyPatch, scenario: str, arrival: str, pace_s: float, gap_s: float
) -> None:
    users = Users(monkeypatch, Pool("a", "b"), [READY, READY], pace_s=pace_s)
    if arrival != "closed":
        users.connections.open_starts = Starts()  # type: ignore[assignment]
    pauses: list[float] = []
    monkeypatch.setattr(users.connections, "_pause", pauses.append)
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
    users.connections.run_user(0, scenario)
    assert max(pauses) == pytest.approx(gap_s)


class Starts:
    """An open plan whose connections start at once."""

    def take(self) -> float:
        return time.perf_counter()


def test_only_the_auth_probe_must_be_refused_and_comes_with_a_broken_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for scenario, is_probe in (("steady", False), ("auth_probe", True)):
        users = Users(monkeypatch, Pool("a"), [READY])
        users.connections.run_user(0, scenario)
        (plan,) = users.plans
        assert (plan.expect_refusal, plan.token_kind) == (is_probe, "expired" if is_probe else None)


def test_each_connection_has_a_trace_id_of_its_own_and_the_seed_draws_the_same_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans = {}
    for traceparent in (True, False):
        users = Users(monkeypatch, Pool("a", "b"), [FAILED, READY], mitigation=("retry",), traceparent=traceparent)
        users.connections.run_user(0, "steady")
        plans[traceparent] = users.plans
    first, second = (plan.trace_id or "" for plan in plans[True])
    assert first != second
    for trace_id in (first, second):
        # What the standard asks of the trace id and, as half of it is our span's id, of that.
        assert re.fullmatch(r"(?!0{16})[0-9a-f]{16}(?!0{16})[0-9a-f]{16}", trace_id)
    assert [plan.trace_id for plan in plans[False]] == [None, None]
    assert [plan.seed for plan in plans[True]] == [plan.seed for plan in plans[False]]


def test_probes_are_a_user_of_their_own_whose_connections_are_numbered_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = Users(monkeypatch, Pool("a"), [READY])
    assert users.connections.new_user() == 0
    probes = users.connections.probe_plan()
    assert probes.user == 1
    assert probes.next_connection() == 0
    users.connections.run_user(0, "steady")
    assert users.plans[0].connection == 1


def test_a_user_waits_for_its_token_and_that_is_neither_a_failure_nor_a_late_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = [TokenNotNow("The endpoint is busy.", 0.2), TokenNotNow("The endpoint is busy.", 0.0)]
    pool = Pool("a", "b", "c")
    users = Users(monkeypatch, pool, [READY], failures=busy, token_transport="cookie:sid")
    pauses: list[float] = []
    monkeypatch.setattr(users.connections, "_pause", pauses.append)
    before_us = users.services.clock.micros(time.perf_counter())
    users.connections.run_user(0, "steady")
    (plan,) = users.plans
    assert (plan.subject, plan.headers, plan.token_transport) == ("c", Credentials.headers, "cookie:sid")
    assert plan.scheduled_at > before_us
    assert pool.released == ["a", "b", "c"]
    assert pauses[:2] == [0.2, LEAST_TOKEN_WAIT_S]
    assert users.connections.token_waits == 2
    assert users.said == ["The endpoint is busy. Users wait for it; that is no failure of the target."]
    assert not users.problems and not users.services.tally.skipped


def test_a_start_that_the_runs_end_found_waiting_for_a_token_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(monkeypatch, Pool("a"), [], failures=[TokenNotNow("The endpoint is busy.", 9.0)])
    monkeypatch.setattr(users.connections, "_pause", lambda _: users.services.stop.give())
    users.connections.run_user(0, "steady")
    assert not users.plans and users.services.tally.skipped == 1
    users.connections.finish()
    assert users.problems == ["The endpoint is busy. No token came in this run, so nobody has connected."]


def test_a_token_that_will_never_come_ends_the_run_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(monkeypatch, Pool("a"), [READY], failures=[TokenUnavailable("The endpoint refuses.")])
    monkeypatch.setattr(users.connections, "_pause", lambda _: users.services.stop.give())
    users.connections.run_user(0, "steady")
    assert users.problems == ["The endpoint refuses."]
    users.connections.finish()
    assert len(users.problems) == 1


def test_probes_come_with_the_sessions_headers_and_ask_whether_there_is_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = Users(monkeypatch, Pool(), [], failures=[TokenNotNow("busy", 1.0)], token_transport="query")
    probes = users.connections.probe_plan()
    assert not probes.has_token()
    assert (probes.headers, probes.token_transport) == (Credentials.headers, "query")


def test_who_waited_for_an_endpoints_answer_was_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(monkeypatch, Pool("a"), [READY])
    answered: list[float] = []

    def slowly(subject: str) -> None:
        until = time.perf_counter() + 0.01
        while time.perf_counter() < until:
            pass
        answered.append(until)

    monkeypatch.setattr(users.connections._credentials, "token_for", slowly)
    users.connections.run_user(0, "steady")
    assert users.plans[0].scheduled_at >= users.services.clock.micros(answered[0] - 0.005)


def test_users_that_live_at_once_have_the_mix_and_who_goes_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Users(monkeypatch, Pool("a"), [READY], scenario={"steady": 3, "churn": 2}).connections
    living: list[str] = []

    def live_until_ten_are_there(user: int, scenario: str) -> None:
        assert user == len(living)
        living.append(scenario)
        if len(living) < 10:
            connections.live()

    monkeypatch.setattr(connections, "run_user", live_until_ten_are_there)
    connections.live()
    assert Counter(living) == {"steady": 6, "churn": 4}
    seen: list[str] = []
    monkeypatch.setattr(connections, "run_user", lambda user, scenario: seen.append(scenario))
    for _ in range(5):
        connections.live()
    assert len(set(seen)) == 1  # each was alone


class Checks:
    """Keeps what checks were asked for, in place of running them; the run stops with the last of so many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, users: Users, until: int) -> None:
        self.run: list[tuple[str, ConnectionPlan, float]] = []

        def run_check(check: SuiteCheck, plan: ConnectionPlan, *_: Any, budget_s: float, **__: Any) -> None:
            self.run.append((check.name, plan, budget_s))
            if len(self.run) == until:
                users.connections.stop()
                users.services.stop.give()

        monkeypatch.setattr(user_connections, "run_check", run_check)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.run]


@pytest.mark.parametrize(("suite", "budget_s"), [("p1", 20.0), ("p1_naive", 90.0)])
def test_a_user_of_a_suite_runs_its_checks_in_their_order_again_and_again(
    monkeypatch: pytest.MonkeyPatch, suite: str, budget_s: float
) -> None:
    pool = Pool(*"abcdefghijkl")
    users = Users(monkeypatch, pool, [], pace_s=0.0, slo_max_duration_s=20.0, harness_timeout_s=90.0)
    checks = Checks(monkeypatch, users, 10)
    users.connections.run_user(5, suite)
    once = [name_of(number) for number in DESCRIBED]
    assert checks.names == [*once, *once[:2]]
    assert {budget for _, _, budget in checks.run} == {budget_s}
    plans = [plan for _, plan, _ in checks.run]
    assert {(plan.user, plan.scenario, plan.delay_s, plan.mitigation) for plan in plans} == {(5, suite, 0.0, "none")}
    assert [plan.connection for plan in plans] == list(range(10))
    assert pool.released == list("abcdefghij")
    assert users.plans == [] and users.connections.living == 0


def test_a_check_waits_for_its_token_and_a_token_that_cannot_be_had_is_no_failure_of_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = [TokenNotNow("Not now.", wait_s=0.0), HarnessError("No key.")]
    users = Users(monkeypatch, Pool(*"abcd"), [], failures, pace_s=0.0)
    checks = Checks(monkeypatch, users, 1)
    monkeypatch.setattr(user_connections, "RECONNECT_PAUSE_S", 0.0)
    users.connections.run_user(0, "p1")
    assert checks.names == ["p1_02"]  # the first waited, and then was left out
    assert users.problems == ["No key."]
    assert (users.connections.token_waits, users.services.tally.skipped) == (1, 1)
