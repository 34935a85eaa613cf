"""The base of every control probe: one row a turn, on a line of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

import gevent

from attempts.schema import Attempt, ConnectionFacts
from scenarios.addresses import Turns
from scenarios.clients import Services, dial
from scenarios.clients.on_gevent.line import Line, LineFailed, OutOfTime
from scenarios.evidence.endpoint import Seen
from scenarios.plan import Header, Target, Token
from scenarios.session.ledger import NOTHING, End, Wait


@dataclass(frozen=True, kw_only=True)
class ProbePlan:
    """What a process's probes need to know.

    Attributes:
        every_s: Time between two probes of a kind.
        budget_s: Longest wait of one probe.
        user: The virtual user that their rows carry.
        event_loop: As in the record.
        next_connection: Numbers connections, within the worker.
        health_path: Of the health page; "" = it is not asked for.
        subject, token: As whom the idle socket connects; a token is asked for when it dials.
        has_token: Whether there is a token now; asked before a turn that dials.
        headers, token_transport: As for the sessions.
    """

    every_s: float
    budget_s: float
    user: int
    event_loop: str
    next_connection: Callable[[], int]
    health_path: str
    subject: str
    token: Callable[[], Token | None]
    has_token: Callable[[], bool] = lambda: True
    headers: tuple[Header, ...] = ()
    token_transport: str = "protocol"


class Probe(Line):
    """One kind of probe: its rows, on a line of its own. Made in the greenlet that runs it.

    Its turns at the target's addresses are its own: those of the sessions stay even.
    """

    operation: ClassVar[str]

    def __init__(self, target: Target, services: Services, plan: ProbePlan) -> None:
        super().__init__(target, services, Turns())
        self.plan = plan
        self.ledger = services.ledger(services.probe_tally, token_issued_at=None)
        self._facts = -1

    def wait_until(self, moment: float) -> None:
        """Until the next turn."""
        gevent.sleep(max(0.0, moment - perf_counter()))

    @property
    def may_begin(self) -> bool:
        """Whether the next turn has all that it needs; what is missing is no failure of the target's."""
        return True

    def run(self, scheduled_at: float, *, skipped: int) -> None:
        """One turn, one row."""
        now = perf_counter()
        self.phase = "tcp"
        self.took.clear()
        self.deadline = now + self.plan.budget_s
        self.ledger.endpoint = self.end
        wait = self.ledger.start(
            *("probe", self.operation, self.plan.budget_s, now), phase="tcp", scheduled_at=scheduled_at, skipped=skipped
        )
        try:
            self.turn(wait.attempt)
        except OutOfTime as late:
            now = perf_counter()
            self.ledger.endpoint = Seen(late.seen)  # the socket is closed before the row is written
            self._finish(wait, "timeout", wait.blame(now, answered=late.is_answered))
        except LineFailed as failure:
            self._finish(wait, "failed", failure.end)
        except OSError as error:
            self._finish(wait, "failed", dial.end_of_os_error(error))
        except gevent.GreenletExit:
            self._finish(wait, "aborted", NOTHING)
            raise
        except BaseException:
            self._finish(wait, "failed", End("harness"))
            raise
        else:
            self._finish(wait, "ok", NOTHING)

    def turn(self, attempt: Attempt) -> None:
        """What is probed; sets `phase` on the way."""
        raise NotImplementedError

    def new_connection(self) -> int:
        """Rows from now on are of another connection."""
        number = self.number = self.plan.next_connection()
        self._facts = self.services.recorder.connection(
            ConnectionFacts(
                user=self.plan.user,
                connection=number,
                subject=self.plan.subject,
                scenario="probe",
                client="probe",
                event_loop=self.plan.event_loop,
            )
        )
        return number

    def _finish(self, wait: Wait, outcome: str, end: End) -> None:
        if self._facts < 0:
            self.new_connection()
        attempt = wait.attempt
        attempt.phase = self.phase
        for column, seconds in self.took.items():
            setattr(attempt, column, seconds)
        self.ledger.finish(wait, perf_counter(), outcome, end)
        for row in self.ledger.finished:
            row.facts = self._facts
            self.services.recorder.write(row)
        self.ledger.finished.clear()
