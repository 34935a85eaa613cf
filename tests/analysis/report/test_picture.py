"""A figure shows itself in every form, and names in it are text in each."""

from __future__ import annotations

import base64
import json

import plotly.graph_objects as go

from analysis.report.figures.theme import dress
from analysis.report.picture import Picture

HOSTILE = "<img src=x onerror=alert(1)> $\\frac{1}$ _hidden \u202e\x07"


def hostile() -> Picture:
    figure = go.Figure()
    figure.add_scatter(x=[1, 2], y=["a", HOSTILE], name=HOSTILE, mode="markers")
    figure.update_xaxes(title_text=HOSTILE)
    return Picture(dress(figure))


def test_it_has_a_form_for_scripts_a_still_one_and_words() -> None:
    picture = hostile()
    forms, notes = picture._repr_mimebundle_()
    assert set(forms) == {"application/vnd.plotly.v1+json", "image/png", "text/plain"}
    assert base64.b64decode(forms["image/png"]) == picture.png
    assert forms["text/plain"].endswith("; 2, <img src=x onerror=alert(1)> $\\frac{1}$ _hidden \u202e\x07.")
    assert notes["image/png"]["width"] == 900


def test_markup_in_names_is_text_where_scripts_run() -> None:
    shown = json.dumps(hostile()._repr_mimebundle_()[0]["application/vnd.plotly.v1+json"])
    assert "<img" not in shown and "&lt;img" in shown


def test_the_figure_can_be_changed_before_it_is_shown() -> None:
    picture = hostile()
    picture.figure.update_layout(height=500)
    assert picture.png.startswith(b"\x89PNG")
