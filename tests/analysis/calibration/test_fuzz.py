"""Hostile runs in which the verdict was wrong once, and the judging of such runs."""

from __future__ import annotations

import pytest

from analysis.calibration.fuzz import decided
from analysis.model import Criteria
from analysis.simulation.hostile import draw_case

# What the seed's run looked like to the verdict that was wrong.
FOUND = {
    68: "accounts that always fail, and come less than ten times each",
    212: "an idle limit of one platform, with a close code: alike for all who asked",
    373: "the same of one site, whose others held next to no session",
    443: "one client's sessions closed for its silence: a clean cohort cleared the server",
    449: "refusals that end sessions: few of the attempts, and many of the sessions",
    518: "resets of one side, in moments: a clean cohort cleared the server",
    1011: "a rare type that nobody answers in one arm: too few attempts to say it",
    1236: "an age limit of one platform, met by few",
}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(68, 212, 373, 443), pytest.param((449, 518, 1011, 1236), marks=pytest.mark.long)])
def test_what_hostile_runs_found_is_wrong_no_more(seeds: tuple[int, ...]) -> None:
    for result in decided([draw_case(seed) for seed in seeds], Criteria()):
        assert not result.error, result.error
        wrong = [*result.wrong("confirmed"), *result.wrong("ruled_out")]
        assert not wrong, f"seed {result.seed} ({FOUND[result.seed]}): {wrong}\n{result.title}"
