"""How a child process ended, in words."""

from __future__ import annotations

import pytest

from scenarios.exit_words import how_ended


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-9, "was killed by SIGKILL"),
        (-99, "was killed by signal 99"),
        (None, "has not ended"),
    ],
)
def test_the_end_of_a_process_is_said_in_words(status: int | None, words: str) -> None:
    assert how_ended(status) == words
