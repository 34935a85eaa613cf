"""What several checks do: ask a page, be refused, become ready, ask and be answered."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

from scenarios.checks.steps import Close, Context, Get, Hear, Leave, Pause, Say, Step, StepFailed, Told, Upgrade
from scenarios.protocols.shape import Kind, Message
from scenarios.session import refusals
from scenarios.session.ledger import End

OK: Final = 200
# Between two requests of a row of them.
GAP_S: Final = 0.050

Part = Generator[Step, Told, None]
Asked = Generator[Step, Told, Told]


def page(path: str, within_s: float, *, events: int = 0) -> Asked:
    """A page that must be there, or so many events of a stream."""
    told = yield Get(path, within_s, events=events)
    if told.status != OK:
        raise StepFailed(End("http_status", http_status=told.status or None, closed_by="server"))
    if told.events < events:
        raise StepFailed(
            End("server_closed", closed_by="server", detail=f"the stream ended after {told.events} events")
        )
    return told


def pages(path: str, within_s: float, count: int) -> Part:
    """A page that must be there so many times, one after the other."""
    for number in range(count):
        if number:
            yield Pause(GAP_S)
        yield from page(path, within_s)


def read(c: Context, told: Told) -> Message | None:
    """A message, read; None = the server has closed.

    Raises:
        StepFailed: It cannot be read.
    """
    if told.message is None:
        return None
    message = c.protocol.read(told.message)
    if message.kind is Kind.MALFORMED:
        raise StepFailed(End("malformed", closed_by="client", detail="a text message that cannot be read"))
    return message


def closed(c: Context, told: Told, *, must_refuse: bool = False) -> End:
    """What a close of the server's says."""
    code, reason = told.close or (None, "")
    # No check has had an answer yet when it waits.
    return refusals.end_of_close(code, reason, c.protocol, is_fresh=True, is_expired=False, must_refuse=must_refuse)


def refused(c: Context, line: int = 0) -> Part:
    """A connection without a token, which must be refused: at the upgrade, or by an error and a close behind it.

    The staging server takes the upgrade first (101), then says why, then closes with 1008.
    """
    try:
        told = yield Upgrade(line, c.budgets.connect_s, has_token=False)
    except StepFailed as failure:
        if refusals.is_refusal_of_credentials(failure.end):
            return
        raise
    yield from refused_after(c, line, until=told.began + c.budgets.connect_s)


def refused_after(c: Context, line: int, *, until: float) -> Part:
    """The refusal behind an upgrade that was taken."""
    while True:
        told = yield Hear(line, until, "welcome")
        message = read(c, told)
        if message is None:
            end = closed(c, told, must_refuse=True)
            if not refusals.is_refusal_of_credentials(end):
                raise StepFailed(end)
            yield Leave(line)
            return
        if message.kind is Kind.WELCOME:
            raise StepFailed(End("credentials_accepted", detail="a connection without a token became ready"))
        if message.error is not None:
            end = refusals.end_of_error(message.error, must_refuse=True)
            if not refusals.is_refusal_of_credentials(end):
                raise StepFailed(end)


def ready(c: Context, line: int = 0) -> Part:
    """A session with a token: what comes before its welcome is no welcome."""
    told = yield Upgrade(line, c.budgets.connect_s)
    until = told.began + c.budgets.connect_s
    yield from _until(c, line, until, "welcome", lambda message: message.kind is Kind.WELCOME)


def answered(c: Context, operation: str, line: int = 0) -> Part:
    """A request whose own reply must come: what comes before it is no reply."""
    request = c.protocol.request(operation, number=1)
    told = yield Say(line, request.payload)

    def is_reply(message: Message) -> bool:
        is_its = request.reply_id is None or message.id == request.reply_id
        return message.kind is Kind.REPLY and message.key == request.reply_key and is_its

    yield from _until(c, line, told.now + c.budgets.exchange_s, "exchange", is_reply)


def pinged(c: Context, line: int = 0) -> Part:
    """A ping of the server's own, which must come within the time of a reply."""
    told = yield Pause(0.0)
    yield from _until(c, line, told.now + c.budgets.exchange_s, "exchange", lambda message: message.kind is Kind.PING)


def left(c: Context, line: int = 0) -> Part:
    """The closing handshake."""
    yield Close(line, c.budgets.close_s)


def _until(c: Context, line: int, until: float, phase: str, is_awaited: Callable[[Message], bool]) -> Part:
    while True:
        told = yield Hear(line, until, phase)
        message = read(c, told)
        if message is None:
            raise StepFailed(closed(c, told))
        if message.error is not None:
            raise StepFailed(refusals.end_of_error(message.error))
        if message.kind is Kind.PING:
            pong = c.protocol.pong()
            if pong is not None:
                yield Say(line, pong)
        if is_awaited(message):
            return
