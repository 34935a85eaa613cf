from __future__ import annotations

import pytest

from scenarios.load.disk import Disk


def refuse(number: int) -> None:
    raise OSError(number, "No space left on device")


def test_what_a_disk_refuses_is_raised_where_it_was_asked_and_printed_nowhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = Disk()
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            disk.apply(refuse, (28,))
    assert capsys.readouterr().err == ""
    assert disk.apply(len, ("abc",)) == 3
