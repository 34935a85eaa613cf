from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from analysis.report.terminal import COLUMNS, Look, look_of, pasted, screen_of, text
from analysis.verdict.answer import LABELS
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, RATES, verdict

SLO = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)
REPORT = Path("reports/run-1/report.html")
STYLES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("environ", "is_terminal", "columns", "look"),
    [
        ({}, False, 0, None),
        ({"CI": "true"}, True, 80, None),
        ({"CI": "true", "FORCE_COLOR": "1"}, False, 0, None),
        ({}, True, 72, Look(72, True)),
        ({}, True, 0, Look(COLUMNS, True)),
        ({}, True, 300, Look(100, True)),
        ({}, True, 7, Look(40, True)),
        ({"NO_COLOR": "1"}, True, 80, Look(80, False)),
        ({"TERM": "dumb"}, True, 80, Look(80, False)),
        ({"FORCE_COLOR": "1", "COLUMNS": "66"}, False, 0, Look(66, True)),
        ({"FORCE_COLOR": "1", "COLUMNS": "wide"}, False, 0, Look(COLUMNS, True)),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, 0, Look(COLUMNS, False)),
    ],
)
def test_a_terminal_is_told_from_a_log_and_asked_how_wide_it_is(
    environ: dict[str, str], is_terminal: bool, columns: int, look: Look | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "name", "posix")
    assert look_of(environ, is_terminal=is_terminal, columns=columns) == look


def test_a_windows_console_of_old_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert look_of({}, is_terminal=True, columns=80) == Look(80, False)
    assert look_of({"WT_SESSION": "x"}, is_terminal=True, columns=80) == Look(80, True)


@pytest.mark.parametrize("is_rich", [True, False])
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal_and_all_stand_on_one_screen(columns: int, is_rich: bool) -> None:
    shown = text(verdict(SLO), SLO, REPORT, Look(columns, is_rich))
    lines = STYLES.sub("", shown).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) <= 24 or columns < 80
    assert [label for label in LABELS if any(line.startswith(label) for line in lines)] == list(LABELS)
    assert lines[-1] == f"Report: {REPORT}"
    assert ("\x1b[" in shown) == is_rich


@pytest.mark.parametrize("is_rich", [True, False])
def test_a_narrow_terminal_cuts_no_number(is_rich: bool) -> None:
    shown = STYLES.sub("", text(verdict(SLO), SLO, REPORT, Look(40, is_rich)))
    for row in screen_of(verdict(SLO), SLO, REPORT).table.rows:
        attempts, failed, share = map(str.strip, row[-3:])
        numbers = rf"{attempts} +{failed} +{share}" if is_rich else f"{attempts} attempts, {failed} failed, {share}"
        assert re.search(numbers, re.sub(r"\n +", " ", shown))


def test_colours_change_no_word() -> None:
    rich, plain = (STYLES.sub("", text(verdict(SLO), SLO, REPORT, Look(80, one))) for one in (True, False))
    assert rich.split() == plain.split()


def test_what_is_not_tested_stands_apart_from_what_is_undecided() -> None:
    given = verdict(SLO)
    given["claims"]["latency"]["effect"] = given["claims"]["auth"]["effect"]
    beside = screen_of(given, SLO, REPORT).beside
    assert "Undecided: latency." in beside
    assert any(words.startswith("Not tested by this plan: intermittent, platform") for words in beside)


def test_a_run_that_compares_nobody_has_its_kinds_of_attempts_for_a_table() -> None:
    given = verdict(SLO)
    given["rates"] = [row for row in RATES if row["platform"] == "Linux" and not row["delay_s"]]
    assert screen_of(given, SLO, REPORT).table.rows == (("connects", "100", "0", "0.00 %"),)
    assert screen_of(verdict(SLO), SLO, REPORT).table.head[:2] == ("platform", "delay")
    given["rates"] = []
    assert "attempts  failed" not in text(given, SLO, REPORT, Look(80, True))


def test_what_a_target_says_is_neither_obeyed_nor_read_as_markup() -> None:
    given = verdict(SLO)
    given["answer"] = {}
    given["leads"] = ["\x1b[2J[bold]its words[/bold]\nReport: forged"]
    for look in (Look(80, True), Look(80, False)):
        shown = STYLES.sub("", text(given, SLO, REPORT, look))
        assert "\x1b" not in shown
        assert "[bold]its words[/bold]" in shown
        assert shown.count("\nReport: ") == 1


def test_a_command_is_one_command_however_narrow_the_terminal() -> None:
    command = "locust --headless --users 60 --run-time 30m --delay-ms 0,80,160,320 --site 'the office' --client a,b,c"
    lines = pasted(command, 60)
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split(" ".join(line.removesuffix("\\") for line in lines)) == shlex.split(command)
    assert pasted("echo it's", 40) == ["  echo it's"]
