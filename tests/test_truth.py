"""Injected and attributed: a soak with a fault planted ends in a verdict that names it, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.truth import TRUTHS, Judged, Truth, judged
from standin.faults import FAULTS

# One of each kind of evidence; `python -m bench.truth` soaks with all of them.
SAMPLE = ("none", "zombie", "drop_type", "auth_gate", "lifetime_cut")


def name_of(truth: Truth) -> str:
    return truth.fault.partition(":")[0]


def test_every_fault_of_the_stand_in_has_its_truth() -> None:
    assert {name_of(truth) for truth in TRUTHS} == set(FAULTS)


def test_a_claim_that_is_missing_and_one_that_is_not_so_are_told_apart() -> None:
    truth = Truth("x", frozenset({"server"}), also=frozenset({"intermittent"}))
    assert Judged(frozenset({"server", "intermittent"})).misses(truth) == []
    assert Judged(frozenset({"auth"})).misses(truth) == ["server is missing", "auth is not so"]
    assert Judged(frozenset({"server"}), impaired="A busy core.").misses(truth) == ["void: A busy core."]
    assert Judged(frozenset(), void="Rows are missing.").misses(truth) == ["void: Rows are missing."]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("truth", [truth for truth in TRUTHS if name_of(truth) in SAMPLE], ids=name_of)
def test_the_verdict_names_what_was_planted(truth: Truth, tmp_path: Path) -> None:
    found = judged(truth, tmp_path)
    if found.impaired:
        pytest.skip(f"this machine is too busy to tell: {found.impaired}")
    assert found.misses(truth) == []
