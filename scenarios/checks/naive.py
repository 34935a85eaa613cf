"""The same checks as the seed had them, mistakes included.

The first frame is taken for the welcome and the next one for the reply; a missing token is expected to be HTTP 403 at
the upgrade; any frame is a success; an event stream without an end is read to its end, until the harness ends the test.
Where such a check fails although the server did as it should, its row says `test_mistake`, and who is innocent is not
accused: whether the server did is looked at. What the server does wrong keeps its own cause.
"""

from __future__ import annotations

from typing import Final

import msgspec

from scenarios.checks.p1 import AT_ONCE, EVENT_GAP_S, EVENTS_PATH, health_10, health_30
from scenarios.checks.parts import page, refused_after
from scenarios.checks.steps import (
    Context,
    Get,
    Hear,
    Leave,
    Say,
    Script,
    StepFailed,
    SuiteCheck,
    Together,
    Upgrade,
    mistaken,
)
from scenarios.protocols.shape import Kind

# The timeouts of the original: a frame in checks 1 to 3 and in check 4, a read of a page.
FRAME_S: Final = 10.0
FRAME_AT_ONCE_S: Final = 3.0
READ_S: Final = 30.0
FORBIDDEN: Final = frozenset({401, 403})


class _Typed(msgspec.Struct):
    type: str


def connects(c: Context) -> Script:
    """1: expects HTTP 403 without a token; takes the first frame for the welcome, and the second for the pong."""
    yield from page(c.health_path, READ_S)
    return (yield from _expects_403(c, "ping"))


def messages(c: Context) -> Script:
    """2: the same with a message."""
    return (yield from _expects_403(c, "message"))


def sends(c: Context) -> Script:
    """3: takes whatever frame comes first for the answer to its message."""
    yield Upgrade(0, c.budgets.connect_s)
    told = yield Say(0, c.protocol.request("chat_message", number=1).payload)
    told = yield Hear(0, told.now + FRAME_S)
    yield Leave(0)
    return f"took for the answer: {_seen(c, told.message)}"


def connects_five(c: Context) -> Script:
    """4: five connects at once without a token; whatever frame comes is a success."""
    yield Together(tuple(_any_frame(c) for _ in range(AT_ONCE)))
    return "took for success: an error that refuses the connection"


def streams(c: Context) -> Script:
    """23 and 25: reads the event stream to its end, each read within 30 s; the harness ends it."""
    try:
        yield Get(EVENTS_PATH, READ_S, to_end=True)
    except StepFailed as failure:
        silent_s = failure.silent_s
        if failure.is_timeout and failure.events > 1 and silent_s is not None and silent_s < 2 * EVENT_GAP_S:
            raise mistaken(
                f"read an event stream to its end, which it has not: {failure.events} events came in time",
                is_timeout=True,
            ) from None
        raise
    return ""


def _expects_403(c: Context, operation: str) -> Script:
    """A connect without a token whose refusal is expected as HTTP 403; then a session, read blindly."""
    is_taken = True
    try:
        yield Upgrade(1, c.budgets.connect_s, has_token=False)
    except StepFailed as failure:
        if failure.end.http_status not in FORBIDDEN:
            raise
        is_taken = False
    told = yield Upgrade(0, c.budgets.connect_s)
    welcome = yield Hear(0, told.now + FRAME_S, "welcome")
    told = yield Say(0, c.protocol.request(operation, number=1).payload)
    reply = yield Hear(0, told.now + FRAME_S)
    yield Leave(0)
    notes = f"took for the welcome: {_seen(c, welcome.message)}; for the reply: {_seen(c, reply.message)}"
    if not is_taken:
        return notes
    # The test is over; whether the server was right is what its row must tell.
    yield from refused_after(c, 1, until=reply.now + c.budgets.connect_s)
    raise mistaken(f"expected HTTP 403 without a token; the server takes the upgrade, and refuses then ({notes})")


def _any_frame(c: Context) -> Script:
    yield Upgrade(0, c.budgets.connect_s, has_token=False)
    told = yield Say(0, c.protocol.request("ping", number=1).payload)
    yield Hear(0, told.now + FRAME_AT_ONCE_S)
    yield Leave(0)
    return ""


def _seen(c: Context, message: bytes | None) -> str:
    """What a frame really was, in a word."""
    if message is None:
        return "a close"
    found = c.protocol.read(message)
    words = {Kind.WELCOME: "the welcome", Kind.PING: "a ping of the server's", Kind.ERROR: "an error"}
    return words.get(found.kind) or found.key or _type_of(message)


def _type_of(message: bytes) -> str:
    try:
        return f"a {msgspec.json.decode(message, type=_Typed).type}"
    except msgspec.DecodeError:
        return "another frame"


NAIVE: Final = (
    SuiteCheck(1, connects),
    SuiteCheck(2, messages),
    SuiteCheck(3, sends),
    SuiteCheck(4, connects_five),
    SuiteCheck(11, health_10),
    SuiteCheck(18, health_30),
    SuiteCheck(23, streams),
    SuiteCheck(25, streams),
)
