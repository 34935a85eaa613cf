from __future__ import annotations

import io
import logging
import os
import sys
from importlib.metadata import files

import gevent
import pytest

from scenarios.screens import waiting as module
from scenarios.screens.waiting import LOCUST_TABLES, as_shown, columns_of, is_terminal, waiting, waiting_line


class Terminal(io.StringIO):
    """Standard error or output that is a terminal of unknown width."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Give this process one for its standard error and output; in the test itself, as pytest sets its own before."""
    for name in ("CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(sys, "stdout", shown)
    return shown


def test_the_line_says_what_is_done_how_long_it_may_take_and_how_long_it_took_so_far() -> None:
    assert waiting_line("storing", about_s=None, waited_s=0.0) == "wsoak: storing ..."
    assert waiting_line("analysing", about_s=4.8, waited_s=0.2) == "wsoak: analysing, about 5 s ..."
    assert waiting_line("analysing", about_s=0.1, waited_s=12.4) == "wsoak: analysing, about 1 s ... 12 s so far"


def test_a_log_gets_a_line_at_once_and_another_for_long_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_EVERY_S", 0.01)
    with waiting("storing", about_s=None):
        assert capsys.readouterr().err == "wsoak: storing ...\n"
        while not (again := capsys.readouterr().err):
            gevent.sleep(0.01)
    assert again.startswith("wsoak: storing ...")
    assert "\r" not in again


def test_a_terminal_gets_one_line_that_is_gone_when_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with waiting("analysing", about_s=5.0):
        assert terminal.getvalue() == "wsoak: analysing, about 5 s ...\r"
    assert terminal.getvalue().endswith(f"\r{' ' * len('wsoak: analysing, about 5 s ...')}\r")
    assert "\n" not in terminal.getvalue()


def test_locusts_tables_do_not_tear_the_line_apart_and_come_again_after_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_terminal(monkeypatch)
    caplog.set_level("INFO")
    tables = logging.getLogger(LOCUST_TABLES)
    with waiting("analysing"):
        tables.info("a table of a run that is over")
    tables.info("the last table")
    assert caplog.messages == ["the last table"]
    # Importing Locust would patch this process.
    source = next(file for file in files("locust") or () if file.parts == ("locust", "stats.py"))
    assert f'console_logger = logging.getLogger("{LOCUST_TABLES}")' in source.read_text(encoding="utf-8")


def test_the_line_ends_with_work_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with pytest.raises(ValueError, match="no"), waiting("storing"):
        raise ValueError("no")
    assert terminal.getvalue().endswith(" \r")


def test_a_child_whose_output_is_shown_learns_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    assert as_shown() == {"FORCE_COLOR": "1", "COLUMNS": "80"}
    monkeypatch.setenv("CI", "true")
    assert as_shown() == {}


def test_what_is_no_terminal_keeps_all_its_lines() -> None:
    assert not is_terminal(io.StringIO(), {})
    assert not is_terminal(None, {})
    assert is_terminal(Terminal(), {})
    assert not is_terminal(Terminal(), {"TERM": "dumb"})
    assert not is_terminal(Terminal(), {"CI": "1"})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_is_asked_how_wide_it_is() -> None:
    import fcntl
    import struct
    import termios

    terminal, end = os.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 66, 0, 0))
    with open(end, "w") as out:
        assert columns_of(out) == 66
    os.close(terminal)
    assert columns_of(io.StringIO()) == 80
