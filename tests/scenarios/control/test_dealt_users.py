"""Locust's dispatcher in the middle of a run. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BEGIN = """
import json
from locust import User
from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode
from scenarios.control.dealt_users import DealtUsers, knowing

class Steady(User):
    pass

class Churn(User):
    weight = 2

users = DealtUsers()
def dispatcher(*names):
    return knowing(UsersDispatcher, users)([WorkerNode(name, 3) for name in names], [Steady, Churn])
def deal(made, target):
    made.new_dispatch(target_user_count=target, spawn_rate=100)
    return list(made)[-1]
said = []
"""


def answers(code: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + code + "\nprint(json.dumps(said))"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_users_that_run_stay_where_they_are_and_the_rest_of_the_plan_is_dealt() -> None:
    as_they_were, filled, reduced = answers(
        """
users.told("a", {"Steady": 4, "Churn": 1, "OfAnotherVersion": 3})
users.told("b", {"Churn": 3})
users.told("b", "nothing of use")
made = dispatcher("a", "b")
said += [deal(made, 8), deal(made, 12), deal(made, 2)]
"""
    )
    assert as_they_were == {"a": {"Churn": 1, "Steady": 4}, "b": {"Churn": 3, "Steady": 0}}
    assert sum(sum(users.values()) for users in filled.values()) == 12
    assert filled["a"]["Steady"] >= 4 and filled["b"]["Churn"] >= 3
    assert sum(sum(users.values()) for users in reduced.values()) == 2


def test_users_of_a_worker_that_stays_away_are_held_back_and_come_with_it() -> None:
    without, with_it = answers(
        """
users.told("a", {"Steady": 6})
users.held = 6
made = dispatcher("a")
said.append(deal(made, 12))
users.told("b", {"Churn": 6})
users.held = 0
made.add_worker(WorkerNode("b", 3))
said.append(deal(made, 12))
"""
    )
    assert without == {"a": {"Churn": 0, "Steady": 6}}
    assert with_it == {"a": {"Churn": 0, "Steady": 6}, "b": {"Churn": 6, "Steady": 0}}


@pytest.mark.slow
def test_where_nobody_runs_anything_it_deals_as_locust_does() -> None:
    ours, locusts, joined = answers(
        """
said.append(deal(dispatcher("a", "b"), 9))
said.append(deal(UsersDispatcher([WorkerNode(name, 3) for name in ("a", "b")], [Steady, Churn]), 9))
users.told("a", {"Steady": 9})
users.forget()
made = dispatcher("a")
deal(made, 6)
made.add_worker(WorkerNode("b", 3))
said.append(deal(made, 6))
"""
    )
    assert ours == locusts
    assert [sum(users.values()) for users in joined.values()] == [3, 3]
