"""The asyncio client, as a worker sees it: connections are run by a child process, one for each event loop.

The child is started when its first connection comes and again after it has died; a stop ends it. Its rows
arrive in batches and are written by this process; what was in flight in a child that died is written as
`failed`, cause `harness`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

import gevent
import gevent.event
import gevent.queue
import gevent.subprocess as subprocess

from attempts.schema import Attempt, Health
from scenarios.child_environment import child_environment
from scenarios.clients import Services
from scenarios.clients.on_asyncio.messages import Batch, Cancel, Command, Inbox, StartMessage, Stop, Storm, encoded
from scenarios.clients.tls import PASSPHRASE_VARIABLE
from scenarios.errors import HarnessError
from scenarios.exit_words import how_ended
from scenarios.machine.fingerprint import SALT_VARIABLE
from scenarios.plan import SHOWN, ConnectionPlan, ConnectionResult, RowSink, Target
from scenarios.session.ledger import End

# A cold start imports websockets and opens nothing: 0.3 s; a machine a hundred times slower still starts.
READY_TIMEOUT_S: Final = 30.0
# After a stop every attempt is aborted within milliseconds; a child that takes longer is killed.
STOP_GRACE_S: Final = 3.0
_READ_BYTES: Final = 262_144
_ROOT: Final = Path(__file__).parents[3]
_DIED: Final = End("harness", detail="the asyncio client's process died")


class HealthRecorder(RowSink, Protocol):
    """A recorder that takes vitals, too."""

    def health(self, health: Health) -> None:
        """Keep one second's vitals."""


class _Job:
    """One connection that the child runs."""

    def __init__(self, plan: ConnectionPlan, started: float) -> None:
        self.plan = plan
        self.started = started
        self.result: gevent.event.AsyncResult[ConnectionResult] = gevent.event.AsyncResult()
        self.facts = -1  # of the worker's recorder
        self.numbers: list[int] = []  # of its facts, as the child counts them
        self.in_flight: dict[tuple[str, int], Attempt] = {}


class ChildProcess:
    """A child and its connections; `start` it.

    Args:
        event_loop: asyncio-selector, asyncio-proactor or uvloop.
        services: The worker's.
    """

    def __init__(self, event_loop: str, services: Services) -> None:
        self._services = services
        self._recorder = services.recorder if services.child_recorder is None else services.child_recorder(event_loop)
        self._jobs: dict[int, _Job] = {}
        self._facts: dict[int, tuple[_Job, int]] = {}  # the child's number -> job, our number
        self._next_job = 0
        self._inbox = Inbox()
        self._commands: Any = gevent.queue.SimpleQueue()
        self._ready: gevent.event.AsyncResult[bool] = gevent.event.AsyncResult()
        self._is_ending = False
        self.is_dead = False
        self._process: Any = None
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self._event_loop = event_loop

    def start(self) -> None:
        """Start the process. Starting one lets other greenlets run: by then they must find this child.

        Raises:
            HarnessError: The machine has no room for it.
        """
        services = self._services
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "scenarios.clients.on_asyncio.child",
                    self._event_loop,
                    *services.clock.as_words(),
                ],
                cwd=_ROOT,
                env=child_environment(
                    os.environ,
                    keep=(PASSPHRASE_VARIABLE, SALT_VARIABLE),
                    named=services.secret_variables,
                    has_foreign=True,
                ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        except OSError as error:
            self.is_dead = True
            self._ready.set(False)
            raise HarnessError(f"The asyncio client's process cannot be started: {error.strerror}.") from error
        services.stop.subscribe(self, self._stop)
        services.storm.subscribe(self, lambda: self._commands.put(Storm()))
        self._greenlets = [gevent.spawn(self._write), gevent.spawn(self._read)]

    @property
    def pid(self) -> int:
        """The process id."""
        return int(self._process.pid)

    def run(self, plan: ConnectionPlan, target: Target) -> ConnectionResult:
        """Have the child run one connection; see `scenarios.clients.run_connection`."""
        number = self._next_job
        self._next_job += 1
        job = self._jobs[number] = _Job(plan, perf_counter())
        if self.is_dead:
            self._lose(number, job)
        self._commands.put(StartMessage(number, plan, target))
        try:
            result = job.result.get()
        except BaseException:  # killed: its rows still come, and the greenlet waits for them, not for long
            self._commands.put(Cancel(number))
            job.result.wait(timeout=STOP_GRACE_S)
            raise
        assert result is not None
        return result

    def close(self) -> None:
        """End the child; what is in flight is aborted. Waits for its last rows."""
        self._end_input()
        gevent.joinall(self._greenlets, timeout=STOP_GRACE_S)
        if not self.is_dead and self._process is not None:
            self._process.kill()
            gevent.joinall(self._greenlets, timeout=STOP_GRACE_S)

    def wait_until_ready(self) -> None:
        """Wait for the child's first word.

        Raises:
            HarnessError: It does not come.
        """
        if self._ready.ready() and self._ready.get():
            return
        if self._ready.wait(timeout=READY_TIMEOUT_S) is not True:
            self.close()
            raise HarnessError(
                f"The asyncio client's process cannot be started on the loop {self._event_loop!r} "
                f"(it {how_ended(self._exit_status())}): see its message above."
            )

    def _exit_status(self) -> int | None:
        status: int | None = self._process.poll() if self._process is not None else None
        return status

    def _stop(self) -> None:
        self._commands.put(Stop())
        gevent.spawn_later(STOP_GRACE_S, self._kill_if_needed)
        self._end_if_idle()

    def _kill_if_needed(self) -> None:
        if not self.is_dead:
            self._process.kill()

    def _end_if_idle(self) -> None:
        if self._services.stop and not self._jobs:
            self._end_input()

    def _end_input(self) -> None:
        """Tell the child that the end has come: behind all commands, its input closes."""
        if not self._is_ending:
            self._is_ending = True
            self._commands.put(None)

    # -- the two pipes ----------------------------------------------------------------------------------------

    def _write(self) -> None:
        pipe: Any = self._process.stdin
        with contextlib.suppress(OSError):  # the child is gone; `_read` sees it
            while (command := self._next_command()) is not None:
                data = memoryview(encoded(command))
                while data:
                    data = data[pipe.write(data) :]
        with contextlib.suppress(OSError):
            pipe.close()

    def _next_command(self) -> Command | None:
        command: Command | None = self._commands.get()
        return command

    def _read(self) -> None:
        pipe: Any = self._process.stdout
        try:
            while data := pipe.read(_READ_BYTES):
                for batch in self._inbox.batches(data):
                    self._take(batch)
        except Exception as error:  # the recorder, or the pipe's contents: a loud end, but an end
            self._services.problem(f"Rows of the asyncio client were lost: {type(error).__name__}: {error}")
            self._process.kill()
        finally:
            self.is_dead = True
            self._reap()
            self._died()
            pipe.close()

    def _reap(self) -> None:
        """Wait for the end of a process that has closed its pipe: only then it is known how it ended."""
        try:
            self._process.wait(timeout=STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _take(self, batch: Batch) -> None:
        services = self._services
        if batch.is_ready:
            self._ready.set(True)
        if batch.problem:
            services.problem(batch.problem)
        for number, job_number, facts in batch.facts:
            job = self._jobs[job_number]
            job.facts = self._recorder.connection(facts)
            job.numbers.append(number)
            self._facts[number] = job, job.facts
        for job_number, attempt in batch.in_flight:
            job = self._jobs[job_number]
            job.in_flight[attempt.kind, attempt.started_at] = attempt
        numbered = self._facts
        for row in batch.rows:
            job, row.facts = numbered[row.facts]
            if job.in_flight:
                job.in_flight.pop((row.kind, row.started_at), None)
            self._record(job, row)
        services.tally.skip(batch.skipped)
        for job_number, result in batch.ended:
            self._forget(job_number).result.set(result)
        record_health = getattr(self._recorder, "health", None) if services.child_recorder is not None else None
        if record_health is not None:
            for health in batch.health:
                record_health(health)
        self._end_if_idle()

    def _forget(self, number: int) -> _Job:
        """A connection has ended: its last row has come. A day of them would fill the memory, tokens and all."""
        job = self._jobs.pop(number)
        for facts in job.numbers:
            del self._facts[facts]
        return job

    def _record(self, job: _Job, row: Attempt) -> None:
        services = self._services
        tally = services.tally
        tally.planned += 1
        tally.started += 1
        if row.outcome == "ok":
            tally.ok += 1
        else:
            setattr(tally, row.outcome, getattr(tally, row.outcome) + 1)
        self._recorder.write(row)
        if services.on_attempt is not None and row.kind in SHOWN:
            services.on_attempt(job.plan, row)

    # -- a child that died --------------------------------------------------------------------------------------

    def _died(self) -> None:
        self.is_dead = True
        self._services.stop.unsubscribe(self)
        self._services.storm.unsubscribe(self)
        self._end_input()
        if not self._ready.ready():
            self._ready.set(False)
        if self._jobs and not self._services.stop:
            self._services.loss(
                f"The asyncio client's process, with {len(self._jobs)} connections, {how_ended(self._exit_status())}; "
                "it is started again."
            )
        for number, job in list(self._jobs.items()):
            try:
                self._lose(number, job)
            except Exception as error:  # the recorder is closed: whoever waits for the job must not wait on
                self._services.problem(f"Rows of the asyncio client were lost: {type(error).__name__}: {error}")
                job.result.set(ConnectionResult(ready=False, ended_by="failure", outcome="failed", phase="dns"))
        self._jobs.clear()

    def _lose(self, number: int, job: _Job) -> None:
        """Write what a connection was waiting for when its process died, as far as it was told."""
        plan, now = job.plan, perf_counter()
        outcome, end = ("aborted", End()) if self._services.stop else ("failed", _DIED)
        is_ready = job.facts >= 0
        lost = list(job.in_flight.values())
        if not is_ready:
            job.facts = self._recorder.connection(plan.facts())
            if not lost:
                lost = [self._unknown_connect(job)]
        for attempt in lost:
            attempt.facts = job.facts
            attempt.duration_s = max(0.0, now - self._services.clock.monotonic(attempt.started_at))
            attempt.outcome, attempt.cause, attempt.detail = outcome, end.cause, end.detail or None
            for counter in ("frames_in", "frames_out", "bytes_in", "bytes_out"):
                setattr(attempt, counter, 0)  # only the child knew
            self._record(job, attempt)
        self._forget(number)
        job.result.set(
            ConnectionResult(
                ready=is_ready,
                ended_by="stop" if self._services.stop else "failure",
                outcome=outcome,
                phase="hold" if is_ready else "dns",
                cause=end.cause,
            )
        )

    def _unknown_connect(self, job: _Job) -> Attempt:
        """A connect of which nothing was heard: it was assigned, and then the child was gone."""
        return Attempt(
            kind="connect",
            operation="connect",
            scheduled_at=job.plan.scheduled_at,
            started_at=self._services.clock.micros(job.started),
            duration_s=0.0,
            budget_s=job.plan.budgets.connect_s,
            outcome="",
            phase="dns",
        )


def prepare(event_loop: str, services: Services) -> ChildProcess:
    """The running child for an event loop; starts one if there is none.

    Raises:
        HarnessError: It cannot be started (the loop is not installed, say).
    """
    child = services.children.get(event_loop)
    if not isinstance(child, ChildProcess) or child.is_dead:
        child = services.children[event_loop] = ChildProcess(event_loop, services)
        child.start()
    child.wait_until_ready()
    return child


def run(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
    """Run one connection; see `scenarios.clients`.

    Raises:
        HarnessError: As `prepare`.
    """
    return prepare(plan.event_loop, services).run(plan, target)


def close_children(services: Services) -> None:
    """End all children of a worker; a stop has usually done it already."""
    for child in list(services.children.values()):
        child.close()
    services.children.clear()
