"""One load-generating process during one run: its recorder, its vitals, and what every user shares.

Everything that a connection needs from its process is a field of `Services`; this module makes them,
keeps the spool moving, and at the end says what was written. It knows Locust only through the callback
for its screens.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gevent
import msgspec

from attempts.schema import Attempt, Health, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import FLUSH_S, Spool, SpoolError
from scenarios.clients import Services, distinct, prepare
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clock import STEP_LEAST_S, Clock, StepWatch, asleep_s, wall_us
from scenarios.errors import HarnessError
from scenarios.load.clock_offset import Drift
from scenarios.load.disk import Disk
from scenarios.load.user_connections import UserConnections
from scenarios.machine.fingerprint import fingerprint, library_versions, worker_facts
from scenarios.machine.vitals import GeventWatch, Vitals
from scenarios.options import Settings
from scenarios.options.parsers import MINT
from scenarios.plan import ConnectionPlan, Target
from scenarios.probes.kinds import Prober
from scenarios.redact import redacted
from scenarios.run_file import ClockEntry, ClockStep, RelayEntry, WorkerEntry, iso
from scenarios.run_order import GeneratorReport, RunOrder
from scenarios.screens.voice import say
from scenarios.session.scripts import LONGER_FACTOR

# A closing handshake's row comes when its session has ended; so much later than its budget at the most.
LATE_ROWS_S: Final = 20.0
LOOK_AT_CLOCK_S: Final = 1.0
# A clock that is set again and again (a quarrel of two time services) is not told of for ever.
MOST_STEPS: Final = 20


class LoadGenerator:
    """A process's part in one run, from `start` to `finish`.

    Args:
        order: From the controller.
        settings: The options.
        spool_folder: Where this process may write.
        target: Where connections go, by this process's own way (its relay).
        worker_key: Stable name of this worker within the plan (Locust's index).
        on_attempt: For the screens.
        clock: On the run's time line, as far as that is known.
        clock_found: What was found of this machine's own; None: it is the run's.
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
        clock: Clock,
        clock_found: ClockEntry | None = None,
    ) -> None:
        self.order = order
        self.problems: list[str] = []
        self.must_end = False
        self.relay: RelayEntry | None = None
        self._settings = settings
        self._clock = clock
        self._drift = Drift()
        self._clock_found = clock_found
        self._clock_steps: list[ClockStep] = []
        self._show = on_attempt
        self._refused_tokens = 0
        self._fingerprint = fingerprint()
        self._versions = library_versions()
        self.facts = worker_facts(
            run_id=order.run_id,
            worker=secrets.token_hex(8),
            site=settings.site or None,
            platform_label=settings.platform_label or None,
            seen=self._fingerprint,
        )
        self._spool = _spool_in(spool_folder)
        self._recorders: list[Recorder] = []
        self._recorder = self._new_recorder(self.facts)
        self._disk = Disk()
        self._vitals = Vitals(
            unix_us=self._clock.micros,
            open_connections=lambda: self.services.open.count,
            greenlets=lambda: self.users.living,
        )
        self.services = Services(
            secret_variables=settings.secret_variables,
            recorder=self._recorder,
            clock=self._clock,
            lag=self._vitals.lag,
            cpu=lambda: self._vitals.cpu,
            on_attempt=self._seen,
            child_recorder=self._child_recorder,
            problem=self.problem,
            loss=self.loss,
        )
        self.users = UserConnections(
            order,
            settings,
            target=target,
            worker_key=worker_key,
            clock=self._clock,
            epoch_s=self.epoch_s,
            services=self.services,
            problem=self.problem,
        )
        for name in distinct(settings.client):
            prepare(name, self.services)
        self.users.start()
        self._prober = self._probing(target) if settings.probes else None
        self._watch = GeventWatch(self._vitals, self._keep_health, failed=self._vitals_failed)
        self._greenlets = [gevent.spawn(self._keep_flushing), gevent.spawn(self._watch_clock)]
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

    def epoch_s(self) -> float:
        """What time it is in this run: seconds since the epoch."""
        return (self._clock.micros(time.perf_counter()) - self._drift.now_us) / 1e6

    def time_was_told(self, sent: float, there_at: int, received: float) -> None:
        """The master has said what time it is (microseconds) between two moments of this process's timer."""
        asked, told = self._clock.micros(sent), self._clock.micros(received)
        if self._drift.answered(sent_at=asked, there_at=there_at, received_at=told):
            self._tell_recorders()

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

    def stop(self) -> None:
        """End all connections now; attempts in flight become `aborted`. Safe to call again."""
        self.services.stop.give()
        self.users.stop()

    def finish(self) -> GeneratorReport:
        """Close the spool when all users have stopped. What cannot be kept is among the problems."""
        self.stop()
        self.users.finish()
        if self._prober is not None:
            self._prober.stop()
        close_children(self.services)
        self._judge_clock()
        self._watch.stop()
        gevent.killall(self._greenlets)
        # In its last segment too, so that the run adds up when nobody is left to report to.
        self._recorder.tally = self._counts()
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
                    reopening_pauses=self.users.reopening_pauses if recorder is self._recorder else None,
                    token_waits=self.users.token_waits if recorder is self._recorder else None,
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
            clock_offset_s=None if self._clock_found is None else self._clock_found.offset_s,
            clock=msgspec.structs.replace(
                self._clock_found or ClockEntry(),
                drift_s=self._drift.now_us / 1e6,
                corrections=len(self._drift.knots),
                steps=self._clock_steps[:MOST_STEPS],
                ahead_of_target_s=self.services.target_clock.apart,
            ),
        )

    def _new_recorder(self, facts: WorkerFacts) -> Recorder:
        late_rows_s = self._settings.close_budget_s * LONGER_FACTOR + LATE_ROWS_S
        recorder = Recorder(self._spool, facts, late_rows_s=late_rows_s)
        self._recorders.append(recorder)
        if self._drift.knots:
            recorder.clock(self._drift.knots)
        return recorder

    def _child_recorder(self, event_loop: str) -> Recorder:
        """A child process is a worker of its own in the record: its loop lag is not ours."""
        facts = msgspec.structs.replace(self.facts, worker=f"{secrets.token_hex(8)}-{event_loop}")
        recorder = self._new_recorder(facts)
        recorder.tally = {}  # it is counted with its parent's
        return recorder

    def _probing(self, target: Target) -> Prober:
        """The control probes, begun."""
        prober = Prober(target, self.services, self.users.probe_plan(), failed=self._probe_failed)
        prober.start()
        return prober

    def _probe_failed(self, error: BaseException) -> None:
        self.problem(f"A control probe failed in itself ({type(error).__name__}: {redacted(str(error))}).")

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            try:
                self._disk.apply(self._spool.flush)
            except OSError as error:
                self.problem(f"Rows can no longer be kept: {error}.")
                self.stop()
                return

    def _keep_health(self, health: Health) -> None:
        with contextlib.suppress(SpoolError):  # whoever flushes the rows says so, and ends the run
            self._recorder.health(health)

    def _seen(self, plan: ConnectionPlan, attempt: Attempt) -> None:
        self._refused_tokens += attempt.cause == "auth_rejected" and not plan.expect_refusal
        self._show(attempt)

    def _judge_clock(self) -> None:
        """Tokens that we date in the target's future are refused for that: nothing may be concluded from it."""
        clock = self.services.target_clock
        words = clock.words() if self._settings.token_source == MINT else ""
        if words and self._refused_tokens and clock.apart is not None and clock.apart.surely_s > 0:
            self.problem(
                f"{words}: {self._refused_tokens} refusals of tokens that are made here may be this clock's doing. Set "
                "the clock, and soak again."
            )

    def _tell_recorders(self) -> None:
        for recorder in self._recorders:
            recorder.clock(self._drift.knots)

    def _watch_clock(self) -> None:
        """Each second: was this machine's clock set, and has it slept? Neither moves a row."""
        watch = StepWatch(wall_us(), time.perf_counter())
        awake = asleep = asleep_s()
        is_said = False
        while True:
            gevent.sleep(LOOK_AT_CLOCK_S)
            if not is_said and (words := self.services.target_clock.words()):
                is_said = True
                self._say(f"{words}: set the clock, or its tokens may be refused and times in its log are others.")
            now = time.perf_counter()
            step_s = watch.step_s(wall_us(), now)
            if step_s is None:
                continue
            slept_s = asleep_s() - asleep
            if slept_s >= STEP_LEAST_S:
                asleep += slept_s
                self._say(f"This machine has slept for {slept_s:.0f} s: nothing was measured meanwhile.")
                if self._clock_found is None:  # who has a master is told by it
                    self._drift.moved(self._clock.micros(now), -round((asleep - awake) * 1e6))
                    self._tell_recorders()
                step_s -= slept_s
            if abs(step_s) >= STEP_LEAST_S:
                self._clock_steps.append(ClockStep(at=iso(self._clock.moment(now)), seconds=round(step_s, 3)))
                self._say(step_words(step_s))

    def _say(self, sentence: str) -> None:
        say(f"wsoak: {sentence}")

    def _vitals_failed(self, error: BaseException) -> None:
        self.problem(f"This worker's vitals failed ({error}): nothing can be said of its own part in any timeout.")


def step_words(step_s: float) -> str:
    """That this machine's clock was set, and what that means."""
    where = "forward" if step_s > 0 else "back"
    return (
        f"This machine's clock was set {where} by {abs(step_s):.1f} s. The run goes on by its own time line: no "
        "row, no duration and no token is moved by that."
    )


def _spool_in(folder: Path) -> Spool:
    """A spool in a folder that is made for it.

    Raises:
        HarnessError: It cannot be made: in one sentence.
    """
    try:
        return Spool(folder)
    except SpoolError as error:
        raise HarnessError(
            f"The rows cannot be kept in {folder} ({os.strerror(error.errno or 0)}): name another folder with "
            "--reports-dir on this machine."
        ) from None
