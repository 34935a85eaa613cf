import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

from analysis.model import Criteria, Effect
from analysis.pipeline import Analysis, analyse
from analysis.report.html import model_effect, p_text, report_html
from analysis.report.plotly_bundle import TRACES, plotly_js
from analysis.report.wording import detectable_text
from analysis.server_log.read import Counts
from analysis.verdict.answer import answer_of
from analysis.verdict.service_levels import Levels
from tests.analysis.run_folders import attempts, manifest, write_run
from tests.analysis.server_log.test_account import accounted, lost, ready

PLOTLY = plotly_js()


class Tags(HTMLParser):
    """What a page loads, and the ids that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "link", "iframe"):
            self.loads += [value for key in ("src", "href") if (value := given.get(key))]
        self.ids += [given["id"]] if given.get("id") else []  # type: ignore[list-item]
        self.targets += [given["data-figure"]] if given.get("data-figure") else []  # type: ignore[list-item]


def test_page_loads_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.loads == ["data:,"]  # an empty icon: without it browsers ask the server for one
    assert "plotly.js (basic - minified) v" in page


def test_every_figure_of_the_page_has_its_data(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert len(tags.targets) == 14
    assert set(tags.targets) <= set(tags.ids)
    assert len(tags.ids) == len(set(tags.ids))
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page):
        assert set(orjson.loads(text)) == {"data", "layout"}


def test_name_of_a_host_cannot_end_a_script(page: str) -> None:
    assert "</script><" not in page.replace("</script><script", "")
    data = re.search(r'id="figure-hosts">(.*?)</script>', page)
    assert data is not None
    assert "&lt;/script>&lt;" in str(orjson.loads(data[1]))


def test_verdict_numbers_and_needs_are_on_the_page(analysis: Analysis, page: str) -> None:
    assert "Service levels breached" in page
    for label, _ in answer_of(analysis.verdict).lines():
        assert label in page[: page.rindex("Service levels breached")]
    assert "the stand-in (slow_welcome)" in page
    for name in ("success_ratio", "stability_latency"):
        assert name in page
    for claim in analysis.verdict["claims"].values():
        if claim["state"] == "undecided":
            assert claim["needs"].split("'")[0][:30] in page


def test_nothing_undefined_is_shown(page: str) -> None:
    visible = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(None|nan|NaN|null|Undefined)\b", visible)


def test_server_log_has_a_section_only_when_one_was_given(analysis: Analysis, page: str) -> None:
    assert 'id="log"' not in page
    connects, lines = ready()
    counts = Counts(lines=7, events=7, formats={"<b>.log": "json"})
    with_log = report_html(replace(analysis, log=replace(accounted([*connects, *lost(2)], lines), counts=counts)))
    assert "7 lines were read of &lt;b&gt;.log (json)" in with_log
    assert "<td>the server never got it</td>" in with_log


@pytest.mark.slow
def test_run_without_rows_has_a_page_too(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(5).iloc[:0])
    page = report_html(analyse([folder], settings=Criteria(), levels=Levels()))
    assert "nothing may be concluded" in page
    assert "No attempt was made" in page


@pytest.mark.slow
def test_accounting_that_is_no_number_is_shown_as_unknown(tmp_path: Path) -> None:
    rows = attempts(20)
    run_json = manifest(rows, accounting={"planned": "a", "started": [1], "ok": 12345})
    page = report_html(
        analyse([write_run(tmp_path / "run", rows, run_json=run_json)], settings=Criteria(), levels=Levels())
    )
    assert '<td class="n">–</td>' in page
    assert '<td class="n">12,345</td>' in page


def test_small_p_value_is_a_bound() -> None:
    assert [p_text(p) for p in (None, 0.00001, 0.0321, 1.0)] == ["–", "< 0.0001", "0.032", "1"]


def test_effect_is_shown_in_its_unit() -> None:
    effect = Effect(name="x", estimate=0.0123, low=0.01, high=0.015)
    assert model_effect(effect, "points") == "+1.23 points (+1 to +1.5)"
    assert model_effect(effect, "s") == "+0.0123 s (+0.01 to +0.015)"
    assert model_effect(None, "s") == "–"


def test_what_each_claim_could_have_found_stands_beside_it(page: str, analysis: Analysis) -> None:
    assert '<th scope="col" class="n">smallest detectable</th>' in page
    for claim in analysis.verdict["claims"].values():
        assert detectable_text(claim) in page
    assert any(claim["smallest_detectable"] for claim in analysis.verdict["claims"].values())


def test_what_stands_out_is_on_the_page(analysis: Analysis) -> None:
    lead = "304 of 4000 sessions ended before their time while they were held (reset 304)."
    found = replace(analysis, verdict={**analysis.verdict, "leads": [lead]})
    assert lead in report_html(found)


def test_a_report_is_below_two_megabytes(page: str) -> None:
    assert len(page.encode()) < 2_000_000


def test_figures_draw_only_what_the_bundle_can(page: str) -> None:
    figures = [orjson.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)]
    assert {trace["type"] for figure in figures for trace in figure["data"]} <= TRACES


def test_markup_in_the_verdict_stays_text(analysis: Analysis) -> None:
    evil = "<img src=x onerror=alert(1)>"
    claims = {name: {**claim, "evidence": evil, "needs": evil} for name, claim in analysis.verdict["claims"].items()}
    found = {**analysis.verdict, "leads": [evil], "data_quality": [evil], "claims": claims}
    shown = report_html(replace(analysis, verdict=found))
    assert "<img" not in shown.replace(PLOTLY, "")
    assert "&lt;img src=x" in shown
