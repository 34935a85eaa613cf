"""Plotly's words for colours, dashes, symbols and text in Matplotlib's."""

from __future__ import annotations

import pytest

from analysis.report.stills.paint import colour_of, dash_of, number_words, symbol_of, text_of


def test_colours_are_hex_codes_or_have_an_opacity() -> None:
    assert colour_of("#3b8fd6") == "#3b8fd6"
    assert colour_of("rgba(255, 0,51,0.5)") == (1.0, 0.0, 0.2, 0.5)


def test_dashes_and_symbols() -> None:
    assert (dash_of(None), dash_of("dot")) == ("-", ":")
    assert symbol_of(None) == ("o", True)
    assert symbol_of("circle-open") == ("o", False)
    assert symbol_of("x-thin") == ("x", False)


def test_breaks_are_lines_and_no_name_is_hidden() -> None:
    assert text_of("a<br>b") == "a\nb"
    assert text_of("_private") == " _private"
    assert text_of(None) == ""


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [
        (0.0125, ".2~%", "1.25%"),
        (0.5, ".0%", "50%"),
        (0.0, ".3~%", "0%"),
        (1.5, None, "1.5"),
    ],
)
def test_numbers_are_written_as_the_axis_asks(value: float, form: str | None, words: str) -> None:
    assert number_words(value, form) == words
