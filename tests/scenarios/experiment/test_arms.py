"""The plan's promises: balanced within blocks, random in order, the same wherever it is dealt."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.experiment.arms import MAX_IMBALANCE, Dealer, Plan

levels = st.integers(1, 4)
plans = st.builds(
    lambda c, d, m, seed: Plan(
        client=tuple(f"client-{n}" for n in range(c)),
        delay_ms=tuple(80.0 * n for n in range(d)),
        mitigation=tuple(f"mitigation-{n}" for n in range(m)),
        seed=seed,
    ),
    levels,
    levels,
    levels,
    st.integers(0, 2**63),
)


def imbalance(counts: Counter[int], n_cells: int) -> int:
    every = [counts[cell] for cell in range(n_cells)]
    return max(every) - min(every)


@given(plans, st.integers(0, 10_000), st.integers(0, 300))
def test_within_a_block_no_two_cells_differ_by_more_than_promised(plan: Plan, minute: int, n: int) -> None:
    counts = Counter(plan.assign("w", minute, ordinal).cell for ordinal in range(n))
    assert imbalance(counts, plan.n_cells) <= MAX_IMBALANCE


@given(plans, st.lists(st.floats(0.0, 30.0), max_size=100))
def test_the_dealer_keeps_the_promise_in_every_minute_whatever_the_pace(plan: Plan, gaps: list[float]) -> None:
    dealer = Dealer(plan, 3)
    run_s = 0.0
    blocks: dict[int, Counter[int]] = {}
    for gap in gaps:
        run_s += gap
        blocks.setdefault(int(run_s // 60), Counter())[dealer.deal(run_s).cell] += 1
    assert all(imbalance(counts, plan.n_cells) <= MAX_IMBALANCE for counts in blocks.values())


@given(plans)
def test_a_cell_is_one_combination_of_the_levels(plan: Plan) -> None:
    cells = plan.cells()
    assert [cell.cell for cell in cells] == list(range(plan.n_cells))
    assert len({cell[:3] for cell in cells}) == plan.n_cells
    assert {cell.delay_s for cell in cells} == {ms / 1000 for ms in plan.delay_ms}


PLAN = Plan(client=("a", "b", "c"), delay_ms=(0, 80, 160, 320), mitigation=("none",), seed=7)


def order(plan: Plan, worker_key: str | int, minute: int, turn: int = 0) -> list[int]:
    return [plan.assign(worker_key, minute, turn * plan.n_cells + n).cell for n in range(plan.n_cells)]


def test_seed_worker_minute_and_turn_each_change_the_order() -> None:
    other_seed = Plan(client=PLAN.client, delay_ms=PLAN.delay_ms, mitigation=PLAN.mitigation, seed=8)
    orders = [
        order(PLAN, 0, 0),
        order(other_seed, 0, 0),
        order(PLAN, 1, 0),
        order(PLAN, 0, 1),
        order(PLAN, 0, 0, turn=1),
    ]
    assert len({tuple(one) for one in orders}) == len(orders)


def test_every_cell_is_about_equally_often_first() -> None:
    # 12 cells, 2,400 blocks: each is first 200 times on average, sd 13.5; 5 sd on either side.
    first = Counter(PLAN.assign("w", minute, 0).cell for minute in range(2400))
    assert all(132 <= first[cell] <= 268 for cell in range(PLAN.n_cells))


def test_another_process_deals_the_same() -> None:
    program = (
        "from scenarios.experiment.arms import Plan\n"
        "p = Plan(client=('a','b','c'), delay_ms=(0,80,160,320), mitigation=('none',), seed=7)\n"
        "print([p.assign(5, 17, n).cell for n in range(30)], p.digest())"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == f"{[PLAN.assign(5, 17, n).cell for n in range(30)]} {PLAN.digest()}"


def test_the_hash_is_of_the_plan_and_of_nothing_else() -> None:
    same = Plan(client=("a", "b", "c"), delay_ms=(0.0, 80.0, 160.0, 320.0), mitigation=("none",), seed=7)
    assert PLAN.digest() == same.digest()
    assert PLAN.digest() != Plan(client=("a", "b", "c"), delay_ms=(0, 80), mitigation=("none",), seed=7).digest()
    assert PLAN.as_json() == {
        "hash": PLAN.digest(),
        "seed": 7,
        "unit": "connection",
        "client": ["a", "b", "c"],
        "delay_ms": [0.0, 80.0, 160.0, 320.0],
        "mitigation": ["none"],
        "block_s": 60,
    }


@pytest.mark.parametrize(
    ("client", "delay_ms", "sentence"),
    [
        ((), (0.0,), "--client is"),
        (("a", "a"), (0.0,), "--client is"),
        (("a",), (0.0, 0.0), "--delay-ms is"),
        (("a",), (-5.0, 0.0), "--delay-ms has -5"),
    ],
)
def test_a_plan_that_is_none_is_refused(client: tuple[str, ...], delay_ms: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Plan(client=client, delay_ms=delay_ms, mitigation=("none",), seed=1)
