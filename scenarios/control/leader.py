"""Leading a run: its folder and the processes beside the users, watching it, and its end.

What a local process or a master does for a run, and a worker does not.
"""

from __future__ import annotations

from locust import log as locust_log
from locust import runners
from locust.env import Environment

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import gevent
import msgspec

from attempts.settling import LEFT_BEHIND
from scenarios.clock import Clock
from scenarios.control.child_process import Child
from scenarios.control.fleet import Fleet
from scenarios.control.leadership import leader_words
from scenarios.control.limits import Limits
from scenarios.control.live_run import LiveRun, utc_now
from scenarios.control.load_seen import LoadSeen, UserSeconds
from scenarios.control.new_run import create
from scenarios.control.resumption import planned_s
from scenarios.control.run_command import of_form
from scenarios.control.shapes import DEFAULT_RUN_TIME_S, ramp_soak_storm, storm_at_s
from scenarios.control.standin_child import start_standin
from scenarios.control.target import parse_target
from scenarios.credentials.standin_secret import standin_secret
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_codes import EXIT_MET, EXIT_VOID
from scenarios.load.from_options import arm_plan, target_of
from scenarios.load.generator import LoadGenerator
from scenarios.machine.fingerprint import library_versions
from scenarios.options import Settings
from scenarios.redact import plain_urls
from scenarios.run_file import TargetFacts, WorkerEntry
from scenarios.run_order import GeneratorReport, RunOrder
from scenarios.screens.progress import EVERY_S, progress_line
from scenarios.screens.stats_trim import trim
from scenarios.screens.voice import say
from scenarios.screens.waiting import waiting

# Of a run's time, after which its load is added up anew: to do that takes longer, the longer the run.
_ADD_UP_AFTER: Final = 0.02


class Leader:
    """The runs that this process leads, one after the other.

    Args:
        environment: Locust's.
        fleet: The workers; None = this process makes the load itself.
        limits: How often it writes what it knows.
        end_early: Stops the users, and in a headless process Locust.

    Attributes:
        run: From its start until it is analysed.
        status: One sentence for the page of runs.
        last_words: What the last run's analysis said.
        last_folder: Of the last run that it began, or led on.
        refused: Why the last start was refused; empty: it was not.
    """

    def __init__(
        self, environment: Environment, fleet: Fleet | None, *, limits: Limits, end_early: Callable[[], None]
    ) -> None:
        self.run: LiveRun | None = None
        self.status = "No run has been started yet."
        self.last_words = ""
        self.last_folder: Path | None = None
        self.refused = ""
        self._environment = environment
        self._options_at_start = dict(vars(environment.parsed_options))
        self._fleet = fleet
        self._limits = limits
        self._end_early = end_early
        self._worst_status = EXIT_MET
        self._run_time_s: float | None = None
        self._load = LoadSeen(time.perf_counter())
        self._resumed: LiveRun | None = None
        self._is_broken_off = False
        self._clock = Clock.now()
        self._watcher: gevent.Greenlet[..., None] | None = None
        self._load_watcher: gevent.Greenlet[..., None] | None = None
        self._finishing: gevent.Greenlet[..., None] | None = None

    @property
    def is_finishing(self) -> bool:
        """Whether the last run is still being stored and analysed."""
        return self._finishing is not None

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options.headless)

    def begin(
        self,
        settings: Settings,
        *,
        is_standin: bool,
        run_time_s: float | None,
        users: int,
        generator: Callable[[], LoadGenerator | None],
    ) -> RunOrder:
        """Make the run's folder, start what it needs, and say what its load generators must know.

        Raises:
            ConfigError: If the folder is there already, or the stand-in refuses a fault.
            HarnessError: If a process does not start.
        """
        # Until the end says better: a run that nobody ended properly must not be green.
        self._environment.process_exit_code = EXIT_VOID
        if settings.shape == "ramp-soak-storm":
            run_time_s = run_time_s or DEFAULT_RUN_TIME_S
        self._run_time_s = run_time_s
        self._is_broken_off, self.refused = False, ""
        url = parse_target(self._environment.host or "")
        resumed, self._resumed = self._resumed, None
        self.run = run = resumed or _created(
            settings,
            plain_urls(url.url),
            is_standin=is_standin,
            command=self._command("" if is_standin else url.url, users=users, run_time_s=run_time_s),
            run_time_s=run_time_s,
            users=users,
        )
        self.last_folder = run.folder
        jwt_key_file: str | None = None
        ca_file = settings.ca_file or None
        try:
            if is_standin:
                run.standin, jwt_key_file = _standin(run, settings, port=url.port, run_time_s=run_time_s)
                ca_file = run.standin.ready.get("ca_file") or ca_file
            run.start_store(has_otel=bool(self._environment.parsed_options.otel))
            run.start_live_analysis()
        except (ConfigError, HarnessError):
            run.abandon()
            raise
        clock = self._clock = Clock.now() if resumed is None else _clock_of(resumed)
        if resumed is None:
            self._load = LoadSeen(time.perf_counter(), lasts_s=run_time_s)
        storm_s = settings.storm_at_s
        if not storm_s and settings.shape == "ramp-soak-storm":
            storm_s = storm_at_s(run_time_s or DEFAULT_RUN_TIME_S)
        workers = 1
        if self._fleet is not None:
            if resumed is None:
                self._fleet.begin(run, clock, run_time_s=run_time_s, load=self._load)
            workers = max(1, self._fleet.expected)
        self.status = f"Run {run.run_id} is going on."
        self._watcher = gevent.spawn(self._watch, run, generator)
        self._load_watcher = gevent.spawn(self._watch_load, run, self._load)
        return RunOrder(
            run_id=run.run_id,
            target=msgspec.structs.replace(
                target_of(settings, scheme=url.scheme, host=url.host, port=url.port, path=url.path), ca_file=ca_file
            ),
            jwt_key_file=jwt_key_file,
            clock=clock,
            run_time_s=run_time_s,
            workers=workers,
            users=users,
            storm_at=clock.wall_us + round(storm_s * 1e6) if storm_s else None,
        )

    def resume(self, run: LiveRun, limits: Limits) -> bool:
        """Lead a run on: its workers are heard again from here on. Waits for those that it has.

        Returns whether there is load to be led: the planned end is not over, and a worker has come back. If not,
        `finish` is what is left to do.
        """
        assert self._fleet is not None
        self.status = f"Run {run.run_id} is led on."
        self._environment.process_exit_code = EXIT_VOID
        clock = self._clock = _clock_of(run)
        # Its workers tell what they ran since the run began, also while nobody led it.
        self._load = LoadSeen(clock.monotonic_s, lasts_s=planned_s(run.file))
        self._load.plan(clock.monotonic_s, users=run.file.users or 0, spawn_rate=self._first_spawn_rate(run))
        self._fleet.resume(run, clock, run_time_s=run.left_s(utc_now()), load=self._load)
        deadline = time.perf_counter() + limits.back_s
        while self._fleet.absent and time.perf_counter() < deadline:
            gevent.sleep(0.05)
        entry = run.file.resumed[-1]
        entry.came_back = [worker.worker for worker in self._fleet.present]
        entry.stayed_away = [worker.worker for worker in self._fleet.absent]
        run.note(self._fleet.entries(), now=utc_now())
        for worker in self._fleet.absent:
            said = f"its {worker.users} users are dealt to no other, since it may still run them"
            say(f"wsoak: worker {worker.worker} ({worker.platform}, host {worker.host}) has not come back; {said}.")
        left_s = run.left_s(utc_now())
        is_over = left_s is not None and left_s <= 1.0
        if is_over or not self._fleet.present:
            self.run, self._is_broken_off = run, not is_over
            return False
        self._resumed = run
        return True

    def refuse(self, sentence: str, status: int) -> None:
        """The run cannot start: nobody connects, and the exit status says why."""
        run, self.run = self.run, None
        for watcher in (self._watcher, self._load_watcher):
            if watcher is not None:
                watcher.kill()
        if run is not None:
            run.abandon()
        self.status, self.refused = f"The run was refused: {sentence}", sentence
        self._worst_status = max(self._worst_status, status)
        self._environment.process_exit_code = self._worst_status
        gevent.spawn(self._end_early)

    def stopping(self) -> None:
        """The users are being stopped: their number is the plan's no more."""
        if self._load_watcher is not None:
            self._load_watcher.kill()
        if self._fleet is not None:
            self._fleet.release()

    def finish(self, report: GeneratorReport | None, *, is_quitting: bool) -> None:
        """The users have stopped: gather all rows, store, analyse.

        Headless this returns when it is done; in the UI at once, as the stop button's answer must not wait.
        """
        if self.run is None or self._finishing is not None:
            return
        if self._watcher is not None:
            self._watcher.kill()
        if not self.run.is_mine:
            self._leave(self.run)
            return
        reports = [report] if report else []
        if self._fleet is not None:
            with waiting("gathering the workers' rows"):
                reports = self._fleet.collect()
        self._finishing = gevent.spawn(self._finish, self.run, reports, is_quitting=is_quitting)
        if self._is_headless:
            self._finishing.join()

    def join(self) -> None:
        """Wait until the last run is stored and analysed."""
        if self._finishing is not None:
            self._finishing.join()

    def _watch(self, run: LiveRun, find_generator: Callable[[], LoadGenerator | None]) -> None:
        """Every second: has a part of the run died?

        A run that can no longer be recorded ends at once. A lost worker or asyncio child does not end it: what is
        left goes on, and a worker's rows may still be brought from its disk; but the run is void until then.
        """
        started = said = noted = added_up = time.perf_counter()
        is_alive = True
        while is_alive:
            gevent.sleep(1.0)
            if not run.is_mine:
                self._leave(run)
                break
            is_alive = run.watch()
            trim(self._environment.stats)
            if self._fleet is not None:
                self._fleet.watch()
                is_alive = is_alive and not self._fleet.is_broken
            generator = find_generator()
            if time.perf_counter() - noted >= self._limits.note_s:
                noted = time.perf_counter()
                if noted - added_up >= _ADD_UP_AFTER * (noted - started):
                    added_up = noted
                    run.file.load = self._load.entry(now=noted)
                run.note(self._known(generator), now=utc_now())
            if generator is None:
                continue
            for sentence in generator.problems:
                run.problem(sentence)
            is_alive = is_alive and not generator.must_end
            now = time.perf_counter()
            if self._is_headless and now - said >= EVERY_S:
                self._say_progress(now - started, generator, since=said, now=now)
                said = now
        self._is_broken_off = True
        gevent.spawn(self._end_early)

    def _watch_load(self, run: LiveRun, seen: LoadSeen) -> None:
        """How many users there shall be, every second, and how many there are: workers tell, a local process looks."""
        runner = self._environment.runner
        own = UserSeconds(time.perf_counter()) if self._fleet is None else None
        while True:
            gevent.sleep(0.5)
            if runner.state not in (runners.STATE_SPAWNING, runners.STATE_RUNNING):
                continue
            now = time.perf_counter()
            if own is not None:
                own.look(now, runner.user_count)
                seen.tell("", now, own.told)
            seen.plan(now, users=runner.target_user_count, spawn_rate=self._spawn_rate())

    def _spawn_rate(self) -> float:
        """Users a second, as the shape, the web form or the command line has it."""
        runner = self._environment.runner
        if runner.shape_last_tick is not None:
            return float(runner.shape_last_tick[1])
        return float(getattr(runner, "spawn_rate", 0) or self._environment.parsed_options.spawn_rate or 1)

    def _command(self, host: str, *, users: int, run_time_s: float | None) -> list[str]:
        """The command line that does this run again; `host` is empty where it is the stand-in."""
        words = [Path(sys.argv[0]).name, *sys.argv[1:]]
        if self._is_headless:
            return words
        return of_form(
            words,
            host=host,
            users=users,
            spawn_rate=self._spawn_rate(),
            run_time_s=run_time_s,
            at_start=self._options_at_start,
            now=vars(self._environment.parsed_options),
        )

    def _first_spawn_rate(self, run: LiveRun) -> float:
        """Users a second in the ramp that a run began with."""
        if run.settings.shape == "none":
            return self._spawn_rate()
        stage = ramp_soak_storm(0.0, users=run.file.users or 1, run_time_s=planned_s(run.file) or DEFAULT_RUN_TIME_S)
        return stage.spawn_rate if stage is not None else 1.0

    def _known(self, generator: LoadGenerator | None) -> list[WorkerEntry]:
        """The workers of the run as far as they are known while it goes on."""
        if self._fleet is not None:
            return self._fleet.entries()
        return [] if generator is None else [generator.entry]

    def _leave(self, run: LiveRun) -> None:
        """Another process leads the run: this one writes nothing more of it, and tells its workers nothing."""
        sentence = (
            f"VOID: run {run.run_id} is led by {leader_words(run.folder)} now, which took it over while this process "
            "was not heard: nothing more is written here."
        )
        self.run = None
        self.last_words = f"wsoak: {sentence}\n"
        self.status = f"Run {run.run_id} is led by another process."
        if self._fleet is not None:
            self._fleet.leave()
        run.abandon()
        self._worst_status = max(self._worst_status, EXIT_VOID)
        self._environment.process_exit_code = self._worst_status

    def _say_progress(self, elapsed_s: float, generator: LoadGenerator, *, since: float, now: float) -> None:
        lag_s, _ = generator.services.lag.lag_between(since, now)
        line = progress_line(
            elapsed_s=elapsed_s,
            run_time_s=self._run_time_s,
            users=self._environment.runner.user_count,
            tally=generator.services.tally,
            lag_s=lag_s,
        )
        say(line)

    def _finish(self, run: LiveRun, reports: list[GeneratorReport], *, is_quitting: bool) -> None:
        self.status = f"Run {run.run_id} is being stored and analysed."
        workers = [worker for report in reports for worker in report.workers]
        for report in reports:
            for sentence in report.problems:
                run.problem(sentence)
            for sentence in report.left_behind:
                run.problem(sentence, kind=LEFT_BEHIND, worker=report.workers[0].worker)
        if self._fleet is not None:
            workers += self._fleet.lost_workers()
        run.file.load = self._load.entry()
        if locust_log.unhandled_greenlet_exception:
            run.problem("Something raised inside Locust (see its log): nothing is sure after that.")
        try:
            status = run.finish(
                ended=self._how_ended(run, is_quitting=is_quitting),
                workers=workers,
                tallies=[report.tally for report in reports],
                now=self._now(),
            )
        except Exception as error:
            run.problem(f"The end of the run failed ({type(error).__name__}: {error}); the rows are in {run.folder}.")
            run.abandon()
            status = EXIT_VOID
        self.last_words = run.last_words
        self._worst_status = max(self._worst_status, status)
        self._environment.process_exit_code = self._worst_status
        self.status = f"Run {run.run_id} ended with exit status {status}."
        self.run = self._finishing = None

    def _now(self) -> datetime:
        """What time it is in the run, however this machine's clock was set meanwhile."""
        return self._clock.moment(time.perf_counter())

    def _how_ended(self, run: LiveRun, *, is_quitting: bool) -> str:
        # A problem makes the run void, and need not have ended it; this is what did.
        if self._is_broken_off or run.has_crashed:
            return "crash"
        if run.has_had_its_time:
            return "run_time"
        # A master's users have stopped before it says that it is quitting; nothing else ends it headless.
        return "signal" if is_quitting or self._is_headless else "stopped"


def _created(
    settings: Settings,
    url: str,
    *,
    is_standin: bool,
    command: Sequence[str],
    run_time_s: float | None,
    users: int,
) -> LiveRun:
    """The run with its folder; `url` without what may be a secret."""
    return create(
        settings,
        target=TargetFacts(
            url=url,
            standin=is_standin,
            faults=list(settings.fault) if is_standin else [],
            seed=settings.seed if is_standin else None,
        ),
        command=[*map(plain_urls, command)],
        run_time_s=run_time_s,
        users=users,
        plan=arm_plan(settings).as_json(),
        versions=library_versions(),
        now=utc_now(),
    )


def _clock_of(run: LiveRun) -> Clock:
    """The time line of a run that another process began: from its start on, by this machine's clock."""
    now = Clock.now()
    began = round(datetime.fromisoformat(run.file.started_at).timestamp() * 1e6)
    return Clock(began, now.monotonic(began))


def _standin(run: LiveRun, settings: Settings, *, port: int, run_time_s: float | None) -> tuple[Child, str | None]:
    """The run's stand-in, begun; and the file of the key that both sign with, where they share one."""
    is_shared = settings.jwt_algorithm == "HS256"
    secret, file = standin_secret(os.environ, key_file=settings.jwt_key_file if is_shared else "")
    standin = start_standin(settings, port=port, folder=run.folder, secret=secret, run_time_s=run_time_s)
    return standin, str(file.resolve()) if is_shared and file else None
