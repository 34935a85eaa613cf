"""A connection as it is on every loop: its session, its dialler and its rows. The drivers move the bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from scenarios.clients import Services
from scenarios.clients.dialler import Dialler
from scenarios.clients.own_end import OwnEnd
from scenarios.evidence.endpoint import Nothing
from scenarios.plan import SHOWN, ConnectionPlan, Target
from scenarios.protocols.load import load_protocol
from scenarios.session.ledger import LATE_S, End
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
        self._protocol = load_protocol(target.protocol, target.messages)
        ledger = services.ledger(services.tally, token_issued_at=plan.token.issued_at if plan.token else None)
        self._end = OwnEnd(is_direct=target.relay is None, is_proactor=plan.event_loop == "asyncio-proactor")
        ledger.endpoint = self._end
        self._ledger = ledger
        self._session = Session(plan, protocol=self._protocol, ledger=ledger, now=perf_counter())
        self._dialler = Dialler(
            target,
            self._session,
            services.addresses,
            services.turns,
            stop=services.stop,
            delay_s=plan.delay_s,
            seed=plan.seed,
            must_refuse=plan.expect_refusal,
            leads=self._end.leads,
        )
        self._storms = services.storm.count
        self._facts = -1
        self._is_open = False

    @contextmanager
    def _lived(self, wake: Callable[[], None]) -> Iterator[None]:
        """The connection's life: whatever ends it, its rows are written and its socket is freed.

        Args:
            wake: Ends a wait; called when the run stops.
        """
        services, session = self._services, self._session
        services.stop.subscribe(self, wake)
        try:
            yield
        except Over:
            pass
        except Exception as error:  # wsoak's own fault: loud, but the rows first
            session.failed(End("harness", detail=type(error).__name__), perf_counter())
            raise
        finally:
            # A kill, or a task that is cancelled, comes this way, too: what is in flight is aborted, nothing waits.
            services.stop.unsubscribe(self)
            services.storm.unsubscribe(self)
            session.stop(perf_counter())
            try:
                self._record()
            finally:
                # The end knows the wire or the loop's connection, which know the session: no cycle is left behind.
                self._ledger.endpoint = Nothing()
                self._free()
                services.open.count -= self._is_open

    def _free(self) -> None:
        """Tell the peer, if that needs no waiting, and free the socket."""
        raise NotImplementedError

    def _begin(self) -> None:
        """The first socket call is about to be made."""
        now = perf_counter()
        self._session.begin(now, scheduled_at=self._services.clock.monotonic(self._plan.scheduled_at))
        self._dialler.begin(now)

    def _opened(self) -> None:
        """TCP is there."""
        self._is_open = True
        self._services.open.count += 1

    def _upgraded(self, wake: Callable[[], None]) -> None:
        """The session may hear of storms now; an earlier one was not its own."""
        self._storms = self._services.storm.count
        self._services.storm.subscribe(self, wake)

    def _must_ask(self, now: float) -> bool:
        """Whether the relay is to be asked before the deadline is handled; directly connected sessions need nobody."""
        return self._target.relay is not None and not self._services.stop and self._session.asks(now)

    def _may_feed(self) -> bool:
        """Whether what has come since the deadline may be fed before it is handled.

        Beyond this an answer would look as though the loop had been late, and it was the relay that was slow to tell:
        it is fed after the deadline then, as any that is late.
        """
        return perf_counter() < self._session.deadline + LATE_S

    def _tick(self, *, came_at: float | None = None) -> None:
        """The run has stopped, a storm has come, or it is the deadline; all that was there has been fed.

        Args:
            came_at: When the deadline was come to, if the relay has been asked since.
        """
        session, services, now = self._session, self._services, perf_counter()
        if services.stop:
            session.stop(now)
        elif services.storm.count != self._storms:
            self._storms = services.storm.count
            session.storm(now)
        else:
            session.tick(now, came_at=came_at)

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
