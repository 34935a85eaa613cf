"""Two things that Locust's own handling of messages gets wrong for fleets whose workers come and go.

A worker that connects to a running run gets its users at once, before its `init` event: whatever that sets up is not
there. And what changes the number of workers is handled by the one greenlet that reads all messages: while it deals
users anew, which lasts as long as a ramp, or ends the run because the last worker has left, it reads nothing, neither
heartbeats nor the rows that the end waits for.
"""

from __future__ import annotations

from locust import runners
from locust.rpc.protocol import Message

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import gevent
import gevent.queue

# What `init` itself waits for, and what has to do with no run.
_OF_NO_RUN: Final = ("ack", "heartbeat", "soak_time")
# After each of these Locust may deal all users anew, or stop.
_CHANGES_OF_WORKERS: Final = ("client_ready", "client_stopped", "quit")


class Gate:
    """Keeps what the master sends to a worker until the worker's `init` event is over. One for a process."""

    def __init__(self) -> None:
        self._kept: dict[int, deque[Message]] = {}
        self._takes: dict[int, Callable[[Message], bool]] = {}
        self._handle = runners.WorkerRunner.handle_message

    def install(self) -> None:
        """From now on, for all workers of this process."""
        gate = self

        def handle_message(runner: runners.WorkerRunner, msg: Message) -> None:
            gate.come(runner, msg)

        runners.WorkerRunner.handle_message = handle_message  # type: ignore[method-assign, assignment]

    def come(self, runner: runners.WorkerRunner, msg: Message) -> None:
        """A message has come: handle it, or keep it behind those that wait."""
        kept = self._kept.setdefault(id(runner.environment), deque())
        takes = self._takes.get(id(runner.environment))
        if msg.type in _OF_NO_RUN or (takes is not None and not kept):
            if takes is None or takes(msg):
                self._handle(runner, msg)
            return
        kept.append(msg)

    def open(self, runner: runners.WorkerRunner, *, takes: Callable[[Message], bool]) -> None:
        """`init` is over. `takes` says of each message whether it is handled at all."""
        self._takes[id(runner.environment)] = takes
        gevent.spawn(self._handle_kept, runner, takes)

    def _handle_kept(self, runner: runners.WorkerRunner, takes: Callable[[Message], bool]) -> None:
        """In their order; what comes meanwhile comes behind them, so the last one goes when it has been handled."""
        kept = self._kept.setdefault(id(runner.environment), deque())
        while kept:
            if takes(kept[0]):
                _handled(runner, self._handle, runner, kept[0])
            kept.popleft()


class SideLane:
    """Handles what changes the number of a master's workers in its order, and beside all other messages."""

    def __init__(self, runner: runners.MasterRunner) -> None:
        self._runner = runner
        self._handle = runner.handle_message
        self._waiting: gevent.queue.Queue[tuple[str, Message]] = gevent.queue.Queue()
        self._ready: set[str] = set()  # a worker says that it is ready every 5 s until it is answered
        runner.handle_message = self._take  # type: ignore[method-assign]
        gevent.spawn(self._work)

    def _take(self, client_id: str, msg: Message) -> None:
        if msg.type not in _CHANGES_OF_WORKERS:
            self._handle(client_id, msg)
            return
        if msg.type == "client_ready":
            if client_id in self._ready:
                return
            self._ready.add(client_id)
        self._waiting.put((client_id, msg))

    def _work(self) -> None:
        while True:
            client_id, msg = self._waiting.get()
            _handled(self._runner, self._handle, client_id, msg)
            if msg.type == "client_ready":
                self._ready.discard(client_id)


def _handled(runner: runners.Runner, handle: Callable[..., None], *given: Any) -> None:
    """Handle a message in a greenlet of its own: what it raises is Locust's to log, and ends nothing else."""
    one = gevent.Greenlet(handle, *given)
    one.link_exception(runners.locust_exception_handler(runner.environment))
    one.start()
    one.join()


def watch_spawns(runner: runners.MasterRunner, told: Callable[[str], Any]) -> None:
    """Be told of each worker that users are dealt to. Call it again now and then: Locust may have made a new server."""
    send = runner.server.send_to_client
    if getattr(send, "is_watched", False):
        return

    def watched(msg: Message) -> Any:
        if msg.type == "spawn":
            told(msg.node_id)
        return send(msg)

    watched.is_watched = True  # type: ignore[attr-defined]
    runner.server.send_to_client = watched
