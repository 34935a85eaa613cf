"""The live page as its readers see it: in a real browser, in each state, on three widths, by day and by night."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import WSGIRequestHandler, make_server

from analysis.live.document import AttemptCounts, GeneratorLoad, LiveDocument
from analysis.verdict.answer import Answer
from scenarios.screens.web import add_to_ui
from scenarios.screens.web_start import Phase
from tests.browser import browser_page
from tests.kit.node_packages import node_modules
from tests.scenarios.screens.live_documents import as_json, document
from tests.scenarios.screens.test_web import FakeSoak
from tests.system.test_report_page import PICTURES, WIDTHS

RUN: Final = "20261130T091225Z-3eae"
VOID: Final = "Nothing: worker w1 was lost, so that rows are missing (<img src=x onerror=alert(1)>)."
REFUSED: Final = "--host is 'ws://staging.example.com', but a host that is not this machine needs --allow-host."
# Bars are drawn over the card, and axe cannot see through a drawing: its words have the page's own soft ink.
AXE: Final = 'axe.run({exclude: ["svg"]})'
# What differs from state to state; the figures are the same.
AXE_OF_STATE: Final = 'axe.run({include: [".top", "main > section"], exclude: ["#claims-card"]})'


class Quiet(WSGIRequestHandler):
    """A server that logs nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nobody reads it."""


class Pages:
    """The pages of wsoak on a real socket, before a process that leads runs in words only."""

    def __init__(self, reports: Path) -> None:
        self.soak, self.folder = FakeSoak(), reports / RUN
        app = Flask(__name__)
        add_to_ui(app, reports=reports, soak=self.soak, hosts=())
        self.server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/wsoak/"

    def show(
        self,
        phase: Phase,
        said: LiveDocument | None = None,
        *,
        levels: str = "",
        refused: str = "",
        is_off: bool = False,
        old_s: float = 0.0,
        problem: str = "",
    ) -> None:
        """Be in this phase, with a run whose files say this; without a document, and not idle, there is none yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = {"standin": False, "url": "wss://staging.example.com/ws"}
        run = {
            "started_at": "2026-11-30T09:12:25.000000Z",
            "users": 60,
            "target": target,
            "problems": [problem] if problem else [],
        }
        (self.folder / "run.json").write_text(json.dumps(run))
        for name in ("live.json", "verdict.json", "report.html"):
            (self.folder / name).unlink(missing_ok=True)
        if said is not None:
            (self.folder / "live.json").write_bytes(as_json(said))
            os.utime(self.folder / "live.json", (time.time() - old_s,) * 2)
        if levels:
            why = VOID if levels == "void" else "One instance of three answers too late."
            (self.folder / "verdict.json").write_text(json.dumps({"slo": {"state": levels}, "answer": {"why": why}}))
            (self.folder / "report.html").write_text("<!doctype html><title>report</title><p>the report")
        self.soak.now, self.soak.refused, self.soak.is_off = phase, refused, is_off
        self.soak.folder = None if phase is Phase.IDLE and not levels else self.folder


@contextmanager
def served(reports: Path) -> Iterator[Pages]:
    pages = Pages(reports)
    thread = threading.Thread(target=pages.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        pages.server.shutdown()
        thread.join()
        pages.server.server_close()


NOTHING: Final[dict[str, Any]] = {
    **{"attempts": AttemptCounts(), "timeouts": 0, "over_time": (), "cells": (), "lost_at": {}},
    **{"by": {"platform": (), "client": (), "delay_s": (), "instance": ()}, "generator": GeneratorLoad()},
}
IS_VOID: Final = Answer(
    why=VOID,
    how_sure="Not at all.",
    what_next="The run again.",
    command="",
    leads=(),
    not_tested=(),
    undecided=(),
    counts="",
)
# What is shown, and words that must be on the page; the first one on all widths by day and by night.
STATES: Final[dict[str, tuple[dict[str, Any], tuple[str, ...]]]] = {
    "running": (
        {"phase": Phase.RUNNING, "said": document()},
        (
            "The run is going on.",
            "How sure?",
            "locust --headless",
            "not final",
            "= 9,228 judged",
            "300 ms",
            "130 more workers",
        ),
    ),
    "ended": (
        {"phase": Phase.IDLE, "said": document("ended", is_final=True), "levels": "breached"},
        ("ended: levels breached", "Report", "Final, as of", "As the verdict has them."),
    ),
    "none": ({"phase": Phase.IDLE}, ("No run has been started",)),
    "starting": ({"phase": Phase.STARTING}, ("no attempt is stored yet",)),
    "first-seconds": (
        {"phase": Phase.RUNNING, "said": document("running", looked=False)},
        ("Not looked at yet.", "The first look comes", "Elapsed, of 10 min"),
    ),
    "between-looks": (
        {"phase": Phase.RUNNING, "said": document(answer=None)},
        ("the next look says why", "Claims as they stand"),
    ),
    "old": (
        {"phase": Phase.RUNNING, "said": document(), "old_s": 40.0, "problem": VOID},
        ("is analysed at its end", " s ago: the live analysis", "Void, as far as is known: Nothing: worker w1"),
    ),
    "off": ({"phase": Phase.RUNNING, "is_off": True}, ("--no-live-analysis",)),
    "storing": ({"phase": Phase.ENDING, "said": document("storing")}, ("storing, then analysing, about 5 s",)),
    "analysing": ({"phase": Phase.ENDING, "said": document("analysing")}, ("analysing, about 5 s",)),
    "without-live": (
        {"phase": Phase.IDLE, "said": document("running"), "levels": "met"},
        ("ended: levels met", "did not reach the end of the run", "One instance of three", "has the other two lines"),
    ),
    "void": (
        {"phase": Phase.IDLE, "said": document("void", answer=IS_VOID, is_final=True), "levels": "void"},
        ("says nothing of the target", "worker w1 was lost", "Not at all."),
    ),
    "refused": ({"phase": Phase.IDLE, "refused": REFUSED}, (REFUSED,)),
    "empty": (
        {"phase": Phase.RUNNING, "said": document("starting", looked=False, **NOTHING)},
        ("no attempt is stored",),
    ),
}


def faults_of(page: Page, axe: str, where: str, width: int, *, ask: str = AXE) -> list[str]:
    """What is wrong with a page as it stands."""
    page.evaluate(axe)
    found = page.evaluate(ask)
    wrong = [
        f"{where}: {one['id']} ({one['nodes'][0]['html'][:150]})"
        for one in (*found["violations"], *found["incomplete"])
        if one.get("impact") in ("serious", "critical")
    ]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        wrong.append(f"{where}: the page is wider than the screen")
    return wrong


def test_each_state_is_whole_and_accessible_and_hostile_names_stay_words(tmp_path: Path) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    screens = [(theme, width) for theme in ("light", "dark") for width in WIDTHS]
    wrong: list[str] = []
    with served(tmp_path / "reports") as pages, browser_page() as page:
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda one: None if one.url.startswith((pages.url, "data:")) else wrong.append(one.url))
        for number, (name, (shown, words)) in enumerate(STATES.items()):
            pages.show(**shown)
            for theme, width in screens if number == 0 else [screens[number % len(screens)]]:
                where = f"{name}, {theme}, {width} px"
                page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(pages.url + "live")
                page.get_by_text(words[0]).first.wait_for()
                text = page.inner_text("main")
                wrong += [f"{where}: {word!r} is not there" for word in words if word not in text]
                wrong += faults_of(page, axe, where, width, ask=AXE if number == 0 else AXE_OF_STATE)
                page.screenshot(path=str(PICTURES / f"live-{name}-{theme}-{width}.png"), full_page=True)
        pages.show(Phase.IDLE, document("ended", is_final=True), levels="breached")
        for theme, width in (screens[0], screens[-1]):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(pages.url)
            wrong += faults_of(page, axe, f"runs, {theme}, {width} px", width)
            page.screenshot(path=str(PICTURES / f"runs-{theme}-{width}.png"), full_page=True)
    assert not wrong


def test_the_page_follows_a_run_and_says_when_nobody_answers(tmp_path: Path) -> None:
    with served(tmp_path / "reports") as pages, browser_page() as page:
        pages.show(Phase.RUNNING, document(timeouts=92))
        page.goto(pages.url + "live")
        page.get_by_role("button", name="Show all 18").click()
        page.get_by_text("As a table").click()
        pages.show(Phase.RUNNING, document(timeouts=93, over_time=document().over_time[:30]))
        page.locator("#tiles").get_by_text("93", exact=True).wait_for()
        assert page.locator("#cells tbody tr").count() == 18  # what a reader has opened stays open
        page.get_by_role("button", name="Show all 23").click()
        assert page.locator("#workers tbody tr").count() == 23
        assert page.locator("#generator").get_by_text("31 % of a core").is_visible()
        assert page.locator("details[open]").count() == 1
        page.goto(pages.url + "report")
        page.get_by_role("heading", name="Why sessions time out").wait_for()  # there is no report yet
        pages.show(Phase.IDLE, document("ended", is_final=True), levels="met")
        page.get_by_role("link", name="Report").click()
        page.get_by_text("the report").wait_for()
        page.go_back()
        page.get_by_text("ended: levels met").wait_for()
        page.route("**/live.json", lambda route: route.abort())
        page.get_by_text("gives no figures since").wait_for()
        assert page.get_by_text("ended: levels met").is_visible()
