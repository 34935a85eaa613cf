from __future__ import annotations

import errno

import pytest

from scenarios.os_errors import errno_of, is_without_a_way


class WindowsError(OSError):
    """As Windows makes them: `winerror` beside an errno that says nothing."""

    def __init__(self, winerror: int) -> None:
        super().__init__(errno.EINVAL, "")
        self.winerror = winerror


@pytest.mark.parametrize(
    ("winerror", "meaning"), [(64, errno.ECONNRESET), (1225, errno.ECONNREFUSED), (121, errno.ETIMEDOUT)]
)
def test_an_error_of_the_completion_ports_has_the_number_of_a_plain_call(winerror: int, meaning: int) -> None:
    assert errno_of(WindowsError(winerror)) == meaning


def test_other_errors_keep_their_number() -> None:
    assert errno_of(OSError(errno.EPIPE, "")) == errno.EPIPE
    assert errno_of(OSError("no number")) is None


@pytest.mark.parametrize("name", ["ENETUNREACH", "EAFNOSUPPORT", "EADDRNOTAVAIL"])
def test_a_machine_without_a_way_has_met_nobody(name: str) -> None:
    assert is_without_a_way(OSError(getattr(errno, name), ""))
    assert not is_without_a_way(ConnectionRefusedError(errno.ECONNREFUSED, ""))
    assert not is_without_a_way(OSError(errno.EHOSTUNREACH, ""))  # a router has said so
