"""Markup in whatever a target, a worker, a run file or a log may say stays text in everything that is written."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis import cli
from analysis.pipeline import Analysis
from analysis.report.html import report_html
from analysis.report.plotly_bundle import plotly_js
from analysis.server_log.read import Counts
from tests.analysis.junit_documents import read_junit
from tests.analysis.run_folders import attempts, health, manifest, put, write_run
from tests.analysis.server_log.test_account import accounted, lost, ready

# A tag, the end of a script, a link, code, an end of a cell, and an escape that would undo ours.
TAG = "<img src=x onerror=alert(1)>"
EVIL = f"\\{TAG}</script>[x](javascript:alert`1`)|*y*&lt;\"' ```"
# What is free text in a row; the others are numbers, or words of a closed list.
FREE = (
    *("host", "site", "platform", "platform_detail", "client", "event_loop", "python", "operation", "scenario"),
    *("subject", "server_instance", "server_connection_id", "mitigation"),
)


class Found(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}


def harmless(page: str) -> bool:
    found = Found()
    found.feed(page.replace(plotly_js(), ""))
    scripts = page.count("<script") == page.count("</script>")
    return "img" not in found.tags and not found.handlers and scripts


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with markup wherever text is free, analysed."""
    rows = attempts(1200, timeouts=0.02)
    for column in FREE:
        rows[column] = EVIL + rows[column].astype("string").fillna("")
    refused, closed = rows.index[rows["kind"] == "connect"][:20], rows.index[rows["kind"] == "exchange"][:20]
    put(rows, refused, outcome="failed", phase="upgrade", cause="http_status", http_status=403, detail=EVIL)
    put(rows, closed, outcome="failed", phase="exchange", cause="server_closed", close_code=1008, detail=EVIL)
    said = manifest(
        rows,
        command=["locust", "--headless", "--host", EVIL + "\n```\n# heading"],
        ended=EVIL,
        target={"url": EVIL, "standin": False, "faults": [EVIL], "seed": 1},
        notes=[EVIL + "\n# heading"],
        accepted_end=EVIL,
        versions={EVIL: EVIL},
        workers=[{"worker": EVIL, "host": EVIL, "platform": EVIL, "rows_written": 3, "lost": False}],
    )
    folder = write_run(tmp_path_factory.mktemp("hostile") / "a<b>`c`", rows, run_json=said, vitals=health())
    cli.main([str(folder), "--annotate", "14:13", TAG])
    return folder


def test_report_holds_no_tag_and_no_handler_of_theirs(hostile: Path) -> None:
    page = (hostile / "report.html").read_text(encoding="utf-8")
    assert harmless(page)
    assert html.escape(TAG) in page
    # Plotly shows a few tags of its own kind, links among them.
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page):
        assert "<" not in "".join(_texts(json.loads(text))).replace("<br>", "").replace("<extra>", "").replace(
            "</extra>", ""
        )


def _texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for one in items for text in _texts(one)]


def test_summary_holds_no_markup_of_theirs(hostile: Path) -> None:
    text = (hostile / "summary.md").read_text(encoding="utf-8")
    fence = re.search(r"^(`{3,})sh\n(.*?)\n\1$", text, flags=re.MULTILINE | re.DOTALL)
    assert fence is not None and "\n" not in fence[2]
    outside = text.replace(fence[0], "")
    # A mark is escaped where an odd number of backslashes stands before it.
    bare = re.findall(r"(?<!\\)(?:\\\\)*(<(?!/?(?:details|summary)>)|\[x|`)", outside)
    assert not bare
    assert not re.search(r"^# heading", outside, flags=re.MULTILINE)


def test_junit_is_read_back_as_it_was_said(hostile: Path) -> None:
    root = read_junit((hostile / "junit.xml").read_text(encoding="utf-8"))
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"),
    }
    assert TAG in "".join(root.itertext())


def test_a_servers_log_is_text_on_the_page(analysis: Analysis) -> None:
    connects, lines = ready()
    counts = Counts(lines=7, formats={EVIL: EVIL}, cut=[EVIL])
    found = replace(accounted([*connects, *lost(2)], lines), counts=counts)
    assert harmless(report_html(replace(analysis, log=found)))
