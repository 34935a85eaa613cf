"""A path is below the margin only if no part of the run may be beyond it."""

import pytest

from analysis.claims.server_path import Path, bounded
from analysis.comparison.split import Bound, Share
from analysis.stats.rates import Rate

MARGIN = 0.005
OF_ONE_INSTANCE = Share(name="connects to instance b", rate=Rate(events=30, n=1_000, design_effect=1.0), usual=0.001)
BEYOND = Bound(beyond=(OF_ONE_INSTANCE,), few=("a few",))
NOTHING = Bound(beyond=(), few=("a few",))


def path(below: bool | None) -> Path:
    return Path(name="explicit answers", effect=None, p_value=1.0, below=below, n=10_000, evidence="Few did.")


def test_a_part_that_may_be_beyond_the_margin_opens_the_path_and_is_named_with_what_would_bound_it() -> None:
    opened = bounded(path(True), BEYOND, MARGIN)
    assert opened.below is False
    assert opened.evidence.startswith("Few did. Not surely below 0.5 %: connects to instance b")
    assert "connects to instance b" in opened.need


@pytest.mark.parametrize("below", [False, None])
def test_a_path_that_is_not_below_the_margin_stays_as_it_is(below: bool | None) -> None:
    assert bounded(path(below), BEYOND, MARGIN) == bounded(path(below), NOTHING, MARGIN)
    assert bounded(path(below), BEYOND, MARGIN).below is below


def test_parts_with_too_few_attempts_are_kept_and_open_nothing() -> None:
    closed = bounded(path(True), NOTHING, MARGIN)
    assert closed.below is True
    assert closed.few == ("a few",)
    assert closed.evidence == "Few did."
