"""The language of checks: the steps that a check asks for, and what it is told.

A check is a generator that yields steps. What came of a step is sent to it; where the step failed, `StepFailed` is
raised at its `yield`, and a check that does not catch it ends with it. It sees neither sockets nor clocks. All moments
are monotonic seconds; lines are the check's own numbers of its connections.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

import msgspec

from attempts.p1_checks import TEST_MISTAKE, name_of
from scenarios.plan import Budgets
from scenarios.protocols.shape import TargetProtocol
from scenarios.session.ledger import End


class Get(NamedTuple):
    """Ask for a page on a connection of its own.

    Attributes:
        path: Of the page.
        within_s: Until the answer's head, and each wait for more of its body.
        events: How many events of an event stream are read before the connection is left; 0 = the head is enough.
        to_end: The body is read until the server ends it, however long that takes (the check's own budget ends it).
    """

    path: str
    within_s: float
    events: int = 0
    to_end: bool = False


class Upgrade(NamedTuple):
    """Connect, and ask for a WebSocket; with the token, or without one."""

    line: int
    within_s: float
    has_token: bool = True


class Say(NamedTuple):
    """Send a text message."""

    line: int
    payload: bytes


class Hear(NamedTuple):
    """Wait for the next message, or for the server's close; `phase` is where the row says that it waited."""

    line: int
    until: float
    phase: str = "exchange"


class Close(NamedTuple):
    """Close as RFC 6455 has it, and wait for the server's own close frame."""

    line: int
    within_s: float


class Leave(NamedTuple):
    """Free a connection without a word."""

    line: int


class Pause(NamedTuple):
    """Wait."""

    seconds: float


class Together(NamedTuple):
    """Run scripts at the same time, each with lines of its own; the first that failed is the failure of all."""

    scripts: tuple[Script, ...]


Step = Get | Upgrade | Say | Hear | Close | Leave | Pause | Together


class Told(NamedTuple):
    """What came of a step.

    Attributes:
        began, now: When it began and ended.
        status: Of a page.
        events: Of an event stream: how many came.
        message: A text message.
        close: Code (None = it named none) and reason of the server's close.
    """

    began: float
    now: float
    status: int = 0
    events: int = 0
    message: bytes | None = None
    close: tuple[int | None, str] | None = None


class StepFailed(Exception):
    """A step, or a check, failed.

    Attributes:
        end: Why, in the record's words.
        is_timeout: A wait ran out.
        events: Of an event stream that was waited for until then: how many came,
        silent_s: and how long before the end the last of its bytes came; None = none came.
    """

    def __init__(self, end: End, *, is_timeout: bool = False, events: int = 0, silent_s: float | None = None) -> None:
        self.end = end
        self.is_timeout = is_timeout
        self.events = events
        self.silent_s = silent_s


def mistaken(words: str, *, is_timeout: bool = False) -> StepFailed:
    """The check failed although the server did as it should: its expectation is wrong."""
    return StepFailed(End(TEST_MISTAKE, closed_by="client", detail=words), is_timeout=is_timeout)


Script = Generator[Step, Told, str]
"""Ends by returning what is to be noted of its success, "" mostly, or by raising `StepFailed`."""


class Context(NamedTuple):
    """What a check may know.

    Attributes:
        budgets: The longest waits.
        health_path: Of the health page.
        protocol: The target's language.
    """

    budgets: Budgets
    health_path: str
    protocol: TargetProtocol


class SuiteCheck(msgspec.Struct, frozen=True):
    """One check of a suite; `play` begins it."""

    number: int
    play: Callable[[Context], Script]

    @property
    def name(self) -> str:
        """The operation of its rows."""
        return name_of(self.number)
