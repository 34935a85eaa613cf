"""Ground truth: one flat JSON line a connection, and one a window in which the whole server was affected."""

from __future__ import annotations

from typing import Any, Final

from standin.clock import Clock
from standin.evidence.jsonlines import JsonLines
from standin.faults import Fault, canonical

FIELDS: Final = (
    "kind",
    "ordinal",
    "server_connection_id",
    "subject",
    "instance",
    "client_port",
    "opened_at",
    "welcomed_at",
    "closed_at",
    "fault",
    "fault_spec",
    "fault_at",
    "ended",
    "close_code",
    "messages",
)
"""Every line has all of them, null where they do not apply: the lines are a table."""


class Record:
    """What happened to one connection: filled while it lives, written once when it is over."""

    def __init__(self, *, ordinal: int, subject: str, instance: str, client_port: int | None, opened_at: int) -> None:
        self._line: dict[str, Any] = {
            **dict.fromkeys(FIELDS),
            "kind": "connection",
            "ordinal": ordinal,
            "subject": subject or None,
            "instance": instance,
            "client_port": client_port,
            "opened_at": opened_at,
            "messages": 0,
        }
        self._faults: list[Fault] = []

    def known_as(self, subject: str, connection_id: str) -> None:
        """The authenticated user and the connection's id in welcome and log."""
        self._line.update(subject=subject, server_connection_id=connection_id)

    def welcomed(self, at_us: int) -> None:
        """The welcome was sent."""
        self._line["welcomed_at"] = at_us

    def hit(self, fault: Fault, at_us: int) -> None:
        """A fault did something to this connection."""
        if fault not in self._faults:
            self._faults.append(fault)
            self._line["fault_at"] = self._line["fault_at"] or at_us

    def message(self) -> None:
        """A client message was taken up."""
        self._line["messages"] += 1

    def end(self, how: str, close_code: int | None = None) -> None:
        """How it ended; the first statement stands, since later ones are consequences."""
        if self._line["ended"] is None:
            self._line.update(ended=how, close_code=close_code)

    def line(self, closed_at: int) -> dict[str, Any]:
        """The finished line."""
        names = ";".join(fault.name for fault in self._faults)
        specs = ";".join(map(canonical, self._faults))
        return {
            **self._line,
            "closed_at": closed_at,
            "fault": names or None,
            "fault_spec": specs or None,
            "ended": self._line["ended"] or "client_gone",
        }


class Truth:
    """Writes records when their connections are over, and windows when they have passed."""

    def __init__(self, lines: JsonLines | None, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock
        self._open: set[Record] = set()

    def opened(self, record: Record) -> None:
        """A connection began."""
        self._open.add(record)

    def closed(self, record: Record) -> None:
        """Its TCP connection is gone: the line is written, once."""
        if record in self._open:
            self._open.remove(record)
            self._add(record.line(self._clock.wall_us()))

    def window(self, fault: Fault, started_at: int, ended_at: int) -> None:
        """The server was affected between these times (microseconds since the epoch)."""
        self._add(
            {
                **dict.fromkeys(FIELDS),
                "kind": "window",
                "opened_at": started_at,
                "closed_at": ended_at,
                "fault": fault.name,
                "fault_spec": canonical(fault),
            }
        )

    def ending(self, how: str, close_code: int | None, fault: Fault | None = None) -> None:
        """All open connections are being ended by the server, perhaps by a fault."""
        for record in self._open:
            if fault is not None:
                record.hit(fault, self._clock.wall_us())
            record.end(how, close_code)

    def finish(self) -> None:
        """The server ends: what is still open ended with it."""
        self.ending("shutdown", None)
        for record in list(self._open):
            self.closed(record)

    def _add(self, line: dict[str, Any]) -> None:
        if self._lines is not None:
            self._lines.add(line)
