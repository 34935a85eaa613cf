"""One load-generating process during one run: its recorder, its vitals, and what every user shares.

Everything that a connection needs from its process is a field of `Services`; this module makes them,
keeps the spool moving, and at the end says what was written. It knows Locust only through the callback
for its screens.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import random
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gevent
import gevent.event
import msgspec
from gevent.threadpool import ThreadPool

from attempts.schema import Attempt, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import FLUSH_S, Spool
from scenarios.clients import CLIENTS, Services, distinct, prepare, run_connection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clock import Clock
from scenarios.credentials.credentials import LEASE_WAIT_S, credentials_for
from scenarios.credentials.subjects import NoSubjectFree
from scenarios.errors import HarnessError, ProtocolFault
from scenarios.experiment.arms import Assignment, Dealer, Plan
from scenarios.experiment.backoff import RECONNECT_PAUSE_S, backoff_s, pause_after
from scenarios.load.open_starts import MAX_LATE_S, OpenStarts
from scenarios.machine.fingerprint import fingerprint, gevent_loop_name, library_versions, worker_facts
from scenarios.machine.vitals import GeventWatch, Vitals
from scenarios.options import Settings
from scenarios.plan import Budgets, ConnectionPlan, ConnectionResult, Setting, Target
from scenarios.probes.kinds import Prober
from scenarios.probes.probe import ProbePlan
from scenarios.redact import redacted
from scenarios.run_file import RelayEntry, WorkerEntry
from scenarios.run_order import GeneratorReport, RunOrder
from scenarios.session.scripts import LONGER_FACTOR

# Comes with credentials that must be refused.
PROBE_SCENARIO: Final = "auth_probe"

# A closing handshake's row comes when its session has ended; so much later than its budget at the most.
LATE_ROWS_S: Final = 20.0


def arm_plan(settings: Settings) -> Plan:
    """The experiment that the options ask for."""
    return Plan(client=settings.client, delay_ms=settings.delay_ms, mitigation=settings.mitigation, seed=settings.seed)


def budgets_of(settings: Settings) -> Budgets:
    """The waits that the options ask for."""
    return Budgets(
        connect_s=settings.connect_budget_s,
        exchange_s=settings.exchange_budget_s,
        sequence_s=settings.exchange_budget_s * 3,
        close_s=settings.close_budget_s,
        peer_check_s=settings.peer_check_s,
    )


def script_settings_of(settings: Settings) -> dict[str, Setting]:
    """The part of the options that scripts read."""
    return {
        "operations": dict(settings.operations),
        "pace_s": settings.pace_s,
        "session_s": settings.session_s,
        "churn_exchanges": settings.churn_exchanges,
        "heartbeat_s": settings.heartbeat_s,
        "storm_jitter_s": settings.storm_jitter_s,
    }


class LoadGenerator:
    """A process's part in one run, from `start` to `finish`.

    Args:
        order: From the controller.
        settings: The options.
        spool_folder: Where this process may write.
        target: Where connections go, by this process's own way (its relay).
        worker_key: Stable name of this worker within the plan (Locust's index).
        on_attempt: For the screens.
    """

    def __init__(
        self,
        order: RunOrder,
        settings: Settings,
        *,
        spool_folder: Path,
        target: Target,
        worker_key: int = 0,
        on_attempt: Callable[[Attempt], None],
    ) -> None:
        self.order = order
        self._target = target
        self.problems: list[str] = []
        self.must_end = False
        self.relay: RelayEntry | None = None
        self._settings = settings
        self._clock = Clock.now()
        self._fingerprint = fingerprint()
        self._versions = library_versions()
        self.facts = worker_facts(
            run_id=order.run_id,
            worker=secrets.token_hex(8),
            site=settings.site or None,
            platform_label=settings.platform_label or None,
            seen=self._fingerprint,
        )
        self._spool = Spool(spool_folder)
        self._recorders: list[Recorder] = []
        self._recorder = self._new_recorder(self.facts)
        self._disk = ThreadPool(1)
        self._budgets = budgets_of(settings)
        self._script_settings = script_settings_of(settings)
        clients = distinct(settings.client)
        self._dealer = Dealer(dataclasses.replace(arm_plan(settings), client=clients), worker_key)
        self._rng = random.Random(f"{settings.seed}/{worker_key}")
        share = (worker_key % order.workers, order.workers)
        self._credentials = credentials_for(settings, order.jwt_key_file, share=share)
        self._next_connection = 0
        self._next_user = 0
        self._living_users = 0
        self._reopening_pauses = 0
        self._stopped = gevent.event.Event()
        self._event_loop = gevent_loop_name()
        self._vitals = Vitals(
            unix_us=self._clock.micros,
            open_connections=lambda: self.services.open.count,
            greenlets=lambda: self._living_users,
        )
        self.services = Services(
            recorder=self._recorder,
            clock=self._clock,
            lag=self._vitals.lag,
            cpu=lambda: self._vitals.cpu,
            on_attempt=lambda _plan, attempt: on_attempt(attempt),
            child_recorder=self._child_recorder,
            problem=self.problem,
            loss=self.loss,
        )
        for name in clients:
            prepare(name, self.services)
        self._open_starts = (
            OpenStarts(
                settings.arrival,
                settings.arrival_rate / order.workers,
                seed=f"{settings.seed}/{worker_key}/arrivals",
                tally=self.services.tally,
            )
            if settings.arrival_rate is not None
            else None
        )
        self._prober = (
            Prober(self._target, self.services, self._probe_plan(), failed=self._probe_failed)
            if settings.probes
            else None
        )
        if self._prober is not None:
            self._prober.start()
        self._watch = GeventWatch(self._vitals, self._recorder.health, failed=self._vitals_failed)
        self._greenlets = [gevent.spawn(self._keep_flushing)]
        if order.storm_at is not None:
            wait_s = max(0.0, self._clock.monotonic(order.storm_at) - time.perf_counter())
            self._greenlets.append(gevent.spawn_later(wait_s, self.services.storm.give))

    @property
    def pid(self) -> int:
        """Of this process."""
        return os.getpid()

    @property
    def entry(self) -> WorkerEntry:
        """How `run.json` names this process, before anything is known of its rows."""
        return self._entry(self._recorder)

    def problem(self, sentence: str) -> None:
        """Something of ours broke: the run is void, says so, and ends."""
        self.must_end = True
        self.loss(sentence)

    def loss(self, sentence: str) -> None:
        """Something of ours broke and was replaced: the run is void, and says so."""
        if sentence not in self.problems:
            self.problems.append(sentence)

    def crashed(self, error: Exception) -> None:
        """A user crashed: a fault of wsoak's. Its frames are shown, and its text only without what may be a token."""
        self.problem(f"A user crashed ({type(error).__name__}: {redacted(str(error))}).")
        print("".join(traceback.format_tb(error.__traceback__)), file=sys.stderr, end="", flush=True)

    def new_user(self) -> int:
        """A number for a virtual user of this worker."""
        self._next_user += 1
        return self._next_user - 1

    def run_user(self, user: int, scenario: str) -> None:
        """One user's life: connections one after the other until the run stops."""
        self._living_users += 1
        short_sessions = 0
        try:
            while not self.services.stop:
                scheduled = self._open_starts.take() if self._open_starts is not None else time.perf_counter()
                short_sessions = self._connect_with_retries(user, scenario, scheduled, short_sessions)
        finally:
            self._living_users -= 1

    def stop(self) -> None:
        """End all connections now; attempts in flight become `aborted`. Safe to call again."""
        self.services.stop.give()
        self._stopped.set()

    def finish(self) -> GeneratorReport:
        """Close the spool when all users have stopped. What cannot be kept is among the problems."""
        self.stop()
        if self._open_starts is not None:
            self._open_starts.stop()
        if self._prober is not None:
            self._prober.stop()
        close_children(self.services)
        self._watch.stop()
        gevent.killall(self._greenlets)
        try:
            self._disk.apply(self._spool.close)
        except OSError as error:
            self.problem(f"Rows of worker {self.facts.worker} were lost: {error}.")
        if self.services.open.count:
            self.problem(f"{self.services.open.count} connections were still open when the run had stopped.")
        return GeneratorReport(
            workers=[
                msgspec.structs.replace(
                    self._entry(recorder),
                    rows_written=recorder.rows_written,
                    relay=self.relay if recorder is self._recorder else None,
                    reopening_pauses=self._reopening_pauses if recorder is self._recorder else None,
                )
                for recorder in self._recorders
            ],
            tally=self._counts(),
            problems=self.problems,
        )

    def _counts(self) -> dict[str, int]:
        """Attempts of the sessions and turns of the probes together: each has written a row."""
        of_probes = msgspec.to_builtins(self.services.probe_tally)
        return {name: n + of_probes[name] for name, n in msgspec.to_builtins(self.services.tally).items()}

    def _entry(self, recorder: Recorder) -> WorkerEntry:
        return WorkerEntry(
            worker=recorder.worker.worker,
            host=self.facts.host,
            platform=self.facts.platform,
            pid=self.pid if recorder is self._recorder else None,
            fingerprint=self._fingerprint,
            versions=self._versions,
        )

    def _connect_with_retries(self, user: int, scenario: str, scheduled: float, short_sessions: int) -> int:
        """One planned connection, and what its user waits behind it.

        `short_sessions` are those of the user's sessions before it, in a row, that were ended at once; returns how many
        there are now.
        """
        arm = self._dealer.deal((self._clock.micros(time.perf_counter()) - self.order.started_at) / 1e6)
        failures = 0
        while True:
            subject = self._lease(scheduled)
            if subject is None:
                return short_sessions
            try:
                result = self._connect(user, scenario, arm, scheduled, subject, retry=failures)
            except ProtocolFault as error:
                self.problem(str(error))
                self._pause(RECONNECT_PAUSE_S)
                return short_sessions
            except HarnessError as error:
                self.services.tally.skip()
                self.problem(str(error))
                self._pause(RECONNECT_PAUSE_S)
                return short_sessions
            wait_s = None
            if arm.mitigation == "retry" and not result.ready and result.ended_by == "failure":
                failures += 1
                wait_s = backoff_s(failures, self._rng)
            if wait_s is None:
                pause = pause_after(result, short_sessions, self._rng, is_probe=scenario == PROBE_SCENARIO)
                self._reopening_pauses += pause.is_backing_off
                self._pause(pause.seconds)
                return pause.short_sessions
            self._pause(wait_s)
            if self.services.stop:
                return short_sessions
            scheduled = time.perf_counter()

    def _lease(self, scheduled: float) -> str | None:
        """As whom to come; None: nobody came free before the run's end (or an open plan's patience): left out."""
        last = scheduled + MAX_LATE_S if self._open_starts is not None else math.inf
        subject = None
        try:
            while subject is None and not self.services.stop and time.perf_counter() < last:
                with contextlib.suppress(NoSubjectFree):
                    subject = self._credentials.pool.lease(wait_s=LEASE_WAIT_S)
        finally:
            if subject is None:
                self.services.tally.skip()
        return subject

    def _connect(
        self, user: int, scenario: str, arm: Assignment, scheduled: float, subject: str, *, retry: int
    ) -> ConnectionResult:
        try:
            is_probe = scenario == PROBE_SCENARIO
            kind, token = (
                self._credentials.bad_token(subject, self._rng)
                if is_probe
                else (None, self._credentials.token_for(subject))
            )
            library = CLIENTS[arm.client]
            plan = ConnectionPlan(
                user=user,
                connection=self._number_connection(),
                scenario=scenario,
                scheduled_at=self._clock.micros(scheduled),
                subject=subject,
                seed=self._rng.getrandbits(48),
                settings=self._script_settings,
                client=library.client,
                event_loop=library.event_loop or self._event_loop,
                delay_s=arm.delay_s,
                mitigation=arm.mitigation,
                retry=retry,
                token=token,
                budgets=self._budgets,
                expect_refusal=is_probe,
                token_kind=kind,
            )
            return run_connection(plan, self._target, self.services)
        finally:
            self._credentials.pool.release(subject)

    def _new_recorder(self, facts: WorkerFacts) -> Recorder:
        late_rows_s = self._settings.close_budget_s * LONGER_FACTOR + LATE_ROWS_S
        recorder = Recorder(self._spool, facts, late_rows_s=late_rows_s)
        self._recorders.append(recorder)
        return recorder

    def _child_recorder(self, event_loop: str) -> Recorder:
        """A child process is a worker of its own in the record: its loop lag is not ours."""
        return self._new_recorder(msgspec.structs.replace(self.facts, worker=f"{secrets.token_hex(8)}-{event_loop}"))

    def _number_connection(self) -> int:
        self._next_connection += 1
        return self._next_connection - 1

    def _probe_plan(self) -> ProbePlan:
        return ProbePlan(
            every_s=self._settings.probe_every_s,
            budget_s=self._settings.exchange_budget_s,
            user=self.new_user(),
            event_loop=self._event_loop,
            next_connection=self._number_connection,
            subject=self._credentials.probe_subject,
            token=lambda: self._credentials.token_for(self._credentials.probe_subject),
        )

    def _probe_failed(self, error: BaseException) -> None:
        self.problem(f"A control probe failed in itself ({type(error).__name__}: {redacted(str(error))}).")

    def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the run's stop."""
        if seconds > 0.0:
            self._stopped.wait(timeout=seconds)
        else:
            gevent.sleep(0)

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            try:
                self._disk.apply(self._spool.flush)
            except OSError as error:
                self.problem(f"Rows can no longer be kept: {error}.")
                self.stop()
                return

    def _vitals_failed(self, error: BaseException) -> None:
        self.problem(f"This worker's vitals failed ({error}): nothing can be said of its own part in any timeout.")
