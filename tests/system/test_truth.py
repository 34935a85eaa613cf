"""Injected and attributed: a soak with a fault planted ends in a verdict that names it, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bench.truth import JOBS, TRUTHS, Judged, PlantedFault, all_judged
from standin.faults import FAULTS

# One of each kind of evidence; `python -m bench.truth` soaks with all of them.
SAMPLE = ("none", "zombie", "drop_type", "auth_gate", "lifetime_cut")


def name_of(truth: PlantedFault) -> str:
    return truth.fault.partition(":")[0]


def test_every_fault_of_the_stand_in_has_its_truth() -> None:
    assert {name_of(truth) for truth in TRUTHS} == set(FAULTS)


def test_a_claim_that_is_missing_and_one_that_is_not_so_are_told_apart() -> None:
    truth = PlantedFault("x", frozenset({"server"}), also=frozenset({"intermittent"}))
    assert Judged(frozenset({"server", "intermittent"})).misses(truth) == []
    assert Judged(frozenset({"auth"})).misses(truth) == ["server is missing", "auth is not so"]
    assert Judged(frozenset({"server"}), impaired="A busy core.").misses(truth) == ["void: A busy core."]
    assert Judged(frozenset(), void="Rows are missing.").misses(truth) == ["void: Rows are missing."]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Judged]]]:
    """Of the sample, some at a time."""
    truths = [truth for truth in TRUTHS if name_of(truth) in SAMPLE]
    with ThreadPoolExecutor(JOBS) as pool:
        coming = all_judged(truths, tmp_path_factory.mktemp("truth"), pool)
        yield dict(zip(map(name_of, truths), coming, strict=True))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("truth", [truth for truth in TRUTHS if name_of(truth) in SAMPLE], ids=name_of)
def test_the_verdict_names_what_was_planted(truth: PlantedFault, verdicts: dict[str, Future[Judged]]) -> None:
    found = verdicts[name_of(truth)].result()
    if found.impaired:
        pytest.skip(f"this machine is too busy to tell: {found.impaired}")
    assert found.misses(truth) == []
