"""The page about the stand-in names everything that there is."""

from __future__ import annotations

import re

from standin.evidence.truth import FIELDS
from standin.faults import FAULTS
from standin.options import _parser
from standin.session.replies import _HANDLERS
from standin.settings import QUIRKS
from tests.standin.serving import ROOT

PAGE = (ROOT / "docs" / "standin.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[str]:
    """The names in the first column of a section's table."""
    return re.findall(r"^\| `([^`]+)`", section(title), re.MULTILINE)


def test_every_fault_has_a_row() -> None:
    assert rows("Faults") == list(FAULTS)


def test_every_quirk_has_a_row() -> None:
    assert rows("Quirks") == list(QUIRKS)


def test_every_field_of_the_truth_has_a_row() -> None:
    assert rows("The ground truth") == list(FIELDS)


def test_every_message_type_is_named() -> None:
    assert not {kind for kind in _HANDLERS if f"`{kind}`" not in section("What it serves")}


def test_every_option_is_named() -> None:
    options = {option for option in _parser()._option_string_actions if option.startswith("--")} - {"--help"}
    assert not {option for option in options if f"`{option}`" not in section("Starting and ending it")}


def test_every_way_to_end_is_named() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "standin").rglob("*.py")))
    ends = set(re.findall(r'(?:end|ending|_cut|close)[(,]\s*"([a-z_]+)"', sources))
    assert {"auth_refused", "client_close", "lifetime_cut", "restart"} <= ends
    assert not {end for end in ends if f"`{end}`" not in section("The ground truth")}
