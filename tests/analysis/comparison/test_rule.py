import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison.rule import Comparison, ComparisonRule, Condition, compare, joined_words, too_short
from analysis.comparison.view import view_of
from analysis.model import Check, Criteria, Finding
from analysis.stats.estimate import Estimate, Spread
from tests.analysis.tables_by_hand import sketched
from tests.typed import known

RULE = ComparisonRule(joined="all", directed=True, confirmed="yes {name} {effect}", ruled_out="no {name} {effect}")
ANY = ComparisonRule(joined="any", directed=False, confirmed="yes {name} {effect}", ruled_out="no {name} {effect}")


def one(value: float, se: float = 0.001, *, name: str = "a", informed: int = 20) -> Comparison:
    return Comparison(
        name=name, estimate=Estimate(value=value, spreads=(Spread(se, math.inf),), n=100), informed=informed
    )


def condition(ok: bool | None) -> Condition:
    return Condition(check=Check(name="same network", ok=ok, detail="Different networks."), need="one network")


def found(
    comparisons: Sequence[Comparison], conditions: Sequence[Condition] = (), rule: ComparisonRule = RULE, **more: Any
) -> Finding:
    return compare(view_of(sketched(), Criteria()), comparisons, conditions, rule, **{"ceiling": False, **more})


def test_beyond_the_margin_is_confirmed_and_inside_it_ruled_out() -> None:
    assert found([one(0.02)]).state == "confirmed"
    assert found([one(0.0)]).state == "ruled_out"
    assert found([one(0.005)]).state == "undecided"


def test_all_means_the_weakest_and_any_means_the_strongest_corrected() -> None:
    two = [one(0.02), one(0.0, name="b")]
    assert found(two).state == "undecided"
    assert found(two).p_value == pytest.approx(1.0, abs=1e-6)
    assert found(two, rule=ANY).state == "confirmed"


@given(st.lists(st.tuples(st.floats(-0.02, 0.02), st.floats(0.1, 10.0)), min_size=1, max_size=8))
def test_weights_share_one_error_rate_and_equal_ones_share_it_evenly(drawn: list[tuple[float, float]]) -> None:
    weighted = [replace(one(value, name=str(i)), weight=weight) for i, (value, weight) in enumerate(drawn)]
    ps = [comparison.estimate.p_outside(0.005) for comparison in weighted]
    total = sum(comparison.weight for comparison in weighted)
    claimed = known(found(weighted, rule=ANY).p_value)
    assert claimed == pytest.approx(
        min(1.0, *(p * total / comparison.weight for p, comparison in zip(ps, weighted, strict=True)))
    )
    assert claimed >= min(ps) * (1 - 1e-12)  # the last bit is the divisions'
    even = found([replace(comparison, weight=2.0) for comparison in weighted], rule=ANY).p_value
    assert even == pytest.approx(min(1.0, min(ps) * len(ps)))


@pytest.mark.parametrize("ok", [False, None])
def test_a_condition_that_fails_or_cannot_be_told_leaves_it_open_and_says_the_way_out(ok: bool | None) -> None:
    for value in (0.02, 0.0):
        finding = found([one(value)], [condition(ok)])
        assert finding.state == "undecided"
        assert "Different networks." in finding.evidence
        assert finding.needs == "One network."


def test_the_ceiling_holds_whatever_the_conditions() -> None:
    finding = found([one(0.0)], [condition(False)], ceiling=True)
    assert finding.state == "ruled_out"
    assert finding.ceiling


def test_a_lower_risk_is_no_evidence_for_a_claim_of_a_higher_one() -> None:
    finding = found([one(-0.02)])
    assert finding.state == "undecided"
    assert known(finding.effect).reversed
    assert found([one(-0.02)], rule=ANY).state == "confirmed"


def test_a_host_is_named_as_the_sole_one_only_where_the_estimate_is_beyond_the_margin() -> None:
    near = found([replace(one(0.003, se=0.004), sole="h1")])
    assert "h1" not in near.evidence + near.needs
    far = found([replace(one(0.008, se=0.004), sole="h1")])
    assert far.evidence.endswith("Without the host h1 the estimate would not be beyond it either.")
    assert far.needs == "A look at what is particular to h1, or a run without it."


def test_who_was_not_compared_cannot_be_ruled_out() -> None:
    finding = found([one(0.0)], incomplete="macOS (fewer than two hosts)")
    assert finding.state == "undecided"
    assert "macOS" in finding.evidence


def test_four_chunks_are_too_few() -> None:
    finding = found([one(0.02, informed=4)])
    assert finding.state == "undecided"
    assert "at least 10 minutes" in finding.needs


def test_a_short_run_is_told_how_long_it_should_be() -> None:
    view = view_of(sketched(minutes=2), Criteria())
    evidence, needs = known(too_short(view, 2))
    assert evidence.startswith("2 minutes are too few")
    assert "at least 10 minutes" in needs
    assert too_short(view, 5) is None


def test_many_failed_conditions_are_said_in_part() -> None:
    finding = found([one(0.02)], [condition(False)] * 6)
    assert "3 more conditions do not hold." in finding.evidence
    assert len(finding.checks) == 6


def test_lists_are_english() -> None:
    assert joined_words([]) == ""
    assert joined_words(["a"]) == "a"
    assert joined_words(["a", "b", "c"]) == "a, b and c"
