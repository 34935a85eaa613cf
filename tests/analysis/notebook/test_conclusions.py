"""What may be concluded stands apart from what may not, and what outranks both above them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.notebook.claims import NOT_TESTED
from analysis.notebook.conclusions import Conclusions
from tests.analysis.notebook.conftest import SLO
from tests.analysis.verdicts import verdict


def test_claims_stand_in_four_groups_with_their_effects_and_needs() -> None:
    document = verdict(SLO)
    document["claims"]["latency"]["effect"] |= {"estimate": 0.001, "low": -0.01, "high": 0.012}
    found = Conclusions(document)
    assert {state: len(claims) for state, claims in found.groups.items()} == {
        "confirmed": 1,
        "ruled_out": 1,
        "undecided": 1,
        NOT_TESTED: 7,
    }
    lines = repr(found).splitlines()
    assert lines[0] == "Confirmed: the whole interval lies beyond the margin of 0.50 points:"
    assert lines[1].endswith("+1.20 points (+0.80 to +1.70)")
    assert "  Latency: +0.10 points (-1.00 to +1.20); needs: Three hosts of each platform." in lines


def test_a_group_without_claims_says_none() -> None:
    document = verdict(SLO)
    document["claims"]["server"]["state"] = "ruled_out"
    assert repr(Conclusions(document)).splitlines()[1] == "  none"
    assert "<ul><li>none</li></ul>" in Conclusions(document)._repr_html_()


def test_a_void_run_and_one_without_failures_say_so_first() -> None:
    void = Conclusions(verdict(replace(SLO, state="void", why="Rows are missing.")))
    assert repr(void).startswith("Nothing may be concluded, for the run is void: Rows are missing.")
    clean = Conclusions(verdict(SLO, failures=()))
    assert repr(clean).startswith("Nothing failed: there is no cause to look for.")


@pytest.mark.parametrize("attempts", [0, 100])
def test_what_nothing_could_tell_was_not_tested_in_a_run_without_failures_or_sessions_either(attempts: int) -> None:
    found = Conclusions({**verdict(SLO, failures=()), "attempts": attempts})
    assert found.groups["undecided"] == []
    assert "Latency" in dict(found.groups[NOT_TESTED])


def test_markup_in_it_is_text() -> None:
    document = verdict(SLO)
    document["claims"]["platform"]["needs"] = "<b onclick=x>hosts</b>"
    assert "<b onclick" not in Conclusions(document)._repr_html_()
