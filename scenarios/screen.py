"""What Locust's own screens get to see: connects and exchanges, as requests. A view, never the record.

Locust rounds times and merges errors by their text, so names and errors here are few and fixed; ids,
ports and server texts would make its error table grow for ever.
"""

from __future__ import annotations

from typing import Any, Final

from attempts.schema import Attempt

_TYPES: Final = {"connect": "WS", "exchange": "WSX"}


class SoakFailure(Exception):
    """A failed attempt on Locust's screen: phase and cause, from closed lists."""


def show(request_event: Any, attempt: Attempt) -> None:
    """Fire Locust's request event for a connect or an exchange; other kinds and aborted ones are not shown.

    A timeout is shown with the time waited, as Locust has no censored times; the report has them.
    """
    kind = _TYPES.get(attempt.kind)
    if kind is None or attempt.outcome == "aborted":
        return
    error = None if attempt.outcome == "ok" else SoakFailure(f"{attempt.outcome} in {attempt.phase}: {attempt.cause}")
    request_event.fire(
        request_type=kind,
        name=attempt.operation,
        response_time=attempt.duration_s * 1000.0,
        response_length=attempt.bytes_in,
        exception=error,
        context={},
    )
