"""The connections of a process's users: as whom, when, in which arm, and how long a user waits before the next one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import sys
import time
import uuid
from collections.abc import Callable
from typing import Final

import gevent
import gevent.event

from attempts.p1_checks import NAIVE_SCENARIO
from scenarios.checks.player import CLIENT, run_check
from scenarios.checks.steps import SuiteCheck
from scenarios.checks.suites import SUITES
from scenarios.clients import CLIENTS, Services, distinct, run_connection
from scenarios.clock import Clock
from scenarios.credentials.cache import TokenNotNow
from scenarios.credentials.credentials import LEASE_WAIT_S, credentials_for
from scenarios.credentials.subjects import NoSubjectFree
from scenarios.errors import HarnessError, ProtocolFault
from scenarios.experiment.arms import Assignment, Dealer
from scenarios.experiment.backoff import RECONNECT_PAUSE_S, backoff_s, pause_after
from scenarios.experiment.mix import Mix, spread
from scenarios.load.from_options import arm_plan, budgets_of, script_settings_of
from scenarios.load.open_starts import MAX_LATE_S, OpenStarts
from scenarios.machine.fingerprint import gevent_loop_name
from scenarios.options import Settings
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.probes.probe import ProbePlan
from scenarios.run_order import RunOrder

# Comes with credentials that must be refused.
PROBE_SCENARIO: Final = "auth_probe"
CHURN_SCENARIO: Final = "churn"
# A churn user's sessions begin at least so far apart, or its pace where that is less.
CHURN_GAP_S: Final = 0.25
# That users wait for a token is said so often; and none asks again sooner than that.
SAY_WAITING_S: Final = 60.0
LEAST_TOKEN_WAIT_S: Final = 0.1


class UserConnections:
    """The connections of one process's users, one after the other, and what a user waits between two of them.

    Args:
        order: From the controller.
        settings: The options.
        target: Where connections go.
        worker_key: Stable name of this worker within the plan.
        clock: Of this process.
        epoch_s: What time it is in this run: what tokens are made and compared with.
        services: What every connection needs.
        problem: Told in a sentence what of ours broke.
        say: Told in a sentence what whoever watches should know.

    Attributes:
        living: Users that have begun and not ended.
        reopening_pauses: How often a user waited because the peer had ended its sessions at once.
        token_waits: How often a user waited because no valid token was to be had.
        open_starts: When connections start in an open plan; None: whenever a user is free.
    """

    def __init__(
        self,
        order: RunOrder,
        settings: Settings,
        *,
        target: Target,
        worker_key: int,
        clock: Clock,
        services: Services,
        problem: Callable[[str], None],
        epoch_s: Callable[[], float] = time.time,
        say: Callable[[str], None] = lambda sentence: print(f"wsoak: {sentence}", file=sys.stderr, flush=True),
    ) -> None:
        self._say = say
        self._order = order
        self._settings = settings
        self._target = target
        self._clock = clock
        self._services = services
        self._problem = problem
        self._budgets = budgets_of(settings)
        self._script_settings = script_settings_of(settings)
        clients = distinct(settings.client)
        self._dealer = Dealer(dataclasses.replace(arm_plan(settings), client=clients), worker_key)
        self._rng = random.Random(f"{settings.seed}/{worker_key}")
        share = (worker_key % order.workers, order.workers)
        self._credentials = credentials_for(settings, order.jwt_key_file, share=share, wall_s=epoch_s)
        self._event_loop = gevent_loop_name()
        self._next_connection = 0
        self._next_user = 0
        self._stopped = gevent.event.Event()
        self.living = 0
        self.reopening_pauses = 0
        self.token_waits = 0
        self._no_token = ""
        self._say_again_at = -math.inf
        before = spread(order.users, worker=share[0], workers=order.workers)
        self._mix = Mix(settings.scenario, seed=f"{settings.seed}/scenarios", before=before)
        self.open_starts: OpenStarts | None = None
        self._seed = f"{settings.seed}/{worker_key}/arrivals"

    def start(self) -> None:
        """From now on connections may start: an open plan counts its starts from here."""
        settings = self._settings
        if settings.arrival_rate is not None:
            rate_per_s = settings.arrival_rate / self._order.workers
            self.open_starts = OpenStarts(settings.arrival, rate_per_s, seed=self._seed, tally=self._services.tally)

    def new_user(self) -> int:
        """A number for a virtual user of this worker."""
        self._next_user += 1
        return self._next_user - 1

    def live(self) -> None:
        """The life of a user that has come to this worker, in the scenario that is due."""
        scenario = self._mix.take()
        try:
            self.run_user(self.new_user(), scenario)
        finally:
            self._mix.give_back(scenario)

    def run_user(self, user: int, scenario: str) -> None:
        """One user's life: connections one after the other until the run stops."""
        self.living += 1
        short_sessions = 0
        try:
            while not self._services.stop:
                if scenario in SUITES:
                    self._run_suite(user, scenario)
                    continue
                scheduled = self.open_starts.take() if self.open_starts is not None else time.perf_counter()
                short_sessions = self._connect_with_retries(user, scenario, scheduled, short_sessions)
                if scenario == CHURN_SCENARIO and self.open_starts is None:
                    # Its sessions wait for nothing: they would follow each other as fast as the target lets them.
                    gap_s = min(self._settings.pace_s, CHURN_GAP_S)
                    self._pause(scheduled + gap_s - time.perf_counter())
        finally:
            self.living -= 1

    def _run_suite(self, user: int, scenario: str) -> None:
        """All checks of a suite, one after the other, at the pace at least."""
        for check in SUITES[scenario]:
            began = time.perf_counter()
            self._check_with_token(user, scenario, check, began)
            self._pause(began + self._settings.pace_s - time.perf_counter())
            if self._services.stop:
                return

    def _check_with_token(self, user: int, scenario: str, check: SuiteCheck, scheduled: float) -> None:
        """One check, as soon as there is a subject and a token for it."""
        while True:
            subject = self._lease(scheduled)
            if subject is None:
                return
            try:
                self._check(user, scenario, check, subject)
            except TokenNotNow as reason:
                if not self._waited_for_token(reason, scheduled):
                    return
                continue
            except HarnessError as error:
                self._services.tally.skip()
                self._problem(str(error))
                self._pause(RECONNECT_PAUSE_S)
            finally:
                self._credentials.pool.release(subject)
            return

    def _check(self, user: int, scenario: str, check: SuiteCheck, subject: str) -> None:
        settings = self._settings
        token = self._credentials.token_for(subject)
        plan = ConnectionPlan(
            user=user,
            connection=self._number_connection(),
            scenario=scenario,
            scheduled_at=self._clock.micros(time.perf_counter()),
            subject=subject,
            seed=self._rng.getrandbits(48),
            client=CLIENT,
            event_loop=self._event_loop,
            token=token,
            headers=self._credentials.headers,
            token_transport=settings.token_transport,
            budgets=self._budgets,
            trace_id=self._new_trace_id(),
        )
        # A check that takes longer than the level allows has failed; the seed's harness was more patient.
        budget_s = settings.harness_timeout_s if scenario == NAIVE_SCENARIO else settings.slo_max_duration_s
        run_check(check, plan, self._target, self._services, health_path=settings.health_path, budget_s=budget_s)

    def probe_plan(self) -> ProbePlan:
        """What the control probes come as: a user of their own, with numbers of connections beside the others'."""
        return ProbePlan(
            every_s=self._settings.probe_every_s,
            budget_s=self._settings.exchange_budget_s,
            user=self.new_user(),
            event_loop=self._event_loop,
            next_connection=self._number_connection,
            health_path=self._settings.health_path,
            subject=self._credentials.probe_subject,
            token=lambda: self._credentials.token_for(self._credentials.probe_subject),
            has_token=lambda: self._credentials.has_token(self._credentials.probe_subject),
            headers=self._credentials.headers,
            token_transport=self._settings.token_transport,
        )

    def stop(self) -> None:
        """End every pause now."""
        self._stopped.set()

    def finish(self) -> None:
        """No connection starts any more."""
        if self.open_starts is not None:
            self.open_starts.stop()
        if self.token_waits and not self._services.tally.started:
            self._problem(f"{self._no_token} No token came in this run, so nobody has connected.")

    def _connect_with_retries(self, user: int, scenario: str, scheduled: float, short_sessions: int) -> int:
        """One planned connection, and what its user waits behind it.

        `short_sessions` are those of the user's sessions before it, in a row, that were ended at once; returns how many
        there are now.
        """
        arm = self._dealer.deal((self._clock.micros(time.perf_counter()) - self._order.started_at) / 1e6)
        failures = 0
        while True:
            subject = self._lease(scheduled)
            if subject is None:
                return short_sessions
            try:
                result = self._connect(user, scenario, arm, scheduled, subject, retry=failures)
            except TokenNotNow as reason:
                if not self._waited_for_token(reason, scheduled):
                    return short_sessions
                if self.open_starts is None:  # whoever had to wait for its token was not late
                    scheduled = time.perf_counter()
                continue
            except ProtocolFault as error:
                self._problem(str(error))
                self._pause(RECONNECT_PAUSE_S)
                return short_sessions
            except HarnessError as error:
                self._services.tally.skip()
                self._problem(str(error))
                self._pause(RECONNECT_PAUSE_S)
                return short_sessions
            wait_s = None
            if arm.mitigation == "retry" and not result.ready and result.ended_by == "failure":
                failures += 1
                wait_s = backoff_s(failures, self._rng)
            if wait_s is None:
                pause = pause_after(result, short_sessions, self._rng, is_probe=scenario == PROBE_SCENARIO)
                self.reopening_pauses += pause.is_backing_off
                self._pause(pause.seconds)
                return pause.short_sessions
            self._pause(wait_s)
            if self._services.stop:
                return short_sessions
            scheduled = time.perf_counter()

    def _waited_for_token(self, reason: TokenNotNow, scheduled: float) -> bool:
        """Wait until a token may be there; False = the run has ended, or an open plan's patience: it is left out."""
        self.token_waits += 1
        self._no_token = str(reason)
        now = time.perf_counter()
        if now >= self._say_again_at:
            self._say_again_at = now + SAY_WAITING_S
            self._say(f"{reason} Users wait for it; that is no failure of the target.")
        self._pause(max(reason.wait_s, LEAST_TOKEN_WAIT_S))
        last = scheduled + MAX_LATE_S if self.open_starts is not None else math.inf
        if self._services.stop or time.perf_counter() >= last:
            self._services.tally.skip()
            return False
        return True

    def _lease(self, scheduled: float) -> str | None:
        """As whom to come; None: nobody came free before the run's end (or an open plan's patience): left out."""
        last = scheduled + MAX_LATE_S if self.open_starts is not None else math.inf
        subject = None
        try:
            while subject is None and not self._services.stop and time.perf_counter() < last:
                with contextlib.suppress(NoSubjectFree):
                    subject = self._credentials.pool.lease(wait_s=LEASE_WAIT_S)
        finally:
            if subject is None:
                self._services.tally.skip()
        return subject

    def _connect(
        self, user: int, scenario: str, arm: Assignment, scheduled: float, subject: str, *, retry: int
    ) -> ConnectionResult:
        try:
            is_probe = scenario == PROBE_SCENARIO
            # Before all else: nothing of a connection has begun while its user waits for a token.
            asked_at = time.perf_counter()
            kind, token = (
                self._credentials.bad_token(subject, self._rng)
                if is_probe
                else (None, self._credentials.token_for(subject))
            )
            if self.open_starts is None:  # whoever had to wait for its token is not late
                scheduled += time.perf_counter() - asked_at
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
                headers=self._credentials.headers,
                token_transport=self._settings.token_transport,
                budgets=self._budgets,
                expect_refusal=is_probe,
                token_kind=kind,
                trace_id=self._new_trace_id(),
            )
            return run_connection(plan, self._target, self._services)
        finally:
            self._credentials.pool.release(subject)

    def _new_trace_id(self) -> str | None:
        # Not from the seed: what is drawn by it stays the same with and without, and no two workers share an id. The
        # version and the variant of a UUID see to it that neither half is all zero, which the standard forbids.
        return uuid.uuid4().hex if self._settings.traceparent else None

    def _number_connection(self) -> int:
        self._next_connection += 1
        return self._next_connection - 1

    def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the run's stop."""
        if seconds > 0.0:
            self._stopped.wait(timeout=seconds)
        else:
            gevent.sleep(0)
