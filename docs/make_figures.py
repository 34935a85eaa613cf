"""`make figures`: the pictures of the docs, from the code and from a run.

    python docs/make_figures.py [reports/<run>]

Draws docs/pipeline.svg, docs/session-states.svg (from the table of transitions itself) and, with a run,
docs/report.png and docs/live.png (its report and its live page, in Chromium).
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scenarios.session.states import TRANSITIONS, State  # noqa: E402 - the folder is not installed

DOCS = ROOT / "docs"
STYLE = (
    "<style>text{font:14px system-ui,sans-serif;fill:#222}.small{font-size:12px;fill:#555}"
    "rect{fill:#eef3f8;stroke:#47698c;rx:6}path{fill:none;stroke:#47698c;stroke-width:1.4}"
    "@media (prefers-color-scheme:dark){text{fill:#eee}.small{fill:#bbb}rect{fill:#223447;stroke:#8fb3d9}"
    "path{stroke:#8fb3d9}}</style>"
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" style="fill:#47698c;stroke:none"/></marker></defs>'
)

# (title, what it is, its rooms): the packages in the direction of the data.
PIPELINE = (
    ("locustfile.py", "who, which arms", "experiment/ options/", "credentials/ control/"),
    ("scenarios/", "sessions on sockets", "session/ protocols/", "clients/ relay/ probes/"),
    ("attempts/", "every wait a row", "spool/ store/"),
    ("reports/<run>/", "Parquet, run.json"),
    ("analysis/", "tables, claims", "runs/ reduction/ stats/", "comparison/ claims/"),
    ("verdict", "report, JUnit, notebook", "verdict/ report/"),
)


def svg(width: int, height: int, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{STYLE}{body}</svg>\n"
    )


def box(x: float, y: float, width: float, height: float, title: str, *small: str) -> str:
    middle = x + width / 2
    lines = (
        f'<text x="{middle}" y="{y + (20 if small else height / 2 + 5)}" text-anchor="middle">{escape(title)}</text>'
    )
    for number, line in enumerate(small):
        place = f'x="{middle}" y="{y + 38 + 16 * number}"'
        lines += f'<text class="small" {place} text-anchor="middle">{escape(line)}</text>'
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>{lines}'


def arrow(d: str) -> str:
    return f'<path d="{d}" marker-end="url(#a)"/>'


def pipeline() -> str:
    width, gap, height = 152, 22, 82
    below, middle = 10 + height, 10 + height / 2
    parts = []
    for number, (title, *small) in enumerate(PIPELINE):
        x = 8 + number * (width + gap)
        parts.append(box(x, 10, width, height, title, *small))
        if number:
            parts.append(arrow(f"M{x - gap},{middle} H{x - 2}"))
    sessions, report = 8 + 1 * (width + gap), 8 + 3 * (width + gap)
    parts.append(box(sessions, below + 50, width, 50, "staging, standin/", "the target"))
    parts.append(arrow(f"M{sessions + width / 2 - 10},{below} V{below + 48}"))
    parts.append(arrow(f"M{sessions + width / 2 + 10},{below + 50} V{below + 2}"))
    parts.append(arrow(f"M{sessions + width},{below + 75} H{report + width / 2} V{below + 2}"))
    parts.append(
        f'<text class="small" x="{sessions + width + 12}" y="{below + 92}">its log, the stand-in\'s truth</text>'
    )
    return svg(8 + len(PIPELINE) * (width + gap), below + 115, "".join(parts))


def session_states() -> str:
    """The states in the order of the table, each with the events that leave it."""
    states = list(State)
    width, height, gap = 150, 34, 22
    place = {state: 10 + number * (height + gap) for number, state in enumerate(states)}
    parts = []
    for state in states:
        y = place[state]
        parts.append(box(10, y, width, height, state.name))
        onward = {event: to for event, to in TRANSITIONS[state].items() if to is not State.CLOSED}
        ends = sorted(event.value for event, to in TRANSITIONS[state].items() if to is State.CLOSED)
        for number, (event, to) in enumerate(sorted(onward.items(), key=lambda item: place[item[1]])):
            if place[to] == y + height + gap:
                parts.append(arrow(f"M{60},{y + height} V{place[to] - 2}"))
                parts.append(f'<text class="small" x="68" y="{y + height + 15}">{escape(event.value)}</text>')
            else:
                x = 180 + 70 * number
                parts.append(arrow(f"M160,{y + height / 2} H{x} V{place[to] + height / 2} H162"))
                end = place[to] + height / 2
                parts.append(f'<text class="small" x="{x + 4}" y="{end + 4}">{escape(event.value)}</text>')
        if ends:
            text = "to CLOSED by: " + ", ".join(ends)
            parts.append(f'<text class="small" x="400" y="{y + height / 2 + 4}">{escape(text)}</text>')
    return svg(790, 20 + len(states) * (height + gap), "".join(parts))


def report_picture(run: Path) -> None:
    from tests.browser import NAMES, browser_page

    if not (run / "report.html").is_file():
        raise SystemExit(
            f"{run} has no report.html: run python -m analysis {run} first ({', '.join(NAMES)} is needed)."
        )
    with browser_page() as page:
        page.set_viewport_size({"width": 1100, "height": 1300})
        page.goto((run / "report.html").resolve().as_uri())
        page.wait_for_timeout(1500)  # Plotly draws
        page.screenshot(path=str(DOCS / "report.png"))


def live_picture(run: Path) -> None:
    from scenarios.screens.web_start import Phase
    from tests.browser import browser_page
    from tests.system.test_live_page import served

    with served(run.parent) as pages, browser_page() as page:
        pages.soak.now, pages.soak.folder = Phase.IDLE, run
        page.set_viewport_size({"width": 1100, "height": 1250})
        page.goto(pages.url + "live")
        page.locator("#tiles").get_by_text("Judged attempts").wait_for()
        page.screenshot(path=str(DOCS / "live.png"))


def main() -> None:
    (DOCS / "pipeline.svg").write_text(pipeline(), encoding="utf-8")
    (DOCS / "session-states.svg").write_text(session_states(), encoding="utf-8")
    if len(sys.argv) > 1:
        report_picture(Path(sys.argv[1]))
        live_picture(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
