"""The web UI's additions: a guard on the start form, and a page that names the runs and opens their reports.

Locust's form checks nothing that wsoak asks for, sets any option that is posted to it, and answers any
site's scripts (its CORS setting reflects every origin). So a start is refused here, before Locust sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, abort, jsonify, render_template_string, request, send_from_directory

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS, Option
from scenarios.options.help import with_pointer

_SERVED_FILES: Final = frozenset({"report.html", "verdict.json", "summary.md", "junit.xml", "run.json"})

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>wsoak runs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 :root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
 padding: 0 1rem } table { border-collapse: collapse; width: 100% }
 td, th { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884 } code { font-size: .9em }
</style>
<h1>wsoak runs</h1>
<p>{{ status }}</p>
<table><thead><tr><th>Run</th><th>State</th><th>Files</th></tr></thead><tbody>
{% for run in runs %}
<tr><td><code>{{ run.name }}</code></td><td>{{ run.state }}</td>
<td>{% for file in run.files %}<a href="{{ run.name }}/{{ file }}">{{ file }}</a> {% endfor %}</td></tr>
{% else %}<tr><td colspan="3">No run yet: start one on the <a href="../">main page</a>.</td></tr>
{% endfor %}</tbody></table></html>"""


def refuse_foreign_origin(origin: str | None, host: str) -> str | None:
    """Why a POST is refused: its `Origin` header is another site's; None if it may pass.

    A request without an `Origin` is no page's script (RFC 6454 section 7.3), such as curl.
    """
    if origin is None or urlsplit(origin).netloc == host:
        return None
    return f"The request comes from {origin!r}, not from this page: open the UI itself."


def refuse_locked_option(form: Mapping[str, str], options: Sequence[Option] = OPTIONS) -> str | None:
    """Why a start form is refused: it sets an option that only the command line may set."""
    for option in options:
        if option.name in form and not option.ui:
            return f"{option.flag} can only be set on the command line, not in the web form."
    return None


def add_to_ui(
    app: Flask, *, reports: Path, check: Callable[[Mapping[str, str]], None], status: Callable[[], str]
) -> None:
    """Add the guard and the page of runs to Locust's Flask application.

    Args:
        app: `environment.web_ui.app`.
        reports: The folder of run folders.
        check: Raises ConfigError when the posted start form cannot be run.
        status: One sentence on what is going on now.
    """

    @app.before_request
    def guard() -> Any:
        if request.method != "POST":
            return None
        sentence = refuse_foreign_origin(request.headers.get("Origin"), request.host)
        if sentence is None and request.path.endswith("/swarm"):
            sentence = refuse_locked_option(request.form)
            if sentence is None:
                try:
                    check(request.form)
                except ConfigError as error:
                    sentence = str(error)
        return None if sentence is None else jsonify({"success": False, "message": with_pointer(sentence)})

    @app.route("/wsoak/")
    def runs() -> str:
        folders = sorted((f for f in reports.glob("*") if (f / "run.json").is_file()), reverse=True)[:100]
        listed = [
            {
                "name": folder.name,
                "state": "analysed" if (folder / "verdict.json").is_file() else "not analysed",
                "files": sorted(name for name in _SERVED_FILES if (folder / name).is_file()),
            }
            for folder in folders
        ]
        return render_template_string(_PAGE, runs=listed, status=status())

    @app.route("/wsoak/<run>/<name>")
    def run_file(run: str, name: str) -> Any:
        if name not in _SERVED_FILES:
            abort(404)
        return send_from_directory((reports / run).resolve(), name)
