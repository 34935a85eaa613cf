"""Places and arms are told apart by as few keys as it takes."""

import pandas as pd

from analysis.reduction.keys import WORKER_KEYS
from analysis.reduction.places import numbered, places_of, telling

CENSUS = pd.DataFrame(
    {
        "run_id": "run-1",
        "worker": ["w1", "w2", "w3", "w4"],
        "host": ["a", "a", "b", "c"],
        "platform": ["Windows", "Windows", "Linux", "Linux"],
        "site": ["north", "north", None, None],
        "is_wait": [True, True, True, False],
    }
)


def test_workers_of_one_host_are_at_one_place_and_those_without_waits_at_none() -> None:
    numbers, places = places_of(CENSUS)
    assert numbers["place"].tolist() == [0, 0, 1]
    assert numbers["site"].tolist() == ["north", "north", ""]
    assert places["host"].tolist() == ["a", "b"]
    assert places["site"].isna().tolist() == [False, True]


def test_a_key_that_tells_nothing_is_left_out_of_the_join() -> None:
    numbers, _ = places_of(CENSUS)
    assert [name for name in WORKER_KEYS if name in telling(numbers, WORKER_KEYS)] == ["worker"]
    two_runs = pd.concat([numbers, numbers.assign(run_id="run-2")])
    assert [name for name in WORKER_KEYS if name in telling(two_runs, WORKER_KEYS)] == ["run_id", "worker"]


def test_different_values_are_numbered_in_their_order_each_once() -> None:
    assert numbered(CENSUS, ["platform"], "number").to_dict("list") == {
        "platform": ["Windows", "Linux"],
        "number": [0, 1],
    }
