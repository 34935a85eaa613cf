"""The table of the lab is whole: every row can be run, has its control, and knows what it expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.claims import registry
from lab.page import told
from lab.parts import CERTIFICATES
from lab.rows import BY_NAME, IN_CI, ROWS, Row
from scenarios.options import OPTIONS
from tests.conftest import ROOT
from tests.kit.echo_server import MODES

LOCUST = {"--users", "--spawn-rate", "--run-time"}


def name_of(row: Row) -> str:
    return row.name


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_is_a_control_or_has_one_of_the_same_part(row: Row) -> None:
    assert bool(row.fault) == bool(row.control)
    if row.control:
        control = BY_NAME[row.control]
        assert not control.fault
        assert control.part == row.part
        assert type(control.setup.proxy) is type(row.setup.proxy)
    else:
        assert not row.expected.right | row.expected.also


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_names_claims_modes_certificates_and_options_that_there_are(row: Row) -> None:
    assert row.expected.right | row.expected.also <= set(registry.names())
    assert row.setup.mode in {"", *MODES}
    assert row.setup.certificate in {"", *CERTIFICATES}
    flags = {word for word in row.load if word.startswith("--")}
    assert flags <= LOCUST | {option.flag for option in OPTIONS}


def test_what_runs_in_ci_runs_with_its_controls() -> None:
    assert {BY_NAME[name].control for name in IN_CI} - {""} <= set(IN_CI)


def test_every_mode_of_the_server_is_in_the_table() -> None:
    assert {row.setup.mode for row in ROWS} - {""} == set(MODES)


def test_the_page_has_the_rows_of_the_table() -> None:
    page = Path(ROOT / "docs" / "attribution.md").read_text(encoding="utf-8")
    listed = [tuple(line.strip("| \n").split(" | ")[:5]) for line in page.splitlines() if line.startswith("| ")]
    assert listed[1:] == [told(row) for row in ROWS], "run: make lab"
