"""Locust's start form as wsoak has it: in groups, with choices as choices, and a refusal at its field.

Locust's page is a React application that is built already, and takes one flat list of fields. Names that an option may
take are told to it as it expects them; for the rest a small script of ours (`start_form.js`) stands in its page, which
adds headings and notes beside its fields. Without the script the form works as Locust's own. Another (`why_note.js`)
says beside the Why tab what Locust's page does not ask for any more when a run has ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Protocol

from flask import Flask, Response, request, send_file
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from scenarios.options import OPTIONS, Option

SCRIPT: Final = Path(__file__).with_name("start_form.js")
# So many groups are open at first: what users do, and the experiment. The others are right for most runs.
_OPEN_GROUPS: Final = 2
_OF_LOCUST: Final[Mapping[str, str]] = {
    "--users": "user_count",
    "--spawn-rate": "spawn_rate",
    "--run-time": "run_time",
    "--host": "host",
}
_STYLE: Final = """
 .wsoak-group { margin: 0; font: 500 1rem/1.5 Roboto, Helvetica, Arial, sans-serif }
 .wsoak-group button { all: unset; box-sizing: border-box; cursor: pointer; width: 100%; padding: .4rem 0;
  border-bottom: 1px solid #8888 }
 .wsoak-group button:focus-visible { outline: 2px solid currentColor }
 .wsoak-group button::before { content: "▸ " } .wsoak-group button[aria-expanded=true]::before { content: "▾ " }
 [data-wsoak-folded] { display: none !important }
 .wsoak-note { margin: -1.5rem 0 0; font: .85rem/1.4 Roboto, Helvetica, Arial, sans-serif; overflow-wrap: anywhere }
 #wsoak-ended { margin: .8rem 0 0; border-left: 4px solid #ed6c02; padding-left: .6rem; overflow-wrap: anywhere;
  font: 1rem/1.5 Roboto, Helvetica, Arial, sans-serif }
 #wsoak-ended a { color: inherit }
 .wsoak-refusal { border-left: 4px solid #d32f2f; padding-left: .6rem; font-weight: 600 }
"""


class WebUi(Protocol):
    """What of Locust's `WebUI` is used here."""

    app: Flask
    template_args: dict[str, Any]
    update_template_args: Callable[[], None]


def add_to_form(web_ui: WebUi, *, standin_url: Callable[[], str], base_path: str = "") -> None:
    """Tell Locust's page the choices, and put the script and what it needs into it.

    Args:
        web_ui: Locust's `WebUI`.
        standin_url: Where the embedded stand-in is.
        base_path: Under which Locust serves its own pages (--web-base-path).
    """
    app, of_locust = web_ui.app, web_ui.update_template_args
    # The fields in our order, which has those of a group together.
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}

    def update_template_args() -> None:
        of_locust()
        web_ui.template_args["extra_options"] = with_choices(web_ui.template_args["extra_options"])

    web_ui.update_template_args = update_template_args

    @app.route(f"{base_path.rstrip('/')}/wsoak/start_form.js")
    def start_form() -> Response:
        return send_file(SCRIPT, mimetype="text/javascript")

    @app.after_request
    def with_form(response: Response) -> Response:
        if request.endpoint == "locust.index" and response.mimetype == "text/html":
            facts = {"groups": groups(), "standin": _standin_words(standin_url())}
            data = app.json.dumps(facts).replace("<", "\\u003c")  # nothing in it can end the element
            added = (
                f"<style>{_STYLE}</style>"
                f'<script type="application/json" id="wsoak-form">{data}</script>'
                '<script src="./wsoak/why_note.js"></script><script src="./wsoak/start_form.js"></script>'
            )
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{added}</body>"))
        return response


def groups(options: Sequence[Option] = OPTIONS) -> list[dict[str, Any]]:
    """The groups of the form with the fields of each, and whether they are folded at first."""
    shown = groupby((option for option in options if option.ui), lambda option: option.group)
    return [
        {"title": title, "fields": [option.name for option in members], "folded": at >= _OPEN_GROUPS}
        for at, (title, members) in enumerate(shown)
    ]


def with_choices(extra: Mapping[str, Any], options: Sequence[Option] = OPTIONS) -> dict[str, Any]:
    """Locust's facts of the form's fields, with the names that an option may take as choices.

    Its own parser must not know them: it would refuse several names in one value.
    """
    named = {option.name: option for option in options if _is_of_names(option)}
    found = dict(extra)
    for name in named.keys() & extra.keys():
        option, facts = named[name], dict(extra[name])
        facts |= {"choices": list(option.choices), "is_multiple": option.takes_many, "help_text": option.help}
        if option.takes_many:
            facts["default_value"] = [part.strip() for part in str(facts["default_value"]).split(",")]
        found[name] = facts
    return found


def completed(
    form: MultiDict[str, str], *, standin_url: Callable[[], str], options: Sequence[Option] = OPTIONS
) -> ImmutableMultiDict[str, str]:
    """A posted form as Locust takes it: several names of an option as one value, and the stand-in for an empty host.

    Of a list in which nothing is chosen the page posts nothing at all, and Locust keeps what it had. In a form that has
    all other fields such a list is empty; whoever posts some fields only, by a program, means the others as they are.
    """
    many = {option.name for option in options if option.takes_many}
    values: dict[str, str | list[str]] = {
        name: ",".join(given) if name in many else given for name, given in form.lists()
    }
    lists = {option.name for option in options if option.ui and option.takes_many and _is_of_names(option)}
    if {option.name for option in options if option.ui} - lists <= form.keys():
        values |= dict.fromkeys(lists - values.keys(), "")
    if form.get("host") == "":
        values["host"] = standin_url()
    return ImmutableMultiDict(values)


def field_of(sentence: str, options: Sequence[Option] = OPTIONS) -> str | None:
    """The field of the form that a refusal is about: that of the first option it names; None: of no field."""
    fields = {**{option.flag: option.name for option in options if option.ui}, **_OF_LOCUST}
    named = re.findall(r"(?<![\w-])--[a-z][a-z-]*", sentence)
    if not named and "is not an allowed target" in sentence:
        return "host"
    return next((fields[flag] for flag in named if flag in fields), None)


def _is_of_names(option: Option) -> bool:
    """Whether a value is names of a list and nothing else; a mix has weights beside them."""
    return bool(option.choices) and set(option.default_text.split(",")) <= set(option.choices)


def _standin_words(url: str) -> str:
    return f"Empty, or {url}: the embedded stand-in, a server of wsoak's own, whose faults are options below."
