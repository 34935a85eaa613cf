"""The files that a browser is given: what they must not hold, and words that others have, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scenarios.screens
from analysis.reduction.lost import WORDS

PAGES = Path(scenarios.screens.__file__).parent / "pages"
SCRIPTS = sorted(PAGES.glob("*.js"))


def text_of(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_of_text(script: Path) -> None:
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b", script.read_text()
    )


@pytest.mark.parametrize("page", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_no_file_names_another_address_than_its_neighbours(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', "")
    assert not re.findall(r"https?:|//[a-z]+\.|url\(|\bfrom \"(?!\./)", text)


@pytest.mark.parametrize("page", ["live.html", "runs.html"])
def test_no_page_has_script_or_style_of_its_own_which_its_policy_would_refuse(page: str) -> None:
    assert not re.findall(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", text_of(page))


def test_the_rungs_are_told_in_the_words_of_the_report() -> None:
    table = text_of("words.js").split("RUNGS = {", 1)[1].split("};", 1)[0]
    assert dict(re.findall(r'(\w+): "([^"]+)"', table)) == dict(WORDS)


def test_each_part_that_the_script_fills_is_on_the_page() -> None:
    filled = set(re.findall(r'(?:text|write|at)\("([\w-]+)"', text_of("live.js")))
    assert len(filled) > 10
    assert not {name for name in filled if f'id="{name}"' not in text_of("live.html")}
