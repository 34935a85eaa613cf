"""What a claim is asked with, and how it is watched unless it says otherwise."""

import dataclasses

import pytest

from analysis.claims.claim import Claim, Evidence
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from tests.analysis.tables_by_hand import sketched


def number_of_attempts(evidence: Evidence) -> Finding:
    return Finding(state="undecided", n=int(evidence.view.cells.n.sum()), evidence="Counted.")


CLAIM = Claim(name="any", title="Any", statement="anything fails", weight=0.1, decide=number_of_attempts)


def test_evidence_of_tables_alone_names_no_silent_operation_and_says_that_no_moments_were_looked_at() -> None:
    evidence = Evidence(view=view_of(sketched(1), Criteria()))
    assert (evidence.together, evidence.apart) == (None, None)
    assert "ping" not in evidence.silent
    assert CLAIM.decide(evidence).n == int(sketched(1).cells["n"].sum())


def test_a_claim_is_counted_while_live_and_needs_whole_attempts_unless_it_says_otherwise() -> None:
    assert CLAIM.while_live == "so far"
    assert not CLAIM.of_refusals


def test_a_claim_is_the_same_for_all_who_read_it() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CLAIM.weight = 0.9  # type: ignore[misc]
