"""A recorder that keeps what it is given, after the contract's check, and the services around it."""

from __future__ import annotations

import time

import gevent

from attempts import schema
from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients import Services
from scenarios.clock import Clock
from scenarios.lag import LagMeter


class Rows:
    """Use as a context manager where the loop's lag is to be measured."""

    def __init__(self) -> None:
        self.written: list[Attempt] = []
        self.facts: list[ConnectionFacts] = []
        self.meter = LagMeter()
        self.services = Services(recorder=self, clock=Clock.now(), lag=self.meter)
        self._ticker: gevent.Greenlet[[], None] | None = None

    def connection(self, facts: ConnectionFacts) -> int:
        self.facts.append(facts)
        return len(self.facts) - 1

    def write(self, attempt: Attempt) -> None:
        schema.check(attempt)
        assert 0 <= attempt.facts < len(self.facts)
        self.written.append(attempt)

    def of(self, kind: str) -> list[Attempt]:
        return [row for row in self.written if row.kind == kind]

    def __enter__(self) -> Rows:
        self._ticker = gevent.spawn(self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ticker is not None:
            self._ticker.kill()

    def _tick(self) -> None:
        while True:
            self.meter.tick(time.perf_counter())
            gevent.sleep(self.meter.interval_s)
