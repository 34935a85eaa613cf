"""What a connection is on every loop: its session, its dialler and its rows. The drivers add how bytes move."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from scenarios.clients import Services
from scenarios.clients.dialler import Dialler
from scenarios.plan import SHOWN, ConnectionPlan, Target
from scenarios.protocols.load import load_protocol
from scenarios.session.session import Session

# After the closing handshake the server closes TCP first (RFC 6455, section 7.1.1): then TIME_WAIT stays
# on its side, and our ephemeral ports stay free. It is given this long.
LINGER_S: Final = 1.0


class Over(Exception):
    """The session has ended while dialling; its rows are ready."""


class Connection:
    """One connection, from its first socket call to its last row, without the moving of bytes."""

    def __init__(self, plan: ConnectionPlan, target: Target, services: Services) -> None:
        self._plan = plan
        self._target = target
        self._services = services
        self._protocol = load_protocol(target.protocol)
        ledger = services.ledger(services.tally, token_issued_at=plan.token.issued_at if plan.token else None)
        self._session = Session(plan, protocol=self._protocol, ledger=ledger, now=perf_counter())
        self._dialler = Dialler(
            target,
            self._session,
            services.addresses,
            stop=services.stop,
            delay_s=plan.delay_s,
            seed=plan.seed,
            must_refuse=plan.expect_refusal,
        )
        self._storms = services.storm.count
        self._facts = -1
        self._is_open = False

    def _begin(self) -> None:
        """The first socket call is about to be made."""
        now = perf_counter()
        self._session.begin(now, scheduled_at=self._services.clock.monotonic(self._plan.scheduled_at))
        self._dialler.begin(now)

    def _opened(self) -> None:
        """TCP is there: count it until `_closed`."""
        self._is_open = True
        self._services.open.count += 1

    def _closed(self) -> None:
        self._services.open.count -= self._is_open
        self._is_open = False

    def _tick(self) -> None:
        """The run has stopped, a storm has come, or it is the deadline; all that was there has been fed."""
        session, services, now = self._session, self._services, perf_counter()
        if services.stop:
            session.stop(now)
        elif services.storm.count != self._storms:
            self._storms = services.storm.count
            session.storm(now)
        else:
            session.tick(now)

    def _record(self) -> None:
        """Write the rows that are finished."""
        finished = self._session.finished
        if not finished:
            return
        recorder, on_attempt = self._services.recorder, self._services.on_attempt
        if self._facts < 0:
            assert self._session.facts is not None
            self._facts = recorder.connection(self._session.facts)
        for attempt in finished:
            attempt.facts = self._facts
            recorder.write(attempt)
            if on_attempt is not None and attempt.kind in SHOWN:
                on_attempt(self._plan, attempt)
        finished.clear()
