"""The checks of the seed's suite P1 that are described, with what the server really promises.

The welcome is the frame that says so, whatever comes before it; a reply is what answers the request; without a token
the upgrade is taken and refused behind it; an event stream is read for some events, since it has no end.
"""

from __future__ import annotations

from typing import Final

from scenarios.checks.parts import answered, left, page, pages, pinged, ready, refused
from scenarios.checks.steps import Context, Script, SuiteCheck, Together

EVENTS_PATH: Final = "/api/events/stream"
AGENTS_PATH: Final = "/api/agents/stream"
# The stream's events are so far apart; the next one is waited for as long as for a reply besides.
EVENT_GAP_S: Final = 5.0
AT_ONCE: Final = 5


def connects(c: Context) -> Script:
    """1: the health page; no session without a token; one with it, and its ping is answered."""
    yield from page(c.health_path, c.budgets.exchange_s)
    return (yield from _refused_and_asked(c, "ping"))


def messages(c: Context) -> Script:
    """2: no session without a token; one with it, and its message is acknowledged."""
    return (yield from _refused_and_asked(c, "message"))


def acknowledges(c: Context) -> Script:
    """3: a chat_message is acknowledged."""
    yield from ready(c)
    yield from answered(c, "chat_message")
    yield from left(c)
    return ""


def refuses_five(c: Context) -> Script:
    """4: five connects at once without a token are refused, each."""
    yield Together(tuple(_refused(c) for _ in range(AT_ONCE)))
    return ""


def health_10(c: Context) -> Script:
    """11: the health page, ten times."""
    yield from pages(c.health_path, c.budgets.exchange_s, 10)
    return ""


def health_30(c: Context) -> Script:
    """18: the health page, thirty times."""
    yield from pages(c.health_path, c.budgets.exchange_s, 30)
    return ""


def streams(c: Context) -> Script:
    """23: the first event of the endless stream, the page of the agents' stream, and a session."""
    yield from page(EVENTS_PATH, c.budgets.exchange_s, events=1)
    yield from page(AGENTS_PATH, c.budgets.exchange_s)
    yield from ready(c)
    yield from answered(c, "ping")
    yield from left(c)
    return ""


def events(c: Context) -> Script:
    """25: two events of the endless stream, and a session that hears the server's own ping."""
    yield from page(EVENTS_PATH, EVENT_GAP_S + c.budgets.exchange_s, events=2)
    yield from ready(c)
    yield from pinged(c)
    yield from left(c)
    return ""


def _refused_and_asked(c: Context, operation: str) -> Script:
    yield from refused(c, line=1)
    yield from ready(c)
    yield from answered(c, operation)
    yield from left(c)
    return ""


def _refused(c: Context) -> Script:
    yield from refused(c)
    return ""


P1: Final = (
    SuiteCheck(1, connects),
    SuiteCheck(2, messages),
    SuiteCheck(3, acknowledges),
    SuiteCheck(4, refuses_five),
    SuiteCheck(11, health_10),
    SuiteCheck(18, health_30),
    SuiteCheck(23, streams),
    SuiteCheck(25, events),
)
