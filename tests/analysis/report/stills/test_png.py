"""Figures are drawn without a browser, whatever stands in them."""

from __future__ import annotations

import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from analysis.report.figures.theme import BLUE, dress, empty
from analysis.report.stills.png import png


def shown(figure: go.Figure) -> Image.Image:
    return Image.open(io.BytesIO(png(figure))).convert("RGB")


def near(picture: Image.Image, wanted: str) -> int:
    """Pixels of about this colour."""
    colour = np.array([int(wanted[at : at + 2], 16) for at in (1, 3, 5)])
    away = np.abs(np.asarray(picture).astype(int) - colour).sum(axis=2)
    return int((away < 12).sum())


def bar(length: float, name: str = "a") -> go.Figure:
    figure = go.Figure()
    figure.add_bar(x=np.array([length]), y=[name], orientation="h", name=name, marker={"color": BLUE})
    figure.update_xaxes(range=[0, 10])
    return dress(figure, height=200)


def test_a_picture_has_the_figures_height_and_what_is_drawn_in_it() -> None:
    short, long = shown(bar(1)), shown(bar(9))
    assert short.size == (1260, 280)
    assert near(long, BLUE) > 4 * near(short, BLUE) > 1000
    assert short.getpixel((1250, 270)) == (255, 255, 255)


def test_names_are_text_whatever_they_are() -> None:
    for name in ("$\\frac{1}$", "_hidden", "<img src=x>", "\u4e16\u754c \u202e\x07", ""):
        assert near(shown(bar(5, name)), BLUE) > 1000


def test_a_figure_that_says_what_is_missing_shows_that() -> None:
    picture = np.asarray(shown(empty("No attempt was made.")).convert("L"))
    assert 200 < (picture < 150).sum() < 20_000
