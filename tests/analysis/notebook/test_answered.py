"""The answer prints its three lines, and is text in a page."""

from __future__ import annotations

from analysis.notebook.answered import shown_answer
from analysis.verdict.answer import LABELS, answer_of
from tests.analysis.notebook.conftest import SLO
from tests.analysis.verdicts import verdict


def test_it_prints_the_three_lines_and_the_command() -> None:
    document = verdict(SLO)
    shown, answer = shown_answer(document), answer_of(document)
    lines = repr(shown).splitlines()
    assert [line.startswith(label) for line, label in zip(lines, LABELS, strict=False)] == [True] * 3
    assert lines[3:] == ([answer.command] if answer.command else [])
    assert (shown.why, shown.leads, shown.counts) == (answer.why, answer.leads, answer.counts)


def test_markup_in_it_is_text() -> None:
    document = verdict(SLO, command=["locust", "--host", "<script>alert(1)</script>"])
    document["claims"]["server"]["evidence"] = "<script>alert(1)</script>"
    html = shown_answer(document)._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert html.count("<p><b>") == 3
