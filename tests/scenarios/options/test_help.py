"""The help: as wide as a terminal, every option once, and where a refusal points to."""

from __future__ import annotations

import re

import pytest

from scenarios.errors import ConfigError
from scenarios.options import OPTIONS
from scenarios.options.help import entries, help_text, options_named, page, with_pointer

HELP = "Help: python -m scenarios.options"


def test_the_help_is_at_most_80_columns_wide_and_names_every_option_once() -> None:
    lines = help_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert re.findall(r"^  (--\S+)  ", help_text(), re.MULTILINE) == [option.flag for option in OPTIONS]


def test_each_heading_is_there_once_in_the_help_and_on_the_page() -> None:
    groups = list(dict.fromkeys(option.group for option in OPTIONS))
    assert re.findall(r"^(\S.*):$", help_text(), re.MULTILINE) == groups
    assert re.findall(r"^## (.*)$", page(), re.MULTILINE) == groups


def test_the_page_has_a_row_an_option_with_what_the_form_may_set() -> None:
    rows = re.findall(r"^\| `(--\S+)` \| (\S+) \| (yes|no) \| (.+) \|$", page(), re.MULTILINE)
    assert rows == [
        (
            option.flag,
            f"`{option.default_text}`" if option.default_text else "-",
            "yes" if option.ui else "no",
            option.meaning,
        )
        for option in OPTIONS
    ]


@pytest.mark.parametrize("name", ["pace_s", "pace-s", "--pace-s", "PACE_S"])
def test_an_option_is_found_however_its_name_is_written(name: str) -> None:
    assert [option.name for option in options_named([name])] == ["pace_s"]


def test_the_options_that_are_asked_for_come_alone() -> None:
    text = entries(options_named(["run-id", "pace-s"]))
    assert re.findall(r"--[a-z-]+", text) == ["--pace-s", "--run-id"]
    assert text.startswith("What users do:\n  --pace-s ") and "\n\nThe run:\n  --run-id " in text


def test_an_unknown_name_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match=r"^'pase-s' is no option of wsoak: did you mean --pace-s.*\? `python -m"):
        options_named(["seed", "pase-s"])
    with pytest.raises(ConfigError, match=r"^'xyzzy' is no option of wsoak: `python -m"):
        options_named(["xyzzy"])


@pytest.mark.parametrize(
    ("sentence", "pointer"),
    [
        ("--pace-s is '-1', but it must be a number 0 or more.", f" {HELP} pace-s"),
        ("--use-proxy and --delay-ms do not go together.", f" {HELP} delay-ms use-proxy"),
        ("use --subjects 4 or more, or raise --connections-per-subject.", f" {HELP} subjects connections-per-subject"),
        ("--users is -1, but a soak takes 1 or more.", ""),
        ("--pace-s-not-ours and x--pace-s name no option of wsoak.", ""),
        ("The disk is full.", ""),
    ],
)
def test_a_refusal_points_to_the_help_of_the_options_that_it_names(sentence: str, pointer: str) -> None:
    assert with_pointer(sentence) == sentence + pointer
