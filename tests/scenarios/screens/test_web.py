from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient
from flask_cors import CORS

from scenarios.errors import ConfigError
from scenarios.screens.web import add_to_ui, refuse_locked_option
from scenarios.screens.web_live import Watched
from scenarios.screens.web_start import Phase, Users
from tests.scenarios.screens.live_documents import as_json, document

WRONG = "--exchange-budget-s is '-1', but it must be a number above 0."


class FakeSoak:
    """A process that leads runs, in one of its phases."""

    def __init__(self) -> None:
        self.now = Phase.IDLE
        self.users: list[Users] = []
        self.folder: Path | None = None
        self.refused = ""
        self.is_off = False

    def check_form(self, form: Mapping[str, str]) -> None:
        if form.get("exchange_budget_s") == "-1":
            raise ConfigError(WRONG)

    def status(self) -> str:
        return "No run has been started yet."

    def phase(self) -> Phase:
        return self.now

    def note_refused(self, sentence: str) -> None:
        self.refused = sentence

    def watched(self) -> Watched:
        return Watched(self.now, self.folder, self.refused, self.is_off)

    def standin_url(self) -> str:
        return "ws://127.0.0.1:1/ws"

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
    pointed = WRONG + " Help: python -m scenarios.options exchange-budget-s"
    assert answer == {"success": False, "message": pointed, "field": "exchange_budget_s"}


def test_the_live_page_says_why_a_start_was_refused(page: FlaskClient, soak: FakeSoak) -> None:
    page.post("/swarm", data={"exchange_budget_s": "-1"})
    answer = page.get("/wsoak/live.json").json
    assert answer is not None and (answer["state"], answer["refused"]) == ("refused", WRONG)
    soak.now, soak.refused = Phase.RUNNING, ""
    page.post("/swarm", data={"exchange_budget_s": "9"})
    assert soak.refused == ""  # a change of a run that goes on is no start


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
    links = re.findall(r'href="([^"]*)"', listed.partition("<tbody>")[2])
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


def live_run(reports: Path) -> Path:
    folder = reports / "soak-a"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"ended": "running"}')
    (folder / "live.json").write_bytes(as_json(document()))
    return folder


def test_the_live_page_asks_for_its_figures_by_a_relative_address(
    page: FlaskClient, tmp_path: Path, soak: FakeSoak
) -> None:
    soak.now, soak.folder = Phase.RUNNING, live_run(tmp_path / "reports")
    text = page.get("/wsoak/live").text
    assert 'src="live.js"' in text
    assert not re.findall(r'(?:href|src)="(?:/|https?:)', text)
    answer = page.get("/wsoak/live.json").json
    assert answer is not None
    assert (answer["state"], answer["live"]["timeouts"]) == ("running", 92)


def test_before_any_run_the_figures_are_none_and_no_error(page: FlaskClient) -> None:
    answer = page.get("/wsoak/live.json")
    assert answer.status_code == 200
    assert answer.json == {"state": "none", "refused": "", "is_off": False, "run": None, "live": None, "age_s": None}


@pytest.mark.parametrize("path", ["", "live", "live.json", "live.js", "wsoak.css"])
def test_pages_have_the_rules_of_the_others_and_may_run_and_ask_nothing_but_their_own(
    page: FlaskClient, path: str
) -> None:
    assert page.get(f"/wsoak/{path}", headers={"Host": "rebound.example"}).status_code == 403
    headers = page.get(f"/wsoak/{path}").headers
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_the_run_that_goes_on_is_the_first_of_the_list_and_leads_to_the_live_page(
    page: FlaskClient, tmp_path: Path, soak: FakeSoak
) -> None:
    soak.folder = live_run(tmp_path / "reports")
    for name in ("soak-b", "soak-0"):
        (tmp_path / "reports" / name).mkdir()
        (tmp_path / "reports" / name / "run.json").write_text("{}")
    text = page.get("/wsoak/").text
    assert re.findall(r"<code>([^<]+)</code>", text) == ["soak-a", "soak-b", "soak-0"]
    assert text.index('<a href="live">live page</a>') < text.index("soak-b")


def test_the_link_to_the_report_leads_to_the_last_runs_and_until_it_is_there_to_the_live_page(
    page: FlaskClient, tmp_path: Path, soak: FakeSoak
) -> None:
    assert page.get("/wsoak/report").location == "live"
    soak.folder = live_run(tmp_path / "reports")
    (soak.folder / "report.html").write_text("<p>report</p>")
    assert page.get("/wsoak/report").location == "soak-a/report.html"


def test_under_a_base_path_and_behind_a_login_the_pages_are_where_locusts_are(tmp_path: Path, soak: FakeSoak) -> None:
    app = Flask(__name__)

    def protect(view: Callable[..., Any]) -> Callable[..., Any]:
        return functools.wraps(view)(lambda **_: Response("log in", 401))

    @app.get("/locust/stats/requests")
    def statistics() -> Response:
        return jsonify({"stats": []})

    reports = tmp_path / "reports"
    add_to_ui(app, reports=reports, soak=soak, hosts=(), base_path="/locust", protect=protect)
    client = app.test_client()
    for path in ("", "live", "live.json", "live.js", "report", "a/run.json"):
        assert client.get(f"/locust/wsoak/{path}").status_code == 401
    assert client.get("/wsoak/").status_code == 404
    soak.now = Phase.RUNNING
    for path in ("swarm", "user"):
        assert client.post(f"/locust/{path}", data={"user_count": "5", "spawn_rate": "5"}).status_code == 401
    assert soak.users == []  # who has not logged in changes no run
    answer = client.get("/locust/stats/requests").json
    assert answer is not None and [table["key"] for table in answer["extended_stats"]] == ["why"]


def test_the_statistics_that_locust_gives_again_for_two_seconds_have_the_newest_lines(
    tmp_path: Path, soak: FakeSoak
) -> None:
    app = Flask(__name__)
    given: list[Response] = []

    @app.get("/stats/requests")
    def statistics() -> Response:
        given.append(given[0] if given else jsonify({"stats": []}))
        return given[-1]

    add_to_ui(app, reports=tmp_path / "reports", soak=soak, hosts=())
    client = app.test_client()

    def lines() -> list[str]:
        answer = client.get("/stats/requests").json
        assert answer is not None and answer["stats"] == []
        return [row["by"] for row in answer["extended_stats"][0]["data"]]

    assert lines() == ["", "More"]
    soak.folder = live_run(tmp_path / "reports")
    assert lines()[:2] == ["Why?", "All"]
    assert given[0].json == {"stats": []}
