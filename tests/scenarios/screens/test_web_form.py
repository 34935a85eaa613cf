from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, Flask, render_template_string
from werkzeug.datastructures import MultiDict

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS
from scenarios.screens.web_form import add_to_form, completed, field_of, groups, with_choices

STANDIN = "ws://127.0.0.1:1/ws"
PAGE = "<body>{{ template_args|tojson }}</body>"


class FakeWebUi:
    """Locust's, as far as its start page goes."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.template_args: dict[str, Any] = {}
        self.update_template_args: Callable[[], None] = self.fill
        locust = Blueprint("locust", __name__)

        @locust.get("/")
        def index() -> str:
            self.update_template_args()
            return render_template_string(PAGE, template_args=self.template_args)

        @locust.get("/other")
        def other() -> str:
            return PAGE

        add_to_form(self, standin_url=lambda: STANDIN)
        self.app.register_blueprint(locust)

    def fill(self) -> None:
        self.template_args = {"extra_options": {option.name: facts(option.default) for option in OPTIONS if option.ui}}


def facts(default: object) -> dict[str, Any]:
    return {"default_value": default, "help_text": "", "is_multiple": False, "choices": None}


def said(text: str) -> Mapping[str, Any]:
    """What the page tells the script."""
    found = re.search(r'id="wsoak-form">(.*?)</script>', text)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def test_the_page_has_the_groups_the_standin_and_the_script_and_no_other_page_has() -> None:
    client = FakeWebUi().app.test_client()
    text = client.get("/").text
    told = said(text)
    assert [group["title"] for group in told["groups"]][:2] == ["What users do", "Arms of the experiment"]
    assert STANDIN in told["standin"]
    assert text.endswith('<script src="./wsoak/start_form.js"></script></body>')
    assert '<script src="./wsoak/why_note.js"></script>' in text  # which `web_pages` serves
    assert "wsoak-form" not in client.get("/other").text
    script = client.get("/wsoak/start_form.js")
    assert script.mimetype == "text/javascript"
    assert "wsoak-form" in script.text
    script.close()


def test_the_fields_of_a_group_come_together() -> None:
    text = FakeWebUi().app.test_client().get("/").text
    places = [text.index(f'"{name}": {{') for group in said(text)["groups"] for name in group["fields"]]
    assert places == sorted(places)


def test_every_field_is_in_one_group_and_the_last_are_folded() -> None:
    fields = [name for group in groups() for name in group["fields"]]
    assert sorted(fields) == sorted(option.name for option in OPTIONS if option.ui)
    folded = [group["folded"] for group in groups()]
    assert folded[0] is False
    assert folded[-1] is True
    assert folded == sorted(folded)


def test_nothing_that_the_page_is_told_can_end_its_element(monkeypatch: pytest.MonkeyPatch) -> None:
    ui = FakeWebUi()
    hostile = "</script><script>alert(1)</script>"
    monkeypatch.setattr("scenarios.screens.web_form.groups", lambda: [{"title": hostile, "fields": [], "folded": True}])
    text = ui.app.test_client().get("/").text
    assert hostile not in text
    assert said(text)["groups"][0]["title"] == hostile


def test_names_that_an_option_may_take_are_choices() -> None:
    given = {name: facts(default) for name, default in (("client", "a, b"), ("ip_version", "any"), ("pace_s", "1"))}
    found = with_choices(given)
    assert found["client"]["is_multiple"] is True
    assert found["client"]["default_value"] == ["a", "b"]
    assert "websocket-client" in found["client"]["choices"]
    assert found["ip_version"]["is_multiple"] is False
    assert found["ip_version"]["default_value"] == "any"
    assert found["pace_s"] == given["pace_s"]
    assert given["client"]["choices"] is None


def test_a_mix_with_weights_stays_text() -> None:
    assert with_choices({"scenario": facts("steady=6")})["scenario"]["choices"] is None


def test_several_names_are_one_value_and_an_empty_host_is_the_standin() -> None:
    form = MultiDict([("client", "a"), ("client", "b"), ("host", ""), ("seed", "1")])
    found = completed(form, standin_url=lambda: STANDIN)
    assert found.to_dict(flat=False) == {"client": ["a,b"], "host": [STANDIN], "seed": ["1"]}
    named = completed(MultiDict({"host": "ws://h/ws"}), standin_url=lambda: STANDIN)
    assert named["host"] == "ws://h/ws"
    assert "host" not in completed(MultiDict({"seed": "1"}), standin_url=lambda: STANDIN)


def test_a_list_of_which_the_whole_form_says_nothing_is_empty() -> None:
    fields = {option.name: "1" for option in OPTIONS if option.ui}
    del fields["client"]
    whole = completed(MultiDict(fields), standin_url=lambda: STANDIN)
    assert whole["client"] == ""
    assert whole["mitigation"] == "1"
    with pytest.raises(ConfigError, match="--client is '', but it must be at least one of websocket-client") as refusal:
        {option.name: option for option in OPTIONS}["client"].read("--client", whole["client"])
    assert field_of(str(refusal.value)) == "client"
    del fields["seed"]  # a program's: what it does not name stays as it is
    assert "client" not in completed(MultiDict(fields), standin_url=lambda: STANDIN)


@pytest.mark.parametrize(
    ("sentence", "field"),
    [
        ("--exchange-budget-s is '-1', but it must be a number above 0.", "exchange_budget_s"),
        ("--users is 0, but a soak takes 1 or more.", "user_count"),
        ("--run-time is 'x', but it must be a time.", "run_time"),
        ("--host 'x' must be a ws URL: tokens come from --token-source.", "host"),
        ("'h' is not an allowed target: if you may load it, set SOAK_ALLOWED_HOSTS=h.", "host"),
        ("--reports-dir can only be set on the command line, not in the web form.", None),
        ("No worker is connected: start some with locust --worker first.", None),
    ],
)
def test_a_refusal_is_about_the_field_of_the_first_option_that_it_names(sentence: str, field: str | None) -> None:
    assert field_of(sentence) == field


def test_no_field_of_the_form_holds_a_secret_or_a_path_of_this_machine() -> None:
    shown = [option.name for option in OPTIONS if option.ui]
    assert not [name for name in shown if re.search("secret|password|key_file|token_source|_dir", name)]
    locked = [replace(option, ui=False) for option in OPTIONS]
    assert groups(locked) == []
