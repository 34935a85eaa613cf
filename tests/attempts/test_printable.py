from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.printable import is_name, one_line, printable, printable_throughout


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("bell\x07 and back\r", r"bell\x07 and back\x0d"),
        ("C1 \x9b2J", r"C1 \x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("naïve 中文 ✓", "naïve 中文 ✓"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_sentence_forges_no_further_line() -> None:
    assert one_line("lost.\nwsoak: met") == "lost. wsoak: met"


@given(st.text())
def test_no_text_leaves_anything_that_is_not_printed(text: str) -> None:
    assert all(char.isprintable() or not char.isascii() for char in one_line(text))
    one_line(text).encode()


@given(
    st.recursive(
        st.text() | st.binary() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_each_text_in_a_message_is_printable_and_bytes_are_as_they_were(value: object) -> None:
    def texts(of: object) -> list[str]:
        if isinstance(of, dict):
            return [text for pair in of.items() for one in pair for text in texts(one)]
        if isinstance(of, list):
            return [text for one in of for text in texts(one)]
        return [of] if isinstance(of, str) else []

    assert all(printable(text) == text for text in texts(printable_throughout(value)))


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "x" * 300, None, 3])
def test_what_cannot_be_the_name_of_a_machine_is_none(name: object) -> None:
    assert not is_name(name)
