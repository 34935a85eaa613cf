"""A recorder that keeps what it is given, after the contract's check, and what the clients' tests share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gevent

from attempts import schema
from attempts.schema import Attempt, ConnectionFacts
from scenarios.addresses import Address, Turns
from scenarios.clients import Services
from scenarios.clock import Clock
from scenarios.machine.lag import LagMeter
from scenarios.plan import ConnectionPlan, Target
from tests.scenarios.kit.events import CHURN, LONG
from tests.scenarios.kit.scripted_server import PONG, Peer


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


def plan_of(rows: Rows, client: str, **values: Any) -> ConnectionPlan:
    usual = {"scenario": "churn", "settings": CHURN, "budgets": LONG, "token_transport": "header"}
    given: dict[str, Any] = {**usual, **values}
    return ConnectionPlan(
        user=0,
        connection=0,
        scheduled_at=rows.services.clock.micros(time.perf_counter()),
        subject="u",
        seed=1,
        client=client,
        **given,
    )


def target_of(port: int, **values: Any) -> Target:
    return Target(**{"scheme": "ws", "host": "127.0.0.1", "port": port, **values})


def serve(peer: Peer) -> None:
    """A good server: a pong to everything, an answer to the close."""
    peer.welcome()
    while True:
        opcode, payload = peer.read_frame()
        if opcode == 0x8:
            peer.frame(0x8, payload)
            return
        if opcode == 0x1:
            peer.json(PONG)


class AsGiven(Turns):
    """No turns: addresses are tried in the order in which they are known."""

    def order(self, addresses: Sequence[Address], *, seed: int) -> list[Address]:
        return list(addresses)
