"""The language of scenarios: the steps that a script asks of its session, and the results it is told.

All moments are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import msgspec

# A ping frame of the WebSocket itself (RFC 6455, section 5.5.2), whatever the target's messages are.
PROTOCOL_PING = "protocol_ping"


class Exchange(NamedTuple):
    """Send one request and wait for its reply.

    Attributes:
        operation: The request's message type, or `PROTOCOL_PING`.
        scheduled_at: When it is meant to start (the session waits until then); None = at once.
        skipped: Starts that were meant to be before this one and can no longer happen.
        size: Characters of content that are asked for; 0 = a short one.
        budget_s: The wait allowed; None = the plan's.
    """

    operation: str
    scheduled_at: float | None = None
    skipped: int = 0
    size: int = 0
    budget_s: float | None = None


class Together(NamedTuple):
    """Send several requests at once; go on when each has its outcome."""

    exchanges: tuple[Exchange, ...]


class Hold(NamedTuple):
    """Stay connected and idle until a moment."""

    until: float


Step = Exchange | Together | Hold


class Result(msgspec.Struct, frozen=True, gc=False):
    """What came of a step.

    Attributes:
        now: When it ended.
        outcome: ok, timeout or failed (of several together: the worst); a hold is always ok.
    """

    now: float
    outcome: str = "ok"


# A script ends by returning; its session then closes as planned.
Script = Generator[Step, Result, None]
