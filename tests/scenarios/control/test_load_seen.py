from __future__ import annotations

import pytest

from scenarios.control.load_seen import (
    AROUND_S,
    KNOWN_AFTER_S,
    LAST_WORDS_S,
    LONGEST_LOOK_S,
    SETTLE_S,
    LoadSeen,
    Told,
    UserSeconds,
)
from tests.typed import known

RAMP_S = 2.0 + SETTLE_S  # of 12 users at 6 a second


def planned(seen: LoadSeen, *, until: int, users: int = 12) -> None:
    for second in range(until + 1):
        seen.plan(float(second), users=users, spawn_rate=6.0)


def share(seen: LoadSeen) -> float:
    entry = known(seen.entry())
    return entry.within_s / entry.judged_s


def test_a_run_whose_users_all_ran_kept_its_load_and_its_ramp_is_not_counted() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=100)
    seen.tell("a", 100.0, Told(100.0, 600.0))
    seen.tell("b", 100.0, Told(100.0, 600.0))
    entry = known(seen.entry())
    assert entry.judged_s == 100 - LAST_WORDS_S - RAMP_S
    assert entry.within_s == entry.judged_s
    assert entry.planned_user_s == entry.ran_user_s == 12 * entry.judged_s


def test_a_controller_that_was_frozen_over_the_planned_end_asks_for_no_users_after_it() -> None:
    seen = LoadSeen(0.0, lasts_s=60.0)
    planned(seen, until=55)
    seen.tell("a", 55.0, Told(55.0, 12 * 55.0))
    seen.tell("a", 75.0, Told(61.0, 12 * 61.0))  # its users stopped a moment after the planned end
    seen.plan(75.0, users=12, spawn_rate=6.0)
    entry = known(seen.entry())
    assert entry.judged_s == entry.within_s == 60 - LAST_WORDS_S - RAMP_S


def test_a_worker_that_is_heard_no_more_ran_nobody_since_its_last_word() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=100)
    seen.tell("a", 100.0, Told(100.0, 600.0))
    seen.tell("b", 40.0, Told(40.0, 240.0))
    judged_s = 100 - LAST_WORDS_S - RAMP_S
    assert known(seen.entry()).judged_s == judged_s
    # The two seconds before are near enough to it.
    assert share(seen) == pytest.approx((40 - AROUND_S - RAMP_S) / judged_s)


def test_a_cut_that_has_healed_leaves_no_gap() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=100)
    seen.tell("a", 20.0, Told(20.0, 240.0))
    seen.tell("a", 90.0, Told(90.0, 1080.0))
    seen.tell("a", 100.0, Told(100.0, 1200.0))
    assert share(seen) == 1.0


def test_a_worker_that_froze_and_is_heard_again_ran_nobody_meanwhile() -> None:
    seen = LoadSeen(0.0)
    own = UserSeconds(0.0)
    planned(seen, until=100)
    for second in [*range(21), *range(61, 101)]:
        own.look(float(second), 12)
        if second % 3 == 0:
            seen.tell("a", float(second), own.told)
    seen.tell("a", 100.0, own.told)
    entry = known(seen.entry())
    frozen_s = 61 - 20 - LONGEST_LOOK_S
    assert entry.planned_user_s - entry.ran_user_s == pytest.approx(12 * frozen_s, abs=12)
    assert share(seen) < 0.6


def test_words_that_come_late_count_for_the_time_of_which_they_speak() -> None:
    late, seen = LoadSeen(0.0), LoadSeen(0.0)
    for one in (late, seen):
        planned(one, until=60)
    for second in range(0, 61, 3):
        told = Told(float(second), 12.0 * min(second, 30))  # it stops after 30 s
        seen.tell("a", float(second), told)
        late.tell("a", float(second) + (20.0 if 10 < second < 40 else 0.0), told)
    assert late.entry() == seen.entry()


def test_users_that_move_to_another_worker_are_not_too_many_first_and_too_few_then() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=60)
    seen.tell("a", 30.0, Told(30.0, 12 * 30 + 2.0))  # it has not looked since some had gone
    seen.tell("a", 33.0, Told(33.0, 12 * 30 + 2.0 + 7 * 3))
    seen.tell("a", 60.0, Told(60.0, 12 * 30 + 2.0 + 8 * 30 - 3))
    seen.tell("b", 33.0, Told(3.0, 4 * 3 + 1.0))
    seen.tell("b", 60.0, Told(30.0, 4 * 30 + 1.0))
    assert share(seen) == 1.0


def test_more_or_fewer_users_are_a_new_ramp_and_then_a_new_plan() -> None:
    seen = LoadSeen(0.0)
    for second in range(101):
        seen.plan(float(second), users=12 if second < 50 else 24, spawn_rate=6.0)
    seen.tell("a", 50.0, Told(50.0, 600.0))
    seen.tell("a", 57.0, Told(57.0, 600.0))  # whatever runs in a ramp
    seen.tell("a", 100.0, Told(100.0, 600.0 + 43 * 24))
    assert share(seen) == 1.0


@pytest.mark.parametrize(("users", "is_within"), [(94.9, False), (95.0, True), (105.0, True), (105.1, False)])
def test_five_percent_of_the_plan_are_within_it_on_either_side(users: float, is_within: bool) -> None:
    seen = LoadSeen(0.0)
    for second in range(101):
        seen.plan(float(second), users=100, spawn_rate=100.0)
    seen.tell("a", 100.0, Told(100.0, users * 100.0))
    assert share(seen) == is_within


def test_a_run_that_ends_in_its_ramp_says_nothing_of_its_load() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=5)
    seen.tell("a", 5.0, Told(5.0, 30.0))
    assert seen.entry() is None


def test_users_that_are_stopped_just_before_the_master_notices_are_not_missing() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=60)
    seen.tell("a", 60.0, Told(59.2, 12 * 59.2))
    assert share(seen) == 1.0


def test_what_is_told_again_or_out_of_order_counts_once() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=60)
    for lived in (30.0, 30.0, 15.0, 60.0):
        seen.tell("a", lived, Told(lived, 12 * lived))
    assert known(seen.entry()).ran_user_s == known(seen.entry()).planned_user_s


def test_while_a_run_goes_on_its_last_seconds_are_left_out_since_not_everybody_has_told_of_them() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=100)
    seen.tell("a", 97.0, Told(97.0, 12 * 97.0))
    assert share(seen) < 1.0
    entry = known(seen.entry(now=100.0))
    assert entry.within_s == entry.judged_s == 100 - KNOWN_AFTER_S - RAMP_S
    assert seen.entry(now=RAMP_S + KNOWN_AFTER_S) is None


def test_while_a_run_goes_on_a_worker_that_fell_silent_runs_nobody() -> None:
    seen = LoadSeen(0.0)
    planned(seen, until=100)
    seen.tell("a", 40.0, Told(40.0, 12 * 40.0))
    entry = known(seen.entry(now=100.0))
    assert entry.within_s == 40 - AROUND_S - RAMP_S
