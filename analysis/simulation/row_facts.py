"""What is true of all rows of a simulated connection, and which connections of a worker were open when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.simulation.design import ASYNCIO_CLIENT, CLIENTS, Bools, Design, Floats, Ints, arm_of
from analysis.simulation.row_blocks import reached_upgrade, rtt_s_of
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import CONNECT_BUDGET_S, LOOPS, READY_S, Sessions

# The places of a host's processes: two of gevent, one of asyncio, one that probes, one of a second asyncio loop.
ASYNCIO_SLOT: Final = 2
PROBE_SLOT: Final = 3
SECOND_LOOP_SLOT: Final = 4


@dataclass
class Counters:
    """What is numbered within a worker, carried from chunk to chunk: (workers,) each."""

    connections: Ints
    rows: Ints

    @classmethod
    def start(cls, design: Design) -> Counters:
        """Nothing numbered yet."""
        workers = design.host_count * design.workers_per_host
        return cls(connections=np.zeros(workers, dtype=np.int64), rows=np.zeros(workers, dtype=np.int64))


@dataclass
class Facts:
    """The columns of a connection's level, (n,) each."""

    host: Ints
    worker: Ints
    connection: Ints
    user: Ints
    subject: Ints
    client: Ints
    loop: Ints
    delay: Ints
    mitigation: Ints
    retry: int
    instance: Ints
    preface: Ints
    token_age_s: Floats
    started_up: Bools
    ready_s: Floats
    rtt_s: Floats
    scenario: Ints
    opened: Opened | None


@dataclass
class Opened:
    """When connections of each worker came and went, to count those that were open at a moment."""

    begun: Floats
    ended: Floats
    span_s: float

    @classmethod
    def of(cls, worker: Ints, from_s: Floats, to_s: Floats, span_s: float) -> Opened:
        """From (n,) workers, starts and ends, all below the span."""
        begun, ended = (np.sort(worker * span_s + np.minimum(moment, span_s - 1.0)) for moment in (from_s, to_s))
        return cls(begun=begun, ended=ended, span_s=span_s)

    def count(self, worker: Ints, at_s: Floats) -> Ints:
        """Connections of a worker that were open at a moment."""
        key = worker * self.span_s + at_s
        # Workers before this one have all ended theirs.
        return np.searchsorted(self.begun, key, side="right") - np.searchsorted(self.ended, key, side="right")


def facts_of(sessions: Sessions, connection: Ints, worker: Ints) -> Facts:
    """What is true of the rows of sessions, whose connections are numbered."""
    return Facts(
        host=sessions.host,
        worker=worker,
        connection=connection,
        user=connection % 50,
        subject=sessions.subject,
        client=sessions.client,
        loop=sessions.loop,
        delay=sessions.delay,
        mitigation=sessions.mitigation,
        retry=sessions.retry,
        # Named in the answer to the upgrade: unknown where the connect did not come that far.
        instance=np.where(reached_upgrade(sessions) & sessions.design.names_instances, sessions.instance, -1),
        preface=np.where(reached_upgrade(sessions), sessions.preface, -1),
        token_age_s=sessions.token_age_s,
        started_up=sessions.started_up,
        ready_s=sessions.at_s + READY_S,
        rtt_s=rtt_s_of(sessions),
        scenario=sessions.scenario,
        opened=_opened(sessions, worker),
    )


def _opened(sessions: Sessions, worker: Ints) -> Opened | None:
    """Who was open when; None where sessions are no more than their plan."""
    if sessions.design.session_s is None:
        return None
    ready, open_s, _ = sessions.end()
    end_s = sessions.at_s + CONNECT_BUDGET_S
    end_s[ready] = sessions.at_s[ready] + READY_S + open_s
    return Opened.of(worker, sessions.at_s, end_s, 2.0 * sessions.design.duration_s + 1.0)


def gevent_loop(scene: Scene) -> Ints:
    """(hosts,) numbers into `LOOPS`: the loop that gevent runs on, on each host's platform."""
    loops = [LOOPS.index(arm_of(CLIENTS[0], name)[1]) for name in scene.design.platforms]
    return np.array(loops, dtype=np.int64)[scene.host_platform]


def number_connections(sessions: Sessions, counters: Counters) -> tuple[Ints, Ints]:
    """(n,) the number of each connection within its worker, and (n,) its worker."""
    # Each asyncio loop lives in a process of its own; the others share two.
    of_gevent = sessions.rng.integers(0, 2, len(sessions.at_s))
    of_asyncio = np.where(sessions.off_default, SECOND_LOOP_SLOT, ASYNCIO_SLOT)
    slot = np.where(sessions.client == ASYNCIO_CLIENT, of_asyncio, of_gevent)
    worker = sessions.host * sessions.design.workers_per_host + slot
    return next_numbers(worker, counters.connections), worker


def next_numbers(worker: Ints, counter: Ints) -> Ints:
    """The next numbers of each row's worker, in the order of the rows; the counter moves on."""
    order = np.argsort(worker, kind="stable")
    counts = np.bincount(worker, minlength=len(counter))
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    numbers = np.empty(len(worker), dtype=np.int64)
    numbers[order] = np.arange(len(worker)) - np.repeat(before, counts) + np.repeat(counter, counts)
    counter += counts
    return numbers
