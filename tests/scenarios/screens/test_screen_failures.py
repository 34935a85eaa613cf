from __future__ import annotations

from typing import Any

from attempts.schema import Attempt
from scenarios.screens.screen_failures import show_failure


class Event:
    def __init__(self) -> None:
        self.fired: list[dict[str, Any]] = []

    def fire(self, **fields: Any) -> None:
        self.fired.append(fields)


def attempt(kind: str, outcome: str, cause: str | None = None) -> Attempt:
    return Attempt(
        kind=kind,
        operation="ping",
        scheduled_at=0,
        started_at=0,
        duration_s=0.25,
        budget_s=0.2,
        outcome=outcome,
        phase="exchange",
        cause=cause,
        bytes_in=12,
    )


def test_a_failure_is_shown_with_the_time_waited_in_milliseconds() -> None:
    event = Event()
    show_failure(event, attempt("exchange", "timeout", "silent_peer"))
    assert event.fired[0]["request_type"] == "WSX"
    assert event.fired[0]["response_time"] == 250.0


def test_errors_are_few_and_fixed_so_that_locusts_table_of_errors_stays_small() -> None:
    event = Event()
    for _ in range(3):
        show_failure(event, attempt("connect", "timeout", "silent_peer"))
    assert {str(f["exception"]) for f in event.fired} == {"timeout in exchange: silent_peer"}
