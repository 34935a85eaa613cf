"""The web UI's additions: a guard on the start form, lines for the Why tab, and wsoak's own pages.

Locust's form checks nothing that wsoak asks for, sets any option that is posted to it, and answers any
site's scripts (its CORS setting reflects every origin). So a start is refused here, before Locust sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from flask import Flask, Response, jsonify, request

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS, Option
from scenarios.options.help import with_pointer
from scenarios.screens.live_file import LiveFile
from scenarios.screens.web_access import refuse_foreign_host, refuse_foreign_origin, refuse_foreign_page
from scenarios.screens.web_form import completed, field_of
from scenarios.screens.web_pages import Showing, View, pages
from scenarios.screens.web_start import Phase, Users, check_load, refuse_change, refuse_now, users_of
from scenarios.screens.why_tab import WhyTab

_NO_CLASSES: Final = "User classes cannot change while a run goes on: stop the run first."


def refuse_locked_option(form: Mapping[str, str], options: Sequence[Option] = OPTIONS) -> str | None:
    """Why a start form is refused: it sets an option that only the command line may set."""
    for option in options:
        if option.name in form and not option.ui:
            return f"{option.flag} can only be set on the command line, not in the web form."
    return None


class Soaking(Showing, Protocol):
    """What the pages ask of the run that this process leads."""

    def check_form(self, form: Mapping[str, str]) -> None:
        """Raises ConfigError when the posted start form cannot be run."""

    def phase(self) -> Phase:
        """What it is doing."""

    def standin_url(self) -> str:
        """Where the embedded stand-in listens, or would."""

    def note_refused(self, sentence: str) -> None:
        """A start was refused, for this reason."""

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
    protect: Callable[[View], View] = lambda view: view,
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
            return posted()
        return None

    # What is posted changes a run here already, before Locust's own route asks for a login.
    @protect
    def posted() -> Any:
        is_form = request.path.endswith("/swarm")
        if is_form:
            request.form = completed(request.form, standin_url=soak.standin_url)
        try:
            return _posted(soak, is_form=is_form)
        except ConfigError as error:
            if is_form and soak.phase() is Phase.IDLE:
                soak.note_refused(str(error))
            return _refusal(str(error))

    # Flask goes through these from the last to the first: what Locust's CORS setting adds is taken away again.
    app.after_request_funcs.setdefault(None, []).insert(0, _without_cors)

    why_tab = WhyTab()
    live_file = LiveFile()
    app.register_blueprint(
        pages(reports=reports, soak=soak, live_file=live_file, protect=protect), url_prefix=base_path
    )

    @app.after_request
    def with_why(response: Response) -> Response:
        if request.path != f"{base_path.rstrip('/')}/stats/requests" or response.status_code != 200:
            return response
        # Locust gives the same object for two seconds: it stays as it was.
        body = why_tab.added_to(response.get_data(), live_file.of(soak.watched().folder))
        return Response(body, status=200, headers=[(k, v) for k, v in response.headers if k != "Content-Length"])


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
    check_load(request.form)
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
    field = field_of(sentence)
    return jsonify({"success": False, "message": with_pointer(sentence), **({"field": field} if field else {})})


def _without_cors(response: Response) -> Response:
    """No page of another site reads an answer: the UI's own needs no permission."""
    for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
        del response.headers[name]
    return response
