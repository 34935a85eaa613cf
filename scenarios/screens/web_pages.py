"""wsoak's own pages: the live page, the list of runs, and what is in their folders.

All addresses on them are relative, so that any base path is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from flask import Blueprint, Response, abort, redirect, render_template_string, send_from_directory

from scenarios.screens.live_file import LiveFile
from scenarios.screens.web_live import Watched, live_page
from scenarios.screens.web_runs import FILES, row_of

View = Callable[..., Any]
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


class Showing(Protocol):
    """What the pages ask of the process that leads the runs."""

    def status(self) -> str:
        """One sentence on what is going on now."""

    def watched(self) -> Watched:
        """What it is doing, of which run."""


def pages(*, reports: Path, soak: Showing, live_file: LiveFile, protect: Callable[[View], View]) -> Blueprint:
    """The pages below `/wsoak/`.

    Args:
        reports: The folder of run folders.
        soak: What this process does.
        live_file: Reads the run's document.
        protect: Asks for a login where one is needed.
    """
    ours = Blueprint("wsoak", __name__)

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

    return ours


def run_folders(reports: Path) -> dict[str, Path]:
    """The run folders by name. Whatever else a URL names, such as `..`, is none of them."""
    return {folder.name: folder for folder in reports.glob("*") if (folder / "run.json").is_file()}


def _ours(body: str | bytes, kind: str) -> Response:
    return Response(body, content_type=f"{kind}; charset=utf-8", headers=_HEADERS)
