from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from scenarios.errors import ConfigError
from scenarios.screens.web import add_to_ui, refuse_foreign_origin, refuse_locked_option

WRONG = "--exchange-budget-s is '-1', but it must be a number above 0."


@pytest.fixture
def page(tmp_path: Path) -> FlaskClient:
    app = Flask(__name__)

    def check(form: Mapping[str, str]) -> None:
        if form.get("exchange_budget_s") == "-1":
            raise ConfigError(WRONG)

    @app.post("/swarm")
    def swarm() -> str:
        return "started"

    add_to_ui(app, reports=tmp_path, check=check, status=lambda: "No run has been started yet.")
    return app.test_client()


def test_a_start_form_that_is_right_reaches_locust(page: FlaskClient) -> None:
    assert page.post("/swarm", data={"user_count": "5"}).text == "started"


def test_a_wrong_value_in_the_start_form_is_refused_before_locust_sees_it(page: FlaskClient) -> None:
    answer = page.post("/swarm", data={"exchange_budget_s": "-1"}).json
    assert answer == {"success": False, "message": WRONG + " Help: python -m scenarios.options exchange-budget-s"}


def test_a_path_cannot_be_set_from_the_web(page: FlaskClient) -> None:
    answer = page.post("/swarm", data={"reports_dir": "/etc"}).json
    assert answer is not None
    assert "command line" in answer["message"]


def test_another_sites_script_cannot_start_a_run(page: FlaskClient) -> None:
    answer = page.post("/swarm", data={}, headers={"Origin": "https://evil.example"}).json
    assert answer is not None
    assert answer["success"] is False


def test_the_pages_own_script_and_a_command_line_client_may() -> None:
    assert refuse_foreign_origin("http://localhost:8089", "localhost:8089") is None
    assert refuse_foreign_origin(None, "localhost:8089") is None


def test_options_that_are_not_wsoaks_are_left_to_locust() -> None:
    assert refuse_locked_option({"user_count": "1", "host": "ws://x"}) is None


def test_the_page_of_runs_links_what_a_run_has(page: FlaskClient, tmp_path: Path) -> None:
    run = tmp_path / "20261123T154500Z-aaaa"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (run / "report.html").write_text("<p>report</p>")
    text = page.get("/wsoak/").text
    assert "20261123T154500Z-aaaa/report.html" in text
    with closing(page.get("/wsoak/20261123T154500Z-aaaa/report.html")) as report:
        assert report.text == "<p>report</p>"


@pytest.mark.parametrize("path", ["/wsoak/x/secret.txt", "/wsoak/../run.json", "/wsoak/%2e%2e/run.json"])
def test_only_a_runs_own_files_are_served(page: FlaskClient, path: str) -> None:
    assert page.get(path).status_code == 404
