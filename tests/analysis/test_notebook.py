"""The notebook is executed as a reader would, and shows what it was committed with; others see its pictures, too."""

from __future__ import annotations

import ast
import base64
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

with warnings.catch_warnings():
    # Jupyter's client warns of its own event loop and of its own future.
    warnings.simplefilter("ignore")
    from docs import make_notebook

LONGEST_CELL = 7  # lines: a notebook that reads as prose


def outputs(notebook: Any) -> list[tuple[int, dict[str, str]]]:
    """What is shown below each cell, in each form; printed text as `text/plain`."""
    return [
        (number, {"text/plain": output["text"]} if output.output_type == "stream" else dict(output.get("data", {})))
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
    ]


@pytest.fixture(scope="module")
def committed() -> Any:
    return nbformat.read(make_notebook.NOTEBOOK, as_version=4)


def test_it_begins_with_the_three_lines_and_its_cells_are_short_and_hold_no_helpers(committed: Any) -> None:
    cells = [cell.source for cell in committed.cells if cell.cell_type == "code"]
    assert cells[0].endswith("run.answer")
    assert max(len(cell.splitlines()) for cell in cells) <= LONGEST_CELL
    held = [type(node) for cell in cells for node in ast.walk(ast.parse(cell))]
    assert not {ast.FunctionDef, ast.ClassDef, ast.For, ast.Lambda} & set(held)


def test_what_it_was_committed_with_has_pictures_that_run_no_script_and_names_no_machine(committed: Any) -> None:
    shown = outputs(committed)
    pictures = [base64.b64decode(forms["image/png"]) for _, forms in shown if "image/png" in forms]
    assert len(pictures) == 5 and all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert not any(make_notebook.INTERACTIVE in forms for _, forms in shown)
    text = make_notebook.NOTEBOOK.read_text(encoding="utf-8")
    assert "/tmp/" not in text and str(make_notebook.ROOT) not in text
    assert len(text) < 400_000


def test_others_see_the_pictures_in_a_page_made_of_it(committed: Any) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(committed)
    assert page.count('src="data:image/png;base64,') == 5
    assert "Why do attempts time out?</b>" in page


@pytest.mark.slow
@pytest.mark.timeout(300)  # a kernel starts, on a machine that may be busy
def test_executed_again_it_shows_the_same(committed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_notebook.simulated(tmp_path)
    monkeypatch.setenv("WSOAK_RUN", str(run))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = make_notebook.executed(run)
    now, then = outputs(notebook), outputs(committed)
    # If this fails because of a change that is meant: `make notebook`.
    assert [(cell, forms["text/plain"]) for cell, forms in now] == [(cell, forms["text/plain"]) for cell, forms in then]
    assert [set(forms) - {make_notebook.INTERACTIVE} for _, forms in now] == [set(forms) for _, forms in then]
    answer = now[0][1]["text/plain"]
    assert answer.startswith("Why do attempts time out? The client's platform under network latency.")
