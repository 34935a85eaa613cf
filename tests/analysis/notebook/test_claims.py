"""Claims and failures of a verdict as data frames."""

from __future__ import annotations

from analysis.notebook.claims import NOT_TESTED, claims_frame, failures_frame, findings_of
from tests.analysis.notebook.conftest import SLO
from tests.analysis.verdicts import decision, verdict


def test_each_claim_is_a_row_and_untested_ones_are_apart_from_undecided_ones() -> None:
    document = verdict(SLO)
    document["claims"]["latency"]["effect"] |= {"estimate": 0.001, "low": -0.01, "high": 0.012}
    frame = claims_frame(document).set_index("claim")
    assert list(frame.columns) == ["title", "state", "effect", "low", "high", "needs"]
    assert frame.loc[["server", "auth", "latency", "platform"], "state"].to_list() == [
        "confirmed",
        "ruled_out",
        "undecided",
        NOT_TESTED,
    ]
    assert frame.loc[["server"], ["effect", "low", "high"]].to_numpy().tolist() == [[0.012, 0.008, 0.017]]
    assert frame["effect"].isna()["platform"]
    assert frame.loc["platform", "needs"] == "Three hosts of each platform."


def test_failures_are_as_the_verdict_has_them_and_none_is_a_frame_with_columns() -> None:
    frame = failures_frame(verdict(SLO))
    assert frame["cause"].to_list() == ["silent_peer", "http_status"]
    empty = failures_frame(verdict(SLO, failures=()))
    assert list(empty.columns) == list(frame.columns) and len(empty) == 0


def test_markup_from_a_target_is_text_in_a_page() -> None:
    document = verdict(SLO)
    document["failures"][0]["reason"] = "<script>alert(1)</script>"
    html = failures_frame(document).to_html()
    assert "<script>" not in html


def test_findings_have_the_states_and_effects_that_were_decided() -> None:
    found, decided = findings_of(verdict(SLO)), decision().claims
    assert {name: one.state for name, one in found.items()} == {name: one.state for name, one in decided.items()}
    assert found["server"].effect == decided["server"].effect
