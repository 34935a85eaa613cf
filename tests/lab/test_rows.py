"""The table of the lab is whole: every row can be run, has its control, and knows what it expects."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from analysis.claims import registry
from lab.page import told
from lab.parts import CERTIFICATES
from lab.rows import BY_NAME, IN_CI, ROWS, Row
from scenarios.options import OPTIONS
from tests.conftest import ROOT
from tests.kit import trouble
from tests.kit.proxies import Nginx
from tests.kit.servers import MAKERS

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
        assert control.setup.maker == row.setup.maker
        assert (control.setup.spell is None) is (row.setup.spell is None)
    else:
        assert not row.expected.right | row.expected.also


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_row_names_claims_modes_certificates_and_options_that_there_are(row: Row) -> None:
    assert row.expected.right | row.expected.also <= set(registry.names())
    assert row.setup.mode in {"", *MAKERS[row.setup.maker].modes}
    assert row.setup.certificate in {"", *CERTIFICATES}
    flags = {word for word in row.load if word.startswith("--")}
    assert flags <= LOCUST | {option.flag for option in OPTIONS}


def test_what_runs_in_ci_runs_with_its_controls() -> None:
    assert {BY_NAME[name].control for name in IN_CI} - {""} <= set(IN_CI)


@pytest.mark.parametrize("maker", MAKERS)
def test_every_mode_of_a_server_is_in_the_table(maker: str) -> None:
    assert {row.setup.mode for row in ROWS if row.setup.maker == maker} - {""} == MAKERS[maker].modes


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_what_happens_in_mid_run_happens_within_the_run_and_to_a_part_that_is_there(row: Row) -> None:
    # An option that is given twice holds as it was given last.
    run_s = [float(value.removesuffix("s")) for flag, value in pairwise(row.load) if flag == "--run-time"][-1]
    setup = row.setup
    if setup.spell is not None:
        assert setup.proxy is None and not setup.certificate
        assert setup.spell.from_s + (setup.spell.for_s or 0) < run_s
    if setup.reload_at_s is not None:
        assert isinstance(setup.proxy, Nginx)
        assert setup.proxy.shutdown_timeout_s is not None
        assert setup.reload_at_s + setup.proxy.shutdown_timeout_s < run_s


def test_all_that_befalls_the_way_has_a_row() -> None:
    troubles = {id(row.setup.spell.trouble) for row in ROWS if row.setup.spell is not None}
    assert {id(one) for one in vars(trouble).values() if isinstance(one, trouble.Trouble)} == troubles


def test_the_page_has_the_rows_of_the_table() -> None:
    page = Path(ROOT / "docs" / "attribution.md").read_text(encoding="utf-8")
    listed = [tuple(line.strip("| \n").split(" | ")[:5]) for line in page.splitlines() if line.startswith("| ")]
    assert listed[1:] == [told(row) for row in ROWS], "run: make lab"
