from __future__ import annotations

from typing import Any, Final

import pytest

from scenarios.control.run_command import of_form
from scenarios.options import OPTIONS

AT_START: Final[dict[str, Any]] = {
    o.name: o.default if isinstance(o.default, bool) else None if o.repeats else o.default_text for o in OPTIONS
}
LOAD: Final[dict[str, Any]] = {"host": "", "users": 5, "spawn_rate": 2.0, "run_time_s": None}


def command(*words: str, now: dict[str, Any] | None = None, **load: Any) -> list[str]:
    return of_form(("locust", *words), **{**LOAD, **load}, at_start=AT_START, now={**AT_START, **(now or {})})


def test_the_same_run_needs_no_page() -> None:
    words = ("--web-port", "8076", "--web-base-path=/soak", "--autostart", "-P8089", "--reports-dir", "out")
    assert command(*words) == ["locust", "--headless", "--users", "5", "--spawn-rate", "2", "--reports-dir", "out"]


def test_the_forms_load_stands_in_place_of_the_command_lines() -> None:
    said = command(
        *("-u", "1", "--spawn-rate=9", "-t5m", "-H", "wss://a.example/ws", "--seed", "7"),
        host="wss://b.example/ws",
        run_time_s=90.0,
    )
    load = "--host wss://b.example/ws --users 5 --spawn-rate 2 --run-time 90s"
    assert said == f"locust --headless {load} --seed 7".split()


@pytest.mark.parametrize(
    ("words", "now", "said"),
    [
        (("--exchange-budget-s", "3"), {"exchange_budget_s": "7"}, ["--exchange-budget-s", "7"]),
        ((), {"client": ["websocket-client", "websockets-gevent"]}, ["--client", "websocket-client,websockets-gevent"]),
        (("--traceparent", "--seed", "7"), {"traceparent": True}, ["--seed", "7", "--traceparent"]),
        ((), {"traceparent": "false"}, []),
        ((), {"exchange_budget_s": None}, []),
    ],
)
def test_only_what_the_form_changed_is_said_and_once(
    words: tuple[str, ...], now: dict[str, Any], said: list[str]
) -> None:
    assert command(*words, now=now)[6:] == said


def test_what_only_the_command_line_may_set_stays_as_it_is_there() -> None:
    assert command("--header", "X-A: b", "--ca-file", "ca.pem")[6:] == ["--header", "X-A: b", "--ca-file", "ca.pem"]
