"""Contrast of the report's inks with what lies under them, computed: no tool can read it off a drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import orjson
import pytest

from analysis.report.figures.theme import INK, PALE, PURPLE, faded
from tests.conftest import ROOT

LEAST: Final = 4.5  # WCAG 2.2, 1.4.3: text of ordinary size
CSS: Final = (ROOT / "analysis" / "report" / "page" / "report.css").read_text(encoding="utf-8")
JS: Final = (ROOT / "analysis" / "report" / "page" / "report.js").read_text(encoding="utf-8")
CHIPS: Final = ("good", "bad", "warn", "idle", "found")


def colours(theme: str) -> dict[str, str]:
    """The page's colours on a light screen, a dark one, or on paper."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    printed = CSS.partition("@media print")[2].partition("}")[0]
    texts = {"light": [light], "dark": [light, dark], "print": [light, printed]}[theme]
    return {name: value for text in texts for name, value in re.findall(r"--([\w-]+): (#[0-9a-f]+)", text)}


def rgb(colour: str) -> tuple[float, ...]:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    return tuple(int(digits[at : at + 2], 16) for at in (0, 2, 4))


def over(shape: str, ground: tuple[float, ...]) -> tuple[float, ...]:
    """What one sees of `rgba(...)` on a ground."""
    *colour, opacity = (float(number) for number in re.findall(r"[\d.]+", shape))
    return tuple(opacity * one + (1 - opacity) * below for one, below in zip(colour, ground, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The ratio of WCAG 2.2."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_that_of_the_standard() -> None:
    assert contrast(rgb("#000"), rgb("#fff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#fff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_ink_of_the_page_can_be_read_on_its_ground(theme: str) -> None:
    found = colours(theme)
    pairs = [*product(("ink", "soft", "accent"), ("card", "paper")), *((name, f"{name}-bg") for name in CHIPS)]
    pairs += [("ink", "idle-bg"), *product(("good", "bad", "warn"), ("card",))]
    thin = {pair: round(contrast(*(rgb(found[name]) for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in thin.items() if ratio < LEAST} == {}


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("shape", [PALE, faded(PURPLE, 0.15)])
def test_words_in_a_figure_can_be_read_over_its_shaded_parts(theme: str, shape: str) -> None:
    found = colours(theme)
    assert contrast(rgb(found["ink"]), over(shape, rgb(found["card"]))) >= LEAST


def test_the_pages_ink_is_that_of_all_words_in_figures_on_a_screen_and_on_paper() -> None:
    assert re.search(r"font: \{ \.\.\.layout\.font, color: ink \}", JS)
    assert re.search(r"\[data-figure\] text \{ fill: var\(--ink\) !important", CSS.partition("@media print")[2])


def fonts(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each colour of a font in a figure, with where it stands."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if str(key).endswith("font") and isinstance(value, dict) and "color" in value:
            yield f"{path}.{key}", value["color"]
        yield from fonts(value, f"{path}.{key}")


def test_no_figure_gives_its_words_a_colour_of_their_own(page: str) -> None:
    drawn = [orjson.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page)]
    assert len(drawn) == 14
    assert {colour for figure in drawn for _, colour in fonts(figure)} == {INK}
    # Words in a bar would lie on the bar's colour.
    written = [trace for figure in drawn for trace in figure["data"] if "text" in trace.get("mode", "")]
    assert not written
    assert {t.get("textposition", "none") for f in drawn for t in f["data"] if t["type"] == "bar"} <= {
        "none",
        "outside",
    }
