"""Failed attempts on Locust's screens: few, fixed errors, so that its table of errors stays small."""

from __future__ import annotations

from typing import Any, Final

from attempts.schema import Attempt

# Locust's request type by kind: the convention of its WebSocket users, X for a measured exchange, and checks.
SHOWN: Final = {"connect": "WS", "exchange": "WSX", "check": "CHECK"}


class SoakFailure(Exception):
    """A failed attempt on Locust's screen: phase and cause, from closed lists."""


def show_failure(request_event: Any, attempt: Attempt) -> None:
    """Fire Locust's request event for a failed attempt.

    A timeout is shown with the time waited, as Locust has no censored times; the report has them.
    """
    request_event.fire(
        request_type=SHOWN[attempt.kind],
        name=attempt.operation,
        response_time=attempt.duration_s * 1000.0,
        response_length=attempt.bytes_in,
        exception=SoakFailure(f"{attempt.outcome} in {attempt.phase}: {attempt.cause}"),
        context={},
    )
