"""What is said of two runs, on a terminal and in the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.releases.differences import Comparison, Difference
from analysis.releases.words import answer, brief, cautions, sentence, text

TIMEOUTS = Difference(
    name="timeouts", state="worse", base=0.001, new=0.009, estimate=0.008, low=0.0053, high=0.013, was="", now=""
)
FAILURES = replace(TIMEOUTS, name="failures and timeouts", state="not_worse", estimate=-0.001, low=-0.002, high=0.001)
CLAIM = replace(TIMEOUTS, name="latency", state="undecided", was="undecided", now="confirmed")
WORSE = Comparison(
    runs=("base", "new"),
    state="worse",
    margin=0.005,
    kept=0.973,
    levels=(TIMEOUTS, FAILURES),
    claims=(CLAIM,),
    trends=("Worsening (stability) within a run: unknown in the base, +2.30 points in the new run.",),
    differs=("host differs: only in the new run h2.",),
    void=(),
)


def test_a_worse_run_is_worse_by_so_much_and_between_these_bounds() -> None:
    assert answer(WORSE) == (
        "Worse than the last release, beyond the margin of 0.50 points: timeouts by 0.80 points, 0.53 to 1.30."
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            replace(WORSE, state="not_worse", levels=(FAILURES,)),
            "Not worse than the last release: no level rose",
        ),
        (
            replace(WORSE, state="undecided", levels=(FAILURES, replace(TIMEOUTS, state="undecided"))),
            "more than the margin of 0.50 points: timeouts +0.80 points (+0.53 to +1.30).",
        ),
        (
            replace(WORSE, state="undecided", void=("The base run is void: nothing may be concluded from it.",)),
            "whether this run is worse than the last release: The base run is void",
        ),
    ],
)
def test_a_run_that_is_not_worse_or_of_which_it_cannot_be_told_says_so(found: Comparison, said: str) -> None:
    assert said in answer(found)


def test_no_number_is_made_up_where_none_was_measured() -> None:
    unknown = replace(TIMEOUTS, state="undecided", estimate=None, low=None, high=None)
    assert sentence(unknown) == "timeouts: cannot tell, the runs have nothing to compare it by"
    assert "too few sessions or minutes" in sentence(replace(unknown, estimate=0.1))
    assert "the runs have nothing to compare it by" in answer(replace(WORSE, state="undecided", levels=(unknown,)))


def test_what_may_not_be_concluded_names_what_differs_and_what_is_not_compared() -> None:
    said = " ".join(cautions(WORSE))
    assert "two times of day" in said
    assert "what both runs have, 97.3 % of their attempts" in said
    assert "Besides the release, host differs: only in the new run h2." in said
    assert "None is compared. Worsening (stability)" in said


def test_a_terminal_shows_levels_claims_and_trends() -> None:
    lines = text(WORSE).splitlines()
    assert lines[0] == "Against the base: worse (margin 0.50 points)."
    assert lines[1] == "  timeouts: worse, +0.80 points (+0.53 to +1.30)"
    assert "Not compared: each run has its own length and worst kind." in text(WORSE)
    assert lines[-1] == "latency              undecided   confirmed   +0.80 (+0.53 to +1.30)"


def test_below_the_ending_of_a_run_stand_four_lines() -> None:
    assert brief(WORSE).splitlines() == [
        "Against the base: worse (margin 0.50 points).",
        "  Levels: 1 worse, 1 not different. Claims changed: 1 of 1.",
        "  Largest: timeouts +0.80 points (+0.53 to +1.30).",
        '  The rest, and 1 other difference: "Against the last release" in the report.',
    ]


@pytest.mark.parametrize(
    "found",
    [
        WORSE,
        replace(WORSE, void=("The runs share no platform, client, delay, operation and budget: no rates.",) * 3),
        replace(
            WORSE,
            levels=(
                replace(TIMEOUTS, name="attempts longer than the limit", estimate=1.0, low=0.9999, high=1.0),
                replace(FAILURES, low=-1.0, high=-0.9),
                replace(TIMEOUTS, state="undecided"),
            ),
            claims=(CLAIM,) * 14,
            differs=("x",) * 10,
        ),
        replace(
            WORSE,
            levels=(FAILURES, replace(FAILURES, low=-0.02, high=0.0), replace(TIMEOUTS, state="undecided")),
            claims=(CLAIM,) * 14,
        ),
        replace(WORSE, levels=(replace(TIMEOUTS, state="undecided", estimate=None, low=None, high=None),), differs=()),
    ],
)
def test_the_four_lines_fit_a_terminal_of_80_columns(found: Comparison) -> None:
    lines = brief(found).splitlines()
    assert len(lines) <= 4
    assert max(map(len, lines)) <= 80
    assert lines[-1].endswith('"Against the last release" in the report.')


def test_a_level_that_fell_beyond_the_margin_is_better_and_one_that_may_have_is_not_worse() -> None:
    fell, may_have = replace(FAILURES, low=-0.02, high=-0.006), replace(FAILURES, low=-0.02, high=0.0)
    assert "Levels: 1 better, 1 not worse." in brief(replace(WORSE, levels=(fell, may_have)))
    assert "unknown, there are too few" in brief(replace(WORSE, levels=(replace(fell, low=None, high=None),)))
