"""Each figure of the report is there for a notebook, from the verdict alone where that says enough."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

import analysis
from analysis.notebook import run as run_module
from analysis.notebook.plots import Plots
from tests.analysis.run_folders import attempts, health, write_run

NAMES = [name for name in vars(Plots) if not name.startswith("_")]


def test_the_question_and_the_claims_need_no_analysis(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "analyse", pytest.fail)
    plot = analysis.open_run(folder).plot
    lines = plot.timeouts().figure.data
    assert {line.name.split(" · ")[0] for line in lines} == {"Windows", "Linux"}
    assert sum(timeouts for line in lines for timeouts, *_ in line.customdata) == 12
    assert plot.claims().figure.data
    assert "could be estimated" in repr(plot.causes())


def test_they_name_themselves(folder: Path) -> None:
    assert all(f".{name}()" in repr(analysis.open_run(folder).plot) for name in NAMES)


@pytest.mark.slow
def test_an_analysed_run_has_every_figure_without_a_browser_and_the_numbers_of_its_verdict(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(1500, timeouts=0.03), vitals=health())
    run = analysis.open_run(folder)
    counted = run.timeouts()[["n", "timeouts"]].sum().to_list()
    assert counted == [run.verdict["attempts"], run.verdict["timeouts"]]
    assert counted[0] == run.verdict["counts"]["judged"] and counted[1] > 0
    for name in NAMES:
        forms, _ = getattr(run.plot, name)()._repr_mimebundle_()
        assert set(forms) == {"application/vnd.plotly.v1+json", "image/png", "text/plain"}
        picture = Image.open(io.BytesIO(base64.b64decode(forms["image/png"])))
        assert picture.width == 1260, name
        colours = picture.convert("RGB").getcolors(2**20)
        assert colours and len(colours) > 20, name  # not a white page
