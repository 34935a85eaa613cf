"""The web UI's additions: a guard on the start form, the live page, the Why tab, and the list of runs and reports.

Locust's form checks nothing that wsoak asks for, sets any option that is posted to it, and answers any
site's scripts (its CORS setting reflects every origin). So a start is refused here, before Locust sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template_string,
    request,
    send_from_directory,
)

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS, Option
from scenarios.options.help import with_pointer
from scenarios.screens.live_file import LiveFile
from scenarios.screens.web_access import refuse_foreign_host, refuse_foreign_origin, refuse_foreign_page
from scenarios.screens.web_live import Watched, live_page
from scenarios.screens.web_runs import FILES, row_of
from scenarios.screens.web_start import Phase, Users, refuse_change, refuse_now, users_of
from scenarios.screens.why_tab import rows, with_rows

_View = Callable[..., Any]
_NO_CLASSES: Final = "User classes cannot change while a run goes on: stop the run first."

_PAGES: Final = Path(__file__).parent / "pages"
_SCRIPTS: Final = {path.name: path.read_bytes() for path in _PAGES.iterdir() if path.suffix in (".js", ".css")}
_RUNS, _LIVE = ((_PAGES / name).read_text(encoding="utf-8") for name in ("runs.html", "live.html"))
_MOST_RUNS: Final = 100
# Whatever a server calls itself, no page of ours runs another script than its own, or asks another machine.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


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

    def watched(self) -> Watched:
        """What it is doing, of which run."""

    def options_now(self) -> Mapping[str, Any]:
        """Locust's options and wsoak's, as they are."""

    def change_users(self, users: Users) -> None:
        """Let the run go on with so many users; raises ConfigError when it cannot."""


def add_to_ui(
    app: Flask,
    *,
    reports: Path,
    soak: Soaking,
    hosts: Collection[str],
    base_path: str = "",
    protect: Callable[[_View], _View] = lambda view: view,
) -> None:
    """Add the guard, the pages and the lines of the Why tab to Locust's Flask application.

    Args:
        app: `environment.web_ui.app`.
        reports: The folder of run folders.
        soak: What this process does.
        hosts: The names under which the UI may be asked, beside addresses and localhost.
        base_path: Under which Locust serves its own pages (--web-base-path).
        protect: Asks for a login where Locust's own pages do (--web-login).
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

    ours = Blueprint("wsoak", __name__, url_prefix=base_path or None)
    live_file = LiveFile()

    @ours.get("/wsoak/")
    @protect
    def runs() -> Response:
        current = soak.watched().folder
        named = current.name if current is not None else ""
        folders = run_folders(reports)
        # The one that goes on, or went last, first: its name may be anything.
        names = sorted(folders, key=lambda name: (name == named, name), reverse=True)[:_MOST_RUNS]
        listed = [row_of(folders[name]) for name in names]
        return _ours(render_template_string(_RUNS, runs=listed, status=soak.status(), live=named), "text/html")

    @ours.get("/wsoak/live")
    @protect
    def live() -> Response:
        return _ours(_LIVE, "text/html")

    @ours.get("/wsoak/live.json")
    @protect
    def live_json() -> Response:
        watched = soak.watched()
        return _ours(live_page(watched, live_file.of(watched.folder), now=time.time()), "application/json")

    @ours.get("/wsoak/report")
    @protect
    def report() -> Any:
        folder = soak.watched().folder
        has_one = folder is not None and (folder / "report.html").is_file()
        return redirect(f"{folder.name}/report.html" if folder is not None and has_one else "live")

    @ours.get(f"/wsoak/<any({', '.join(repr(name) for name in _SCRIPTS)}):name>")
    @protect
    def script(name: str) -> Response:
        return _ours(_SCRIPTS[name], "text/css" if name.endswith(".css") else "text/javascript")

    @ours.get("/wsoak/<run>/<name>")
    @protect
    def run_file(run: str, name: str) -> Any:
        folder = run_folders(reports).get(run)
        if folder is None or name not in FILES:
            abort(404)
        return send_from_directory(folder.resolve(), name)

    app.register_blueprint(ours)

    @app.after_request
    def with_why(response: Response) -> Response:
        if request.path != f"{base_path}/stats/requests" or response.status_code != 200:
            return response
        found = live_file.of(soak.watched().folder)
        # Locust gives the same object for two seconds: it stays as it was.
        body = with_rows(response.get_data(), rows(found.seen if found is not None else None))
        return Response(body, status=200, headers=[(k, v) for k, v in response.headers if k != "Content-Length"])


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


def _ours(body: str | bytes, kind: str) -> Response:
    return Response(body, content_type=f"{kind}; charset=utf-8", headers=_HEADERS)


def _refusal(sentence: str) -> Any:
    return jsonify({"success": False, "message": with_pointer(sentence)})


def _without_cors(response: Response) -> Response:
    """No page of another site reads an answer: the UI's own needs no permission."""
    for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
        del response.headers[name]
    return response
