"""The web UI's additions: a guard on the start form, and a page that names the runs and opens their reports.

Locust's form checks nothing that wsoak asks for, sets any option that is posted to it, and answers any
site's scripts (its CORS setting reflects every origin). So a start is refused here, before Locust sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from flask import Flask, Response, abort, jsonify, render_template_string, request, send_from_directory

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS, Option
from scenarios.options.help import with_pointer
from scenarios.screens.web_access import refuse_foreign_host, refuse_foreign_origin, refuse_foreign_page
from scenarios.screens.web_runs import FILES, row_of
from scenarios.screens.web_start import Phase, Users, refuse_change, refuse_now, users_of

_NO_CLASSES: Final = "User classes cannot change while a run goes on: stop the run first."

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>wsoak runs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 :root { color-scheme: light dark }
 body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
 table { border-collapse: collapse; width: 100% } code { font-size: .9em }
 td, th { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884 }
 th, td.short, td.files a { white-space: nowrap } td { overflow-wrap: break-word }
 td.target { overflow-wrap: anywhere; min-width: 7rem }
 td.files a { display: inline-block; margin-right: .6rem } td.why { min-width: 18rem }
 @media (max-width: 700px) {
  thead { display: none } tr, td { display: block } tr { border-bottom: 1px solid #8884; padding: .6rem 0 }
  td { border: 0; padding: .1rem 0 } td[data-label]::before { content: attr(data-label) ": "; opacity: .8 }
 }
</style>
<h1>wsoak runs</h1>
<p>{{ status }}</p>
<table><thead><tr><th scope="col">Began (UTC)</th><th scope="col">Target</th><th scope="col">Users</th>
<th scope="col">Length</th><th scope="col">Levels</th><th scope="col">Why do attempts time out?</th>
<th scope="col">Files</th></tr></thead><tbody>
{% for run in runs %}
<tr><td class="short">{{ run.date }}<br><code>{{ run.name }}</code></td>
<td class="target" data-label="Target">{{ run.target }}</td><td class="short" data-label="Users">{{ run.users }}</td>
<td class="short" data-label="Length">{{ run.length }}</td><td class="short" data-label="Levels">{{ run.verdict }}</td>
<td class="why">{{ run.first_line }}</td>
<td class="files">{% for file in run.files %}
<a href="./{{ run.name | urlencode }}/{{ file }}">{{ file }}</a>{% endfor %}</td></tr>
{% else %}<tr><td colspan="7">No run yet: start one on the <a href="../">main page</a>.</td></tr>
{% endfor %}</tbody></table></html>"""


def refuse_locked_option(form: Mapping[str, str], options: Sequence[Option] = OPTIONS) -> str | None:
    """Why a start form is refused: it sets an option that only the command line may set."""
    for option in options:
        if option.name in form and not option.ui:
            return f"{option.flag} can only be set on the command line, not in the web form."
    return None


class Soaking(Protocol):
    """What the pages ask of the run that this process leads."""

    def check_form(self, form: Mapping[str, str]) -> None:
        """Raises ConfigError when the posted start form cannot be run."""

    def status(self) -> str:
        """One sentence on what is going on now."""

    def phase(self) -> Phase:
        """What it is doing."""

    def options_now(self) -> Mapping[str, Any]:
        """Locust's options and wsoak's, as they are."""

    def change_users(self, users: Users) -> None:
        """Let the run go on with so many users; raises ConfigError when it cannot."""


def add_to_ui(app: Flask, *, reports: Path, soak: Soaking, hosts: Collection[str]) -> None:
    """Add the guard and the page of runs to Locust's Flask application.

    Args:
        app: `environment.web_ui.app`.
        reports: The folder of run folders.
        soak: What this process does.
        hosts: The names under which the UI may be asked, beside addresses and localhost.
    """

    @app.before_request
    def guard() -> Any:
        sentence = (
            refuse_foreign_host(request.host, hosts)
            or refuse_foreign_origin(request.headers.get("Origin"), request.host)
            or refuse_foreign_page(dict(request.headers))
        )
        if sentence is not None:
            return _refusal(sentence), 403
        if request.method == "POST" and request.path.endswith(("/swarm", "/user")):
            try:
                return _posted(soak, is_form=request.path.endswith("/swarm"))
            except ConfigError as error:
                return _refusal(str(error))
        return None

    # Flask goes through these from the last to the first: what Locust's CORS setting adds is taken away again.
    app.after_request_funcs.setdefault(None, []).insert(0, _without_cors)

    @app.route("/wsoak/")
    def runs() -> str:
        folders = sorted(run_folders(reports).values(), reverse=True)[:100]
        listed = [row_of(folder) for folder in folders]
        return render_template_string(_PAGE, runs=listed, status=soak.status())

    @app.route("/wsoak/<run>/<name>")
    def run_file(run: str, name: str) -> Any:
        folder = run_folders(reports).get(run)
        if folder is None or name not in FILES:
            abort(404)
        return send_from_directory(folder.resolve(), name)


def run_folders(reports: Path) -> dict[str, Path]:
    """The run folders by name. Whatever else a URL names, such as `..`, is none of them."""
    return {folder.name: folder for folder in reports.glob("*") if (folder / "run.json").is_file()}


def _posted(soak: Soaking, *, is_form: bool) -> Any:
    """The answer to a posted start form, or a change of a user class; None = Locust's own.

    Raises:
        ConfigError: It is refused.
    """
    phase = soak.phase()
    if phase is Phase.IDLE and not is_form:
        return None
    sentence = refuse_now(phase) or (refuse_locked_option(request.form) if is_form else None)
    if sentence is None and phase is Phase.RUNNING:
        sentence = refuse_change(request.form, soak.options_now()) if is_form else _NO_CLASSES
    if sentence is not None:
        raise ConfigError(sentence)
    if phase is Phase.IDLE:
        soak.check_form(request.form)
        return None
    users = users_of(request.form)
    if users is None:
        raise ConfigError("The number of users and the spawn rate must be numbers above 0.")
    # Not by Locust's own route: it would take away the timer of the run's end.
    soak.change_users(users)
    return jsonify({"success": True, "message": "Swarming started", "host": soak.options_now()["host"]})


def _refusal(sentence: str) -> Any:
    return jsonify({"success": False, "message": with_pointer(sentence)})


def _without_cors(response: Response) -> Response:
    """No page of another site reads an answer: the UI's own needs no permission."""
    for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
        del response.headers[name]
    return response
