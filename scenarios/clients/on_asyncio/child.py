"""The asyncio client's process: `python -m scenarios.clients.on_asyncio.child LOOP CLOCK`, started by a worker.

Commands come on standard input, batches of rows go out on standard output; it ends when its input does,
also when the worker was killed. Both pipes are served by threads, because the Proactor loop cannot read
anonymous pipes, and because a full pipe must not block the loop that is being measured. Imports neither
gevent nor Locust.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import BinaryIO, Final

from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients import Services
from scenarios.clients.on_asyncio.driver import AsyncioConnection
from scenarios.clients.on_asyncio.messages import Batch, Cancel, Command, Inbox, StartMessage, Stop, Storm, encoded
from scenarios.clock import Clock
from scenarios.machine.garbage import settle_collector
from scenarios.machine.vitals import Vitals, watch_on_asyncio
from scenarios.plan import ConnectionPlan, ConnectionResult, Target

# A row is at the worker this long after its outcome: fresh enough for screens, rare enough to be cheap.
FLUSH_S: Final = 0.020
# What is in flight for longer than this is told to the worker, so that it is not lost with this process.
TELL_AFTER_S: Final = 0.250
# Batches that wait for the pipe, and rows that wait for a batch: a worker that reads nothing for a minute
# under full load. Then this process gives up, loudly, before it eats the machine's memory.
MAX_BATCHES: Final = 64
MAX_ROWS: Final = 500_000
# How long attempts may take to abort when the end has come.
END_GRACE_S: Final = 2.0
_READ_BYTES: Final = 65_536


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes an event loop of the record's name; raises ImportError or AttributeError where there is none."""
    if name == "uvloop":
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return factory
    classes = {"asyncio-selector": "SelectorEventLoop", "asyncio-proactor": "ProactorEventLoop"}
    found: Callable[[], asyncio.AbstractEventLoop] = getattr(asyncio, classes[name])
    return found


class Outgoing:
    """Collects what the worker is to know, and hands it to the thread that writes it."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._queue: queue.Queue[bytes | None] = queue.Queue(MAX_BATCHES)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        self._facts = 0
        self.batch = Batch()

    def add_facts(self, job: int, facts: ConnectionFacts) -> int:
        """Number the facts of a connection."""
        number = self._facts
        self._facts += 1
        self.batch.facts.append((number, job, facts))
        return number

    def flush(self) -> None:
        """Hand over the batch, unless it is empty or the pipe is behind."""
        batch = self.batch
        if self._queue.full():
            if len(batch.rows) > MAX_ROWS:
                raise RuntimeError(f"the worker has not read for a long time: {len(batch.rows)} rows wait")
            return
        has_news = batch.is_ready or batch.facts or batch.rows or batch.in_flight or batch.ended or batch.health
        if has_news or batch.skipped or batch.problem:
            self.batch = Batch()
            self._queue.put_nowait(encoded(batch))

    @property
    def depth(self) -> int:
        """How many rows and batches wait."""
        return len(self.batch.rows) + self._queue.qsize()

    def close(self) -> None:
        """Write the rest; waits for the pipe, which the worker reads or closes."""
        self._queue.put(encoded(self.batch))
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            while (data := self._queue.get()) is not None:
                self._pipe.write(data)
                self._pipe.flush()
        except OSError:  # the worker is gone, and so is the purpose; but `close` must not wait for room in the queue
            while self._queue.get() is not None:
                pass


class _JobRecorder:
    """A connection's recorder: its facts carry the job."""

    def __init__(self, job: int, outgoing: Outgoing) -> None:
        self._job = job
        self._outgoing = outgoing

    def connection(self, facts: ConnectionFacts) -> int:
        return self._outgoing.add_facts(self._job, facts)

    def write(self, attempt: Attempt) -> None:
        self._outgoing.batch.rows.append(attempt)


class AsyncioChild:
    """The connections of this process."""

    def __init__(self, outgoing: Outgoing, clock: Clock) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._vitals = Vitals(
            unix_us=self._clock.micros,
            open_connections=lambda: self._services.open.count,
            queue_depth=lambda: outgoing.depth,
            greenlets=lambda: len(self._tasks),
        )
        self._services = Services(
            recorder=_JobRecorder(-1, outgoing),
            clock=self._clock,
            lag=self._vitals.lag,
            cpu=lambda: self._vitals.cpu,
        )
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._connections: dict[int, AsyncioConnection] = {}
        self._ended = asyncio.Event()
        self._skipped = 0
        self._told_until = perf_counter()

    async def serve(self) -> None:
        """Until the input ends or something breaks; then abort what is left."""
        self._outgoing.batch.is_ready = True
        watch = asyncio.create_task(
            watch_on_asyncio(self._vitals, lambda health: self._outgoing.batch.health.append(health))
        )
        try:
            while not self._ended.is_set():
                self._tell()
                self._outgoing.flush()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), FLUSH_S)
        finally:
            watch.cancel()
            self._services.stop.give()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=END_GRACE_S)
            self._tell()

    def handle(self, command: Command | None) -> None:
        """Do what the worker says; None = its end."""
        if isinstance(command, StartMessage):
            task = asyncio.create_task(self._run(command.job, command.plan, command.target))
            self._tasks[command.job] = task
        elif isinstance(command, Cancel):
            if command.job in self._tasks:
                self._tasks[command.job].cancel()
        elif isinstance(command, Storm):
            self._services.storm.give()
        elif isinstance(command, Stop):
            self._services.stop.give()
        else:
            self._ended.set()

    async def _run(self, job: int, plan: ConnectionPlan, target: Target) -> None:
        services = dataclasses.replace(self._services, recorder=_JobRecorder(job, self._outgoing))
        result = ConnectionResult(ready=False, ended_by="stop", outcome="aborted", phase="dns")
        try:
            connection = self._connections[job] = AsyncioConnection(plan, target, services)
            result = await connection.run()
        except asyncio.CancelledError:
            pass
        except Exception as error:  # wsoak is wrong: the run must know, and the others go on meanwhile
            self._outgoing.batch.problem = f"A connection of the asyncio client broke: {type(error).__name__}: {error}"
        finally:
            self._outgoing.batch.ended.append((job, result))
            self._connections.pop(job, None)
            self._tasks.pop(job, None)

    def _tell(self) -> None:
        """Add to the batch what was skipped, and what has come to be in flight for a while."""
        skipped = self._services.tally.skipped
        self._outgoing.batch.skipped += skipped - self._skipped
        self._skipped = skipped
        until = perf_counter() - TELL_AFTER_S
        if until - self._told_until < TELL_AFTER_S:
            return
        since, self._told_until = self._told_until, until
        for job, connection in self._connections.items():
            for wait in connection.in_flight():
                if since < wait.started <= until:
                    self._outgoing.batch.in_flight.append((job, wait.attempt))


def _read_commands(loop: asyncio.AbstractEventLoop, child: AsyncioChild) -> None:
    inbox = Inbox()
    with contextlib.suppress(RuntimeError):  # the loop has closed
        while data := os.read(0, _READ_BYTES):
            for command in inbox.commands(data):
                loop.call_soon_threadsafe(child.handle, command)
        loop.call_soon_threadsafe(child.handle, None)


async def _main(outgoing: Outgoing, clock: Clock) -> None:
    child = AsyncioChild(outgoing, clock)
    loop = asyncio.get_running_loop()
    threading.Thread(target=_read_commands, args=(loop, child), daemon=True).start()
    await child.serve()


def main() -> int:
    """Serve until the worker's end. Returns the exit status."""
    # Ctrl-C reaches the whole group: the worker stops us when its rows are in.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not write between the messages
    outgoing = Outgoing(pipe)
    settle_collector()
    try:
        with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
            runner.run(_main(outgoing, Clock.from_words(*sys.argv[2:4])))
    except Exception as error:
        outgoing.batch.problem = f"The asyncio client's process broke: {type(error).__name__}: {error}"
        return 3
    finally:
        outgoing.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
