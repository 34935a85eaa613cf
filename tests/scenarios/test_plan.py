from __future__ import annotations

import pickle

import msgspec
import pytest

from scenarios.plan import Budgets, ConnectionPlan, Header, Tally, Target, Token

PLAN = ConnectionPlan(
    user=1,
    connection=2,
    scenario="steady",
    scheduled_at=3,
    subject="u",
    seed=4,
    settings={"operations": {"ping": 1.0}, "pace_s": 1.0},
    token=Token("very-secret", 1.0, 901.0),
    budgets=Budgets(connect_s=3.0),
    headers=(Header("X-A", "b"), Header("X-Key", "hidden-key", is_secret=True)),
)


def test_a_plan_goes_over_a_pipe_and_comes_back() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(PLAN), type=ConnectionPlan) == PLAN
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN


def test_a_plan_never_shows_its_secrets() -> None:
    shown = f"{PLAN!r} {PLAN}"
    assert "very-secret" not in shown and "hidden-key" not in shown
    assert "Header(X-A, b)" in shown
    assert PLAN.secrets == ("hidden-key", "very-secret")


def test_the_lifetime_of_a_token_needs_both_ends() -> None:
    assert Token("x", 1.0, 901.0).ttl_s == 900.0
    assert Token("x", None, 901.0).ttl_s is None


@pytest.mark.parametrize(
    ("host", "url"),
    [("localhost", "ws://localhost:80/ws"), ("::1", "ws://[::1]:80/ws"), ("10.0.0.1", "ws://10.0.0.1:80/ws")],
)
def test_a_target_has_a_url(host: str, url: str) -> None:
    assert Target(scheme="ws", host=host, port=80).url == url


def test_a_tally_balances_when_nothing_got_lost() -> None:
    assert Tally(planned=5, skipped=1, started=4, ok=1, timeout=1, failed=1, aborted=1).balanced
    assert not Tally(planned=5, skipped=0, started=4, ok=4).balanced
    assert not Tally(planned=4, started=4, ok=3).balanced
