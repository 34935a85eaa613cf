"""The web UI as its users see it: a real browser on a real `locust`."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.browser import browser_page
from tests.conftest import PATIENCE_S, Soak, json_of, wait_for
from tests.system.test_report_page import PICTURES


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_run_from_the_start_form_to_its_report(start_soak: Callable[..., Soak]) -> None:
    port = free_port()
    soak = start_soak("--web-port", str(port), "--web-base-path", "/soak")
    home = f"http://127.0.0.1:{port}/soak/"
    wait_for(lambda: answers(home), "the web UI")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser_page() as page:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("response", lambda one: errors.append(f"{one.status} {one.url}") if one.status >= 400 else None)
        page.on("request", lambda one: None if one.url.startswith((home, "data:", "blob:")) else errors.append(one.url))
        page.goto(home)
        host = page.get_by_label("Host")
        assert host.input_value().startswith("ws://127.0.0.1:")
        page.get_by_text(f"Empty, or {host.input_value()}: the embedded stand-in").wait_for()
        page.get_by_text("Custom parameters").first.click()
        page.get_by_role("button", name="Budgets", expanded=False).click()
        budget = page.get_by_label("Exchange Budget S")
        budget.fill("-1")
        page.get_by_role("button", name="Budgets", expanded=True).click()
        page.get_by_text("Custom parameters").first.click()
        page.get_by_role("button", name="Start").click()
        # What was folded is open, and the refusal stands at its field.
        refusal = page.locator(".wsoak-refusal")
        refusal.get_by_text("--exchange-budget-s is '-1', but it must be a number above 0.").wait_for()
        wait_for(lambda: bool(page.evaluate("document.activeElement.name === 'exchangeBudgetS'")), "the focus")
        assert budget.get_attribute("aria-describedby") == refusal.get_attribute("id")
        assert not soak.reports.exists()  # nothing was started

        budget.fill("5")
        assert refusal.count() == 0
        host.fill("")
        # Of a list with nothing chosen Locust's page posts nothing: it is refused, not taken for the last choice.
        page.locator("select[name=client]").select_option([])
        page.get_by_role("button", name="Start").click()
        refusal.get_by_text("--client is '', but it must be at least one of").wait_for()
        assert not soak.reports.exists()
        page.locator("select[name=client]").select_option(["websocket-client", "websockets-gevent"])
        page.get_by_role("button", name="Start").click()
        page.get_by_role("cell", name="connect").wait_for()
        page.get_by_role("tab", name="Why").click()
        page.get_by_role("cell", name="judged attempts").wait_for()
        assert page.get_by_role("cell", name="Linux", exact=True).is_visible()
        page.screenshot(path=str(PICTURES / "locust-why.png"))
        page.get_by_role("tab", name="Download Data").click()
        page.get_by_role("link", name="why sessions time out, live").click()
        page.get_by_text("The run is going on.").wait_for()
        page.locator("#tiles").get_by_text("Judged attempts").wait_for()
        page.screenshot(path=str(PICTURES / "live-of-a-run.png"), full_page=True)
        page.get_by_role("link", name="Load and statistics").click()
        page.get_by_role("tab", name="Why").click()
        page.get_by_role("cell", name="judged attempts").wait_for()
        ended = page.locator("#wsoak-ended")
        assert ended.count() == 0
        page.get_by_role("button", name="Stop").click()
        # Locust's page asks for nothing more: the table stays as it is, which is said, and the verdict beside it.
        ended.get_by_text("The run has ended: ").wait_for()
        ended.get_by_role("link", name="Show it as it is now").click()
        page.get_by_role("cell", name="judged attempts").wait_for()
        assert ended.count() == 0
        page.screenshot(path=str(PICTURES / "locust-why-ended.png"))
        page.goto(home + "wsoak/live")
        page.get_by_text("ended: levels").or_(page.get_by_text("void")).first.wait_for()
        page.get_by_text("Final, as of").wait_for()
        page.get_by_role("link", name="Report", exact=True).wait_for()  # the verdict is there before it is drawn

        page.get_by_role("link", name="All runs").click()
        page.get_by_role("link", name="live page").wait_for()
        page.get_by_role("link", name="report.html").click()
        page.get_by_text("Why attempts fail").first.wait_for()
        assert errors == []
    soak.process.send_signal(signal.SIGTERM)
    status, output = soak.end()
    assert soak.run_json()["ended"] == "stopped", output
    assert soak.run_json()["accounting"]["balanced"] is True
    assert soak.run_json()["target"]["standin"] is True
    assert soak.run_json()["plan"]["client"] == ["websocket-client", "websockets-gevent"]
    # What is suggested next is made of it: the form's run, without a form.
    again = " ".join(soak.run_json()["command"])
    assert " --headless --users 20 --spawn-rate 5 " in again
    assert " --client websocket-client,websockets-gevent" in again
    assert "--web-" not in again
    assert status == {"met": 0, "breached": 1, "void": 3}[soak.verdict()["slo"]["state"]], output


def test_a_wrong_value_is_answered_with_its_field_and_the_form_has_its_groups(start_soak: Callable[..., Soak]) -> None:
    ui = Ui(start_soak, "--no-analysis")
    for wrong in ({"exchange_budget_s": "-1"}, {"user_count": "few"}, {"run_time": "soon"}, {"host": "http://"}):
        (name,) = wrong
        answer = json.loads(ui.start(**wrong).rpartition("\n\n")[2])
        assert (answer["success"], answer["field"]) == (False, name)
    assert ui.runs() == []
    page = ui.ask("/")[1]
    assert '"title": "Arms of the experiment"' in page
    assert page.index('"scenario": {') < page.index('"client": {') < page.index('"slo_timeouts": {')


class Ui:
    """A real `locust` with its web UI, asked over HTTP."""

    def __init__(self, start_soak: Callable[..., Soak], *options: str) -> None:
        self.port = free_port()
        self.soak = start_soak("--web-port", str(self.port), *options)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/"), "the web UI")

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        """Status and text of an answer; a form makes it a POST."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        body = None if form is None else urllib.parse.urlencode(form)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if form is not None:
            named["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if form is None else "POST", path, body, named)
        response = connection.getresponse()
        text = f"{response.headers}\n{response.read().decode()}"
        connection.close()
        return response.status, text

    def start(self, **more: str) -> str:
        return self.ask("/swarm", {"user_count": "4", "spawn_rate": "4", **more})[1]

    def state(self) -> str:
        """As the page is told when it is opened; /stats/requests repeats itself for two seconds."""
        found = re.search(r'"state": "(\w+)"', self.ask("/")[1])
        return found.group(1) if found else ""

    def runs(self) -> list[Path]:
        return [file.parent for file in self.soak.reports.glob("*/run.json")]


def test_a_start_while_the_last_run_is_still_stopping_is_refused_and_that_run_ends(
    start_soak: Callable[..., Soak],
) -> None:
    ui = Ui(start_soak, "--no-analysis")
    assert "Swarming started" in ui.start()
    wait_for(lambda: ui.state() == "running", "users")
    stopping = threading.Thread(target=ui.ask, args=("/stop", {}))
    stopping.start()
    (first,) = ui.runs()
    said = []
    while json_of(first / "run.json")["ended"] == "running":
        said.append("still being stopped, stored and analysed" in ui.start())
    stopping.join()
    assert True in said
    assert all(said[said.index(True) : -1]), "the last one may have come when it was over"
    assert json_of(first / "run.json")["ended"] == "stopped"
    wait_for(lambda: json_of(first / "run.json")["accounting"]["balanced"], "the count of its rows")


def test_a_run_is_called_running_from_its_start_and_its_options_do_not_change(start_soak: Callable[..., Soak]) -> None:
    ui = Ui(start_soak, "--no-analysis")
    for number in (1, 2):  # the second one begins where the first one has stopped
        assert "Swarming started" in ui.start(run_time="10m")
        assert ui.state() != "stopped"  # its page would believe that
        wait_for(lambda: ui.state() == "running", "users")
        assert "--seed cannot change while a run goes on" in ui.start(seed="7")
        assert "cannot change while a run goes on" in ui.ask("/user", {})[1]
        assert "Swarming started" in ui.start(user_count="2", run_time="600")
        ui.ask("/stop", {})
        wait_for(lambda: "ended with exit status" in ui.ask("/wsoak/")[1], "the end of the run")
        assert len(ui.runs()) == number
    last = json_of(max(ui.runs(), key=lambda folder: folder.stat().st_ctime) / "run.json")
    assert "s of 600 s" in last["problems"][0]  # the stop button ends a run with a planned end early, too


def test_no_other_site_is_answered_under_any_name_and_no_other_file_is_served(
    start_soak: Callable[..., Soak],
) -> None:
    ui = Ui(start_soak, "--ui-hosts", "soak.example.com")
    for path in ("/", "/stats/requests", "/logs", "/wsoak/", "/tasks", "/exceptions"):
        assert ui.ask(path, Origin="https://evil.example")[0] == 403
        assert ui.ask(path, Host="rebound.example")[0] == 403
        assert ui.ask(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
        status, text = ui.ask(path, Host="soak.example.com", Origin="http://soak.example.com")
        assert status == 200
        assert "Access-Control" not in text
    ui.soak.reports.mkdir(exist_ok=True)
    (ui.soak.reports.parent / "run.json").write_text("{}")
    for path in ("/wsoak/%2e%2e/run.json", "/wsoak/../run.json", "/wsoak/..%2frun.json", "/wsoak/./run.json"):
        assert ui.ask(path)[0] == 404
