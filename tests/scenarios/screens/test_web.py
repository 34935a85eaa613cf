from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_cors import CORS

from scenarios.errors import ConfigError
from scenarios.screens.web import add_to_ui, refuse_locked_option
from scenarios.screens.web_start import Phase, Users

WRONG = "--exchange-budget-s is '-1', but it must be a number above 0."


class FakeSoak:
    """A process that leads runs, in one of its phases."""

    def __init__(self) -> None:
        self.now = Phase.IDLE
        self.users: list[Users] = []

    def check_form(self, form: Mapping[str, str]) -> None:
        if form.get("exchange_budget_s") == "-1":
            raise ConfigError(WRONG)

    def status(self) -> str:
        return "No run has been started yet."

    def phase(self) -> Phase:
        return self.now

    def options_now(self) -> Mapping[str, Any]:
        return {"exchange_budget_s": 5.0, "probes": True, "host": "ws://127.0.0.1:1/ws", "run_time": 600}

    def change_users(self, users: Users) -> None:
        self.users.append(users)


@pytest.fixture
def soak() -> FakeSoak:
    return FakeSoak()


@pytest.fixture
def page(tmp_path: Path, soak: FakeSoak) -> FlaskClient:
    app = Flask(__name__)
    CORS(app)  # as Locust has it

    @app.post("/swarm")
    def swarm() -> str:
        return "started"

    @app.post("/user")
    def user() -> str:
        return "changed"

    add_to_ui(app, reports=tmp_path / "reports", soak=soak, hosts=("soak-host",))
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


@pytest.mark.parametrize("path", ["/wsoak/", "/wsoak/a/run.json", "/nothing"])
def test_a_get_for_another_site_is_refused_and_no_answer_permits_reading(page: FlaskClient, path: str) -> None:
    assert page.get(path, headers={"Origin": "https://evil.example"}).status_code == 403
    own = page.get(path, headers={"Origin": "http://localhost"})
    assert own.status_code != 403
    for answer in (own, page.options(path, headers={"Origin": "http://localhost"})):
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


def test_a_name_that_was_pointed_at_this_machine_is_refused(page: FlaskClient) -> None:
    answer = page.get("/wsoak/", headers={"Host": "rebound.example:8089"})
    assert answer.status_code == 403
    assert "--ui-hosts" in answer.text
    assert page.get("/wsoak/", headers={"Host": "soak-host:8089"}).status_code == 200


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.ENDING])
@pytest.mark.parametrize("path", ["/swarm", "/user"])
def test_nothing_is_started_or_changed_while_a_run_starts_or_ends(
    page: FlaskClient, soak: FakeSoak, phase: Phase, path: str
) -> None:
    soak.now = phase
    answer = page.post(path, data={"user_count": "5", "spawn_rate": "1"}).json
    assert answer is not None
    assert answer["success"] is False and phase.value in answer["message"]


def test_a_running_run_takes_another_number_of_users_and_keeps_its_end(page: FlaskClient, soak: FakeSoak) -> None:
    soak.now = Phase.RUNNING
    answer = page.post("/swarm", data={"user_count": "5", "spawn_rate": "1.5", "exchange_budget_s": "5.0"}).json
    assert answer is not None and answer["success"] is True  # and not Locust's own answer, which ends the timer
    assert soak.users == [Users(5, 1.5)]


def test_a_running_run_takes_no_other_option_and_no_other_user_class(page: FlaskClient, soak: FakeSoak) -> None:
    soak.now = Phase.RUNNING
    answer = page.post("/swarm", data={"user_count": "5", "spawn_rate": "1", "exchange_budget_s": "9"}).json
    assert answer is not None
    assert "--exchange-budget-s cannot change while a run goes on" in answer["message"]
    answer = page.post("/user", json={"user_class_name": "SteadyUser", "weight": 9}).json
    assert answer is not None
    assert "User classes cannot change while a run goes on" in answer["message"]
    assert soak.users == []


def test_options_that_are_not_wsoaks_are_left_to_locust() -> None:
    assert refuse_locked_option({"user_count": "1", "host": "ws://x"}) is None


def test_the_page_of_runs_links_what_a_run_has(page: FlaskClient, tmp_path: Path) -> None:
    run = tmp_path / "reports" / "20261123T154500Z-aaaa"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (run / "report.html").write_text("<p>report</p>")
    text = page.get("/wsoak/").text
    assert "20261123T154500Z-aaaa/report.html" in text
    with closing(page.get("/wsoak/20261123T154500Z-aaaa/report.html")) as report:
        assert report.text == "<p>report</p>"


def test_markup_in_a_runs_files_and_name_stays_text_in_the_list(page: FlaskClient, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    folder = tmp_path / "reports" / f"javascript:alert(1){evil.replace('/', '')}"
    folder.mkdir(parents=True)
    run = {"started_at": evil, "ended_at": evil, "users": 3, "target": {"url": evil, "standin": False}}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "verdict.json").write_text(json.dumps({"slo": {"state": evil}, "answer": {"why": evil}}))
    listed = page.get("/wsoak/").text
    assert "<img" not in listed and listed.count("&lt;img src=x") >= 3
    # A link stays one into the run's folder, whatever that is called.
    links = re.findall(r'href="([^"]*)"', listed)
    assert links and all(link.startswith("./javascript%3Aalert") for link in links)
    with closing(page.get(f"/wsoak/{links[0].removeprefix('./')}")) as file:
        assert file.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/wsoak/a/secret.txt", "/wsoak/../run.json", "/wsoak/%2e%2e/run.json", "/wsoak/%2e/run.json"),
        *(
            "/wsoak/..%2fother/run.json",
            "/wsoak/a%2f..%2f../run.json",
            "/wsoak/a/..%2frun.json",
            "/wsoak/%5c../run.json",
        ),
        *(
            "/wsoak/a%00/run.json",
            "/wsoak/a/run.json%00",
            "/wsoak//run.json",
            "/wsoak/A/run.json",
            "/wsoak/a./run.json",
        ),
    ],
)
def test_only_a_runs_own_files_are_served(page: FlaskClient, tmp_path: Path, path: str) -> None:
    for folder in (tmp_path, tmp_path / "other", tmp_path / "reports", tmp_path / "reports" / "a"):
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text("{}")
        (folder / "secret.txt").write_text("secret")
    assert page.get(path).status_code == 404
    with closing(page.get("/wsoak/a/run.json")) as served:
        assert served.status_code == 200
