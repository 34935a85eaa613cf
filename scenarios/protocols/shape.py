"""The shape of a target's language: what a frame is to a session, and what a protocol class must have.

Everything that is particular to one server is in one small class; another server is another class of the
same shape, named on the command line (`--protocol package.module:Class`). Reading is tolerant: a frame
that is not understood is noise, never an error, as long as it is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from scenarios.plan import Token


class Kind(IntEnum):
    """What a message is to a session; a PUSH is one that the server sends by itself, and that is understood."""

    NOISE = 0
    REPLY = 1
    PING = 2
    WELCOME = 3
    ERROR = 4
    MALFORMED = 5
    PUSH = 6


class Welcome(NamedTuple):
    """What the server says of itself when the session is ready; None = it does not say."""

    server_connection_id: str | None = None
    server_instance: str | None = None
    startup_complete: bool | None = None


class Refusal(NamedTuple):
    """What the server said when it refused.

    Attributes:
        code: The server's own word for it.
        is_auth: Whether it refuses the credentials.
        text: For people, not yet redacted.
        is_clients: Whether it blames the request itself (JSON-RPC's invalid params, a GraphQL validation error).
        was_checked: False = the credentials were refused although nobody looked at them: what checks them for the
            server could not be reached.
    """

    code: str
    is_auth: bool
    text: str
    is_clients: bool = False
    was_checked: bool = True


class Message(NamedTuple):
    """One message, read.

    Attributes:
        kind: What it is.
        key: Of a reply: which requests it answers (`Request.reply_key`, or an event's name). Of any message before the
            session is ready: what an opening waits for (`Opening.after`, `Opening.acknowledged_by`).
        id: Of a reply or an error: the request's id, when the server names it. An error without one answers the oldest
            request in flight; one with an id answers that request only.
        welcome: Of a welcome.
        error: Of an error.
        answer: Of a ping: what is sent back, as text to a text and as binary to a binary one; None = `pong()`.
    """

    kind: Kind
    key: str = ""
    id: str | None = None
    welcome: Welcome | None = None
    error: Refusal | None = None
    answer: bytes | None = None


class Request(NamedTuple):
    """One request, ready to be sent.

    Attributes:
        payload: The message.
        reply_key: The key of the reply that ends the wait.
        reply_id: The id that the reply will name, None where replies of this kind name none.
        events: Keys that must come in this order; the last one ends the wait (then `reply_key` is unused).
        is_binary: Whether it goes as a binary message.
    """

    payload: bytes
    reply_key: str
    reply_id: str | None = None
    events: tuple[str, ...] = ()
    is_binary: bool = False


class Opening(NamedTuple):
    """A message that a client sends before its session is ready, its credentials often; its `repr` never shows it.

    Attributes:
        payload: The message.
        after: The key of the server's message that must have come before this is sent; "" = none.
        acknowledged_by: The key of the server's message that must come before the next opening is sent and the session
            is ready; "" = none. A welcome frame (`welcomes_with_frame`) is waited for besides, and needs no key.
        is_binary: Whether it goes as a binary message.
    """

    payload: bytes
    after: str = ""
    acknowledged_by: str = ""
    is_binary: bool = False

    def __repr__(self) -> str:
        return f"Opening(<redacted>, after={self.after!r}, acknowledged_by={self.acknowledged_by!r})"


class Credentials(NamedTuple):
    """How a token goes into the upgrade request. Its `repr` never shows it.

    Attributes:
        headers: Extra headers.
        subprotocols: Offered names, in order.
        expected_subprotocol: What the server must answer, exactly; None = it must not answer any.
        query: Appended to the path, without the question mark.
    """

    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    expected_subprotocol: str | None = None
    query: str = ""

    def __repr__(self) -> str:
        return f"Credentials({len(self.headers)} headers, {len(self.subprotocols)} subprotocols, <redacted>)"


class TargetProtocol(Protocol):
    """The shape of a protocol class. One object serves every connection: it keeps no state.

    A class may have more than this: it speaks first (`Speaking`), reads binary messages or several in a frame
    (`Reading`), names its requests (`Requesting`), or knows of refusals that the general rules do not (`RefusalRules`).

    Attributes:
        welcomes_with_frame: False = the upgrade itself is the welcome.
        round_trips: Operations that do next to nothing on the server: their durations make `rtt_s`.
        identified: An operation whose reply names the request's id, to get in step again after a
            timeout of one that does not; None = there is none.
        sequences: Operations that are answered by several events.
    """

    welcomes_with_frame: bool
    round_trips: frozenset[str]
    identified: str | None
    sequences: frozenset[str]

    def read(self, payload: bytes | str) -> Message:
        """Classify one text frame. Never raises."""

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """The request of an operation.

        `number` is unique on its connection; `size` asks for that many characters of content.
        """

    def pong(self) -> bytes | None:
        """The answer to a server's ping message; None = it wants none."""

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """Where the token goes where --token-transport leaves it to the class: `transport` is subprotocol then.

        Where the option says another way (header, query, cookie, subprotocol or message), this is called without a
        token, for what the upgrade carries besides (`scenarios.protocols.transport`).
        """


class Speaking(Protocol):
    """What a protocol class may add whose clients speak before their session is ready."""

    def openings(self, token: Token | None) -> Sequence[Opening]:
        """What is sent after the upgrade, in this order; the token is None where there is none or the upgrade has it.

        All of it is timed as part of the connect (phase `welcome`); an error that comes meanwhile refuses the connect.
        """


class Reading(Protocol):
    """What a protocol class may add, either or both: other frames than one text message each."""

    def read_all(self, payload: bytes | str) -> Sequence[Message]:
        """All messages in one text frame; used instead of `read`. None in it = the frame is noise. Never raises."""

    def read_binary(self, payload: bytes) -> Message:
        """Classify one binary message; without this method each is malformed. Never raises."""


class Requesting(Protocol):
    """What a protocol class may add, any of it: which requests there are.

    Attributes:
        operations: The requests that it knows; another word in `--operations` is refused. None or absent = any word.
        usual: What is asked where `--operations` is not given, with weights; absent = `ping=3,chat=1`.
        heartbeat: What idle sessions ask, and what the mitigations warm up and verify with; absent = `heartbeat` and
            `ping`.
    """

    operations: frozenset[str] | None
    usual: Mapping[str, float]
    heartbeat: str


class RefusalRules(Protocol):
    """What a protocol class may add, either or both: how its own server refuses.

    Each may return None: the general rule decides. A `Refusal` decides by its `is_auth` whether the credentials were
    refused, and by `is_clients` whether the request is to blame.
    """

    def refusal_of_close(self, code: int | None, reason: str) -> Refusal | None:
        """What a close frame of the server says; code None = it named none. Never raises."""

    def refusal_of_status(self, status: int, headers: Mapping[str, str]) -> Refusal | None:
        """What a response that is not 101 says; the headers' names are in small letters. Never raises."""


MALFORMED: Final = Message(Kind.MALFORMED)
NOISE: Final = Message(Kind.NOISE)


def bearer(token: Token | None) -> Credentials:
    """A token in a bearer header (RFC 6750, section 2.1)."""
    return Credentials() if token is None else Credentials(headers=(("Authorization", f"Bearer {token.value}"),))


def lines_of(payload: bytes | str, read: Callable[[bytes | str], Message]) -> Sequence[Message]:
    """A frame as one message; where it is none, each of its lines as one (some servers send several at once so)."""
    message = read(payload)
    if message.kind is not Kind.MALFORMED:
        return (message,)
    lines = [line for line in payload.splitlines() if line.strip()]
    return [read(line) for line in lines] if len(lines) > 1 else (message,)


_CONTENT: Final = "wsoak measures how long this takes. "


def content_of(size: int) -> str:
    """A request's text of so many characters; a short one where no size is asked for."""
    return (_CONTENT * (size // len(_CONTENT) + 1))[:size] if size else "hello"
