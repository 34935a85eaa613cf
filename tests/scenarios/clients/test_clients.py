"""The clients by name."""

from __future__ import annotations

import sys

from scenarios.clients import distinct


def test_two_names_of_the_same_client_and_loop_are_one_arm() -> None:
    loop = "websockets-proactor" if sys.platform == "win32" else "websockets-selector"
    assert distinct(["websocket-client", "websockets-asyncio", loop]) == ("websocket-client", "websockets-asyncio")


def test_names_of_different_loops_stay_in_their_order() -> None:
    names = ("websockets-uvloop", "websockets-selector", "websockets-gevent", "websockets-proactor")
    assert distinct(names) == names
