"""The report as its readers see it: in a real browser, on three widths, by day and by night."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, TimeoutError

from analysis import cli
from tests.analysis.run_folders import attempts, health, manifest, write_run
from tests.browser import browser_page
from tests.conftest import ROOT
from tests.kit.node_packages import node_modules

WIDTHS = (390, 768, 1440)
# Kept after the test, to be looked at: what CI stores of a run.
PICTURES = ROOT / "build" / "screenshots"
DRAW_ALL = """document.querySelectorAll("[data-figure]").forEach((one) => {
  if (!one.dataset.drawn) { one.dataset.drawn = "yes"; draw(one, Plotly.newPlot); }
})"""
# Text in a drawing lies over shapes that axe cannot see through: it has the page's own ink on the page's own card.
AXE = 'axe.run({exclude: ["[data-figure]"]})'
# Room that a figure has is not more than the card's, and no tick's label leaves it.
CUT = """[...document.querySelectorAll("[data-figure]")].filter((figure) => {
  const box = figure.getBoundingClientRect();
  return [...figure.querySelectorAll("text")].some((text) => {
    const at = text.getBoundingClientRect();
    return at.width && (at.left < box.left - 1 || at.right > box.right + 1);
  });
}).map((figure) => figure.dataset.figure)"""


# What a sheet of A4 and one of Letter hold between the margins that a browser leaves.
SHEETS = {"A4": 718, "Letter": 740}
INKS = """({
  ink: getComputedStyle(document.body).color,
  paper: getComputedStyle(document.body).backgroundColor,
  drawn: [...new Set([...document.querySelectorAll("[data-figure] text")].map((one) => getComputedStyle(one).fill))],
})"""
UNBROKEN = """[...document.querySelectorAll("figure, tr, .card:not(.scroll)")].filter(
  (one) => getComputedStyle(one).breakInside !== "avoid").length"""


def printed(page: Page) -> list[str]:
    """What is wrong with the page on paper, printed from the dark screen that it is on."""
    wrong = []
    page.emulate_media(media="print")
    for sheet, width in SHEETS.items():
        page.set_viewport_size({"width": width, "height": 900})
        try:
            # Figures take their new width a moment after the sheet has it.
            page.wait_for_function(f"document.documentElement.scrollWidth <= {width}", timeout=10_000)
        except TimeoutError:
            wrong.append(f"{sheet}: the page is wider than the sheet")
    dark = "rgb(27, 34, 44)"
    if (found := page.evaluate(INKS)) != {"ink": dark, "paper": "rgb(255, 255, 255)", "drawn": [dark]}:
        wrong.append(f"on paper: {found}")
    if page.evaluate(UNBROKEN):
        wrong.append("on paper: a card may be cut between two sheets")
    page.pdf(path=str(PICTURES / "report.pdf"), format="A4")
    page.emulate_media(media="screen")
    return wrong


def test_report_is_whole_and_accessible_on_every_screen(tmp_path: Path) -> None:
    rows = attempts(3000, timeouts=0.03, hosts=3)
    rows["host"] = rows["host"].replace("host0", "<img src=x onerror=alert(1)>")
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health())
    assert cli.main([str(folder), "--annotate", "14:13", "<img src=x onerror=alert(1)>"]) == 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    wrong: list[str] = []
    with browser_page() as page:
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on(
            "request", lambda one: None if one.url.startswith(("file:", "data:", "blob:")) else wrong.append(one.url)
        )
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.goto((folder / "report.html").resolve().as_uri())
                page.evaluate(DRAW_ALL)
                where = f"{theme}, {width} px"
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    wrong.append(f"{where}: the page is wider than the screen")
                wrong += [f"{where}: a label of {figure} is cut" for figure in page.evaluate(CUT)]
                page.screenshot(path=str(PICTURES / f"report-{theme}-{width}.png"), full_page=True)
                page.evaluate(axe)
                found = page.evaluate(AXE)
                if theme == "dark" and width == WIDTHS[-1]:
                    wrong += printed(page)
                wrong += [
                    f"{where}: {one['id']} ({one['nodes'][0]['html'][:150]})"
                    for one in (*found["violations"], *found["incomplete"])
                    if one.get("impact") in ("serious", "critical")
                ]
    assert not wrong
