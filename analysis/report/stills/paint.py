"""Plotly's words for colours, dashes, symbols and text, as Matplotlib says them."""

from __future__ import annotations

import re
from typing import Any, Final

# As dark as on the report's own paper.
INK: Final = "#3d4651"
_RGBA: Final = re.compile(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)")
_DASHES: Final = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3))}
_SYMBOLS: Final = {
    "circle": "o",
    "circle-open": "o",
    "square": "s",
    "square-open": "s",
    "diamond": "D",
    "x-thin": "x",
}
_BREAK: Final = re.compile(r"<br\s*/?>")
_PERCENT: Final = re.compile(r"\.(\d+)(~?)%")

Colour = str | tuple[float, float, float, float]


def colour_of(text: str) -> Colour:
    """A colour of ours: a hex code, or `rgba(...)`."""
    found = _RGBA.fullmatch(text)
    if found is None:
        return text
    red, green, blue = (int(found[at]) / 255 for at in (1, 2, 3))
    return red, green, blue, float(found[4])


def dash_of(word: str | None) -> Any:
    """A line style; solid where nothing is said."""
    return _DASHES[word or "solid"]


def symbol_of(word: str | None) -> tuple[str, bool]:
    """A marker, and whether it is filled."""
    word = word or "circle"
    return _SYMBOLS[word], not word.endswith(("-open", "-thin"))


def text_of(text: str | None) -> str:
    """Text with its breaks as lines, and what begins with "_" shown as it is: Matplotlib hides such labels."""
    lines = _BREAK.sub("\n", text or "")
    return f" {lines}" if lines.startswith("_") else lines


def number_words(value: float, form: str | None) -> str:
    """A number as an axis writes it, in percent where the axis' format (`.2~%`) says so."""
    found = _PERCENT.fullmatch(form or "")
    if found is None:
        return f"{value:g}"
    # With "~" Plotly leaves out zeros that say nothing.
    return f"{round(100 * value, 6):.4g}%" if found[2] else f"{100 * value:.{found[1]}f}%"
