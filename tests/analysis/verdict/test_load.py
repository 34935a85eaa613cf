from __future__ import annotations

import math
from typing import Any

import pytest

from analysis.verdict.load import Load, assess_load, opening_words, void_because

KEPT = {"judged_s": 100.0, "within_s": 96.0, "planned_user_s": 1200.0, "ran_user_s": 1190.0}
LESS = {"judged_s": 100.0, "within_s": 50.0, "planned_user_s": 1200.0, "ran_user_s": 900.0}


def loads(**by_run: Any) -> dict[str, Any]:
    return {name: {"load": sums} for name, sums in by_run.items()}


def test_a_run_that_kept_its_load_is_as_planned_and_voids_nothing() -> None:
    load = assess_load(loads(run=KEPT), is_allowed=False)
    assert (load.state, load.planned_users, load.ran_users, load.share_within) == ("as_planned", 12.0, 11.9, 0.96)
    assert void_because(load) == ()


def test_95_percent_of_the_time_are_enough_and_less_is_not() -> None:
    assert assess_load(loads(run=KEPT | {"within_s": 95.0}), is_allowed=False).state == "as_planned"
    assert assess_load(loads(run=KEPT | {"within_s": 94.9}), is_allowed=False).state == "other"


def test_less_load_than_planned_is_void_and_says_how_it_is_judged_all_the_same() -> None:
    load = assess_load(loads(run=LESS), is_allowed=False)
    (sentence,) = void_because(load)
    assert sentence.startswith("run: the load was not the planned one: 9.0 of 12.0 planned users ran on average, and ")
    assert "in 50 % of the time" in sentence
    assert "--allow-less-load" in sentence


def test_allowed_it_voids_nothing_and_stands_in_the_first_sentence() -> None:
    load = assess_load(loads(run=LESS), is_allowed=True)
    assert void_because(load) == ()
    entry = {"state": load.state, "planned_users": 12.0, "ran_users": 9.0, "share_within": 0.5, "allowed": True}
    assert opening_words(entry).startswith("The load was not the planned one: 9.0 of 12.0 planned users ran")
    assert opening_words(entry | {"allowed": False}) == ""
    assert opening_words(entry | {"state": "as_planned"}) == ""


def test_each_of_several_runs_has_to_keep_its_load() -> None:
    load = assess_load(loads(good=KEPT | {"judged_s": 9900.0, "within_s": 9900.0}, bad=LESS), is_allowed=False)
    assert load.state == "other"
    assert load.share_within == pytest.approx(0.995)
    assert [sentence[:4] for sentence in load.why] == ["bad:"]


def test_runs_of_which_one_does_not_say_are_unknown_unless_another_did_not_keep_its_load() -> None:
    assert assess_load(loads(run=KEPT) | {"other": None}, is_allowed=False).state == "unknown"
    assert assess_load(loads(run=LESS) | {"other": None}, is_allowed=False).state == "other"


@pytest.mark.parametrize(
    "entry",
    [None, "nonsense", {}, KEPT | {"judged_s": 0.0}, KEPT | {"within_s": math.nan}, KEPT | {"ran_user_s": True}],
)
def test_what_is_not_known_is_unknown_and_void_of_nothing(entry: object) -> None:
    assert assess_load({"run": {"load": entry}}, is_allowed=False) == Load(state="unknown")
