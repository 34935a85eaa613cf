from dataclasses import replace
from pathlib import Path

from analysis.report.summary import interval_text, screen, summary_md
from analysis.verdict.answer import LABELS
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, verdict

SLO = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)


def test_verdict_comes_first_then_the_answer_and_the_details_are_folded() -> None:
    lines = summary_md(verdict(SLO), SLO).splitlines()
    assert lines[0] == "# ❌ breached: run-1"
    assert [line.split("**")[1] for line in lines[2:8:2]] == list(LABELS)
    assert lines.index("| service level | observed | 95 % interval | limit | state |") > lines.index(
        "<details><summary>Service levels, claims, and what they rest on</summary>"
    )
    assert lines[-1] == "</details>"


def test_every_level_and_claim_has_its_row() -> None:
    text = summary_md(verdict(SLO), SLO)
    assert "| success_ratio | 97.00 % | 96.50 % to 97.40 % | 95.00 % | ✅ met |" in text
    assert "| timeouts | 27 | 10 to 60 | 0 | ❌ breached |" in text
    assert "| it comes from the server's side | ● confirmed | +1.20 points (+0.80 to +1.70) | Everybody" in text
    assert "needs three hosts of each platform" in text
    assert "**hypothesis**" in text


def test_what_the_target_said_has_a_table() -> None:
    text = summary_md(verdict(SLO), SLO)
    assert "| HTTP 503 Service Unavailable at the upgrade | 3 | 5 % of connect |" in text


def test_table_cell_stays_one_cell() -> None:
    given = verdict(SLO)
    given["claims"]["server"]["evidence"] = "a | b\nc"
    assert "| a \\| b c |" in summary_md(given, SLO)


def test_long_list_of_notes_is_cut_and_says_so() -> None:
    text = summary_md(verdict(SLO, data_quality=[f"note {index}" for index in range(20)]), SLO)
    assert "- note 11" in text and "- note 12" not in text
    assert "and 8 more" in text


def test_open_bound_is_called_unbounded() -> None:
    longest = replace(MET, name="max_duration_s", value=10.0, low=10.0, high=None, limit=30.0)
    assert interval_text(longest) == "10.00 s to unbounded"
    assert interval_text(replace(MET, low=None, high=None)) == "–"


def test_screen_is_the_answer_its_cohorts_a_sentence_a_line_and_the_report() -> None:
    lines = screen(verdict(SLO), SLO, Path("reports/run-1/report.html")).splitlines()
    assert [line[: len(label)] for line, label in zip(lines, LABELS, strict=False)] == list(LABELS)
    assert lines[3:6] == [
        "  platform  delay          attempts  failed   share",
        "  Windows   300 ms added        400      26  6.50 %",
        "  Linux     300 ms added        400       1  0.25 %",
    ]
    rest = [line.split()[0] for line in lines[8:]]
    assert rest == ["Service", "Failures:", "Lost:", "Found:", "Not", "Attempts:", "Report:"]
    assert lines[-1].endswith("report.html")


def test_sessions_that_died_and_limits_of_some_stand_in_the_summary() -> None:
    lead = "304 of 4000 sessions ended before their time while they were held (reset 304)."
    given = verdict(SLO)
    given["leads"] = [lead]
    assert f"Stands out: {lead}" in summary_md(given, SLO)
    assert f"Stands out: {lead}" in screen(given, SLO, report=Path("report.html"))
