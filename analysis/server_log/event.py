"""One thing that a server's log says of one connection, whatever the log's format."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Stage = Literal[
    "accepted",
    "authenticated",
    "established",
    "request",
    "reply",
    "closed",
    "refused",
    "quota",
    "request_failed",
    "late_error",
    "started",
    "stopping",
]
"""What can be said: the stages of a connection's life in their order, then what goes wrong.

`accepted`: the request for the upgrade was taken. `established`: the server believes that the session is ready.
`request`: a message of the client's was taken up. `reply`: it was served. `closed`: the server's side is over.
`refused`: the server said no. `quota`: a limit was reached. `request_failed`: a message could not be served.
`late_error`: an error of the socket, which at a late age is the noise of its end. `started`, `stopping`: the server's
process."""

STAGES: Final[tuple[Stage, ...]] = (
    "accepted",
    "authenticated",
    "established",
    "request",
    "reply",
    "closed",
    "refused",
    "quota",
    "request_failed",
    "late_error",
    "started",
    "stopping",
)
OF_THE_BEGINNING: Final = frozenset({"accepted", "refused"})
OF_MESSAGES: Final = frozenset({"request", "reply", "request_failed"})
OF_THE_SERVER: Final = frozenset({"started", "stopping"})


class Event(NamedTuple):
    """One event; None is "the line does not tell".

    Attributes:
        at_s: Epoch seconds, by the server's clock.
        stage: What happened.
        connection: The server's id of the connection.
        trace: The trace id of the request.
        port: The client's port, as the server or the proxy before it saw it.
        subject: The user.
        is_prefix: The subject is cut short: only its beginning.
        operation: The message's type.
        instance: Which of the servers said it.
        lasted_s: The line was written at the connection's end: how long it had lasted.
        status: The HTTP status of the answer to the upgrade.
    """

    at_s: float
    stage: Stage
    connection: str | None = None
    trace: str | None = None
    port: int | None = None
    subject: str | None = None
    is_prefix: bool = False
    operation: str | None = None
    instance: str | None = None
    lasted_s: float | None = None
    status: int | None = None
