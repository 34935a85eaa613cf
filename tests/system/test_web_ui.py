"""The web UI as its users see it: a real browser on a real `locust`."""

from __future__ import annotations

import signal
import socket
import urllib.request
from collections.abc import Callable

from tests.browser import browser_page
from tests.conftest import Soak, wait_for


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
    soak = start_soak("--web-port", str(port))
    home = f"http://127.0.0.1:{port}/"
    wait_for(lambda: answers(home), "the web UI")
    with browser_page() as page:
        page.goto(home)
        assert page.get_by_label("Host").input_value().startswith("ws://127.0.0.1:")  # the stand-in is named
        page.get_by_text("Custom parameters").first.click()
        budget = page.get_by_label("Exchange Budget S")
        budget.fill("-1")
        page.get_by_role("button", name="Start").click()
        page.get_by_text("--exchange-budget-s is '-1', but it must be a number above 0.").wait_for()
        assert not soak.reports.exists()  # nothing was started

        budget.fill("5")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("cell", name="connect").wait_for()
        page.get_by_role("button", name="Stop").click()
        wait_for(lambda: (soak.folder / "report.html").is_file(), "the report")

        page.goto(home + "wsoak/")
        page.get_by_role("link", name="report.html").click()
        page.get_by_text("Why attempts fail").first.wait_for()
    soak.process.send_signal(signal.SIGTERM)
    status, output = soak.end()
    assert soak.run_json()["ended"] == "stopped", output
    assert soak.run_json()["accounting"]["balanced"] is True
    assert status == {"met": 0, "breached": 1, "void": 3}[soak.verdict()["slo"]["state"]], output
