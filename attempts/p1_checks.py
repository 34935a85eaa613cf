"""The 25 checks of the seed's suite P1, by their numbers, and how rows name them.

A row of kind `check` is one of them: its operation is the check's name. Those whose endpoints nobody has described are
listed, so that no report takes them for passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The suite with its real expectations, and as it was written.
SCENARIO: Final = "p1"
NAIVE_SCENARIO: Final = "p1_naive"
# The cause of a check that failed although the server did as it should.
TEST_MISTAKE: Final = "test_mistake"

DESCRIBED: Final[Mapping[int, str]] = {
    1: "health page; refused without a token; welcome and ping with one",
    2: "refused without a token; welcome and message with one",
    3: "chat_message is acknowledged",
    4: "five connects at once without a token are refused",
    11: "health page, 10 times",
    18: "health page, 30 times",
    23: "streaming endpoints, then a session",
    25: "event stream, then a session that hears the server's ping",
}
NOT_DESCRIBED: Final[Mapping[int, str]] = {
    **dict.fromkeys(range(5, 11), "MCP, configuration, agent, status and tool endpoints over HTTP"),
    **dict.fromkeys(range(12, 17), "messages, threads, history and user context over HTTP"),
    17: "20 users at once over HTTP",
    **dict.fromkeys((19, 20), "error cases and retries over HTTP"),
    **dict.fromkeys((21, 22), "sessions, and agents that are started and stopped, over HTTP"),
    24: "order of messages over HTTP",
}


def name_of(number: int) -> str:
    """The operation of a check's rows."""
    return f"p1_{number:02d}"


NUMBERS: Final[Mapping[str, int]] = {name_of(number): number for number in DESCRIBED}
