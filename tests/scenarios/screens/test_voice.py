from __future__ import annotations

import os
import sys

import pytest

from scenarios.screens.voice import draw, erase, is_gone, say


def test_what_is_said_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    say("wsoak: so it is.")
    assert capsys.readouterr().err == "wsoak: so it is.\n"


def test_a_line_that_is_drawn_gives_way_to_the_next_and_to_whatever_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw("one")
    draw("fourth")
    assert capsys.readouterr().err == "one\r\r   \rfourth\r"
    say("wsoak: so it is.")
    erase()
    assert capsys.readouterr().err == "\r      \rwsoak: so it is.\n"


def test_a_pipe_whose_reader_has_left_takes_all_that_is_said_and_the_interpreters_last_flush() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as out:
        out.write("from before")
        assert not is_gone(out)  # a pipe says so only when something is written
        say("nobody reads this", out)
        out.write("nor that")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_that_was_closed_is_gone_and_takes_all_that_is_said() -> None:
    terminal, end = os.openpty()
    with open(end, "w") as out:
        assert not is_gone(out)
        os.close(terminal)
        assert is_gone(out)
        say("nobody reads this", out)
        assert not is_gone(out)
