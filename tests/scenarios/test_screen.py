from __future__ import annotations

from typing import Any

import pytest

from attempts.schema import Attempt
from scenarios.screen import show


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


def test_an_exchange_is_shown_with_its_time_in_milliseconds() -> None:
    event = Event()
    show(event, attempt("exchange", "ok"))
    assert event.fired[0]["request_type"] == "WSX"
    assert event.fired[0]["response_time"] == 250.0
    assert event.fired[0]["exception"] is None


def test_errors_are_few_and_fixed_so_that_locusts_table_of_errors_stays_small() -> None:
    event = Event()
    for _ in range(3):
        show(event, attempt("exchange", "timeout", "silent_peer"))
    assert {str(f["exception"]) for f in event.fired} == {"timeout in exchange: silent_peer"}


@pytest.mark.parametrize(
    ("kind", "outcome"), [("hold", "ok"), ("close", "ok"), ("probe", "ok"), ("exchange", "aborted")]
)
def test_what_is_no_request_is_not_shown(kind: str, outcome: str) -> None:
    event = Event()
    show(event, attempt(kind, outcome))
    assert event.fired == []
