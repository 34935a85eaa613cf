"""An open plan's starts: each goes to a user who is there, or is counted as left out."""

from __future__ import annotations

import time

import gevent

from scenarios.load.open_starts import OpenStarts
from scenarios.plan import Tally

PATIENCE_S = 30.0


def test_a_start_goes_to_whoever_is_free() -> None:
    starts = OpenStarts("constant", 100.0, seed="s", tally=Tally())
    users = [gevent.spawn(starts.take) for _ in range(3)]
    gevent.joinall(users, timeout=PATIENCE_S, raise_error=True)
    starts.stop()
    taken = sorted(float(user.value or 0.0) for user in users)
    assert taken[0] < taken[1] < taken[2]


def test_a_user_who_is_killed_while_waiting_takes_no_start_along() -> None:
    tally = Tally()
    starts = OpenStarts("constant", 100.0, seed="s", tally=tally)
    taken: list[float] = []

    def live() -> None:
        while True:
            taken.append(starts.take())

    doomed = [gevent.spawn(starts.take) for _ in range(8)]
    gevent.sleep(0)  # they wait
    gevent.killall(doomed)
    began = time.perf_counter()
    user = gevent.spawn(live)
    while len(taken) < 20 and time.perf_counter() - began < PATIENCE_S:
        gevent.sleep(0.01)
    user.kill()
    starts.stop()
    assert len(taken) >= 20
    assert len(taken) + tally.skipped == starts.planned
