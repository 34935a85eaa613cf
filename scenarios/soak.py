"""One Locust process's part in wsoak: what happens when a run starts, goes on, and stops.

Which process does what:

    local     leads the run and makes its load
    master    leads the run: folder, stand-in, store, analysis; waits for its workers' rows
    worker    makes load; ships its rows to the master before it says that it is done
"""

from __future__ import annotations

from locust import User, runners
from locust import log as locust_log
from locust.env import Environment

import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec

from scenarios.allow import parse_target
from scenarios.checks import check_faults, check_machine, check_plan, check_target
from scenarios.children import Child
from scenarios.clock import Clock
from scenarios.errors import ConfigError, HarnessError
from scenarios.fingerprint import library_versions
from scenarios.fleet import Courier, Fleet
from scenarios.garbage import settle_collector
from scenarios.generator import Generator, arm_plan
from scenarios.live_run import EXIT_MET, EXIT_VOID, LiveRun, create, start_standin, utc_now
from scenarios.options import DEFAULTS, MAY_DIFFER, OF_THE_MACHINE, Settings, settings_from
from scenarios.order import GeneratorReport, RunOrder, order_from_text
from scenarios.plan import Target
from scenarios.progress import EVERY_S, progress_line
from scenarios.proxy import proxy_for
from scenarios.redact import redacted
from scenarios.relay_child import start_relay, stop_relay
from scenarios.runfile import TargetFacts
from scenarios.screen import Screen
from scenarios.secret import standin_secret
from scenarios.shapes import DEFAULT_RUN_TIME_S, RampSoakStorm, storm_at_s
from scenarios.statistics_diet import trim
from scenarios.users import USER_CLASSES, SoakUser

# Under these names the controller's words travel among the options that Locust forwards to workers.
ORDER_OPTION: Final = "soak_order"
WORKERS_OPTION: Final = "soak_workers"
_ENDED: Final = (runners.STATE_INIT, runners.STATE_STOPPING, runners.STATE_STOPPED, runners.STATE_CLEANUP)


class Soak:
    """One Locust process's part in wsoak, over as many runs as its UI starts.

    Attributes:
        run: The run that this process leads, from its start until it is analysed; None on workers.
        generator: This process's load, while a run goes on; None on the master.
        status: One sentence for the page of runs.
        last_words: What the last run's analysis said.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.run: LiveRun | None = None
        self.generator: Generator | None = None
        self.status = "No run has been started yet."
        self.last_words = ""
        self._standin_url: str | None = None
        self._is_quitting = False
        self._worst_status = EXIT_MET
        self._finishing: gevent.Greenlet[..., None] | None = None
        self._watcher: gevent.Greenlet[..., None] | None = None
        self._fleet: Fleet | None = None
        self._courier: Courier | None = None
        self._relay: Child | None = None
        self._screen = Screen(environment)
        self._own: dict[str, Any] = {}  # a worker's own options, before the controller's come over them

    @property
    def leads(self) -> bool:
        """Whether this process leads runs (local or master)."""
        return not isinstance(self.environment.runner, runners.WorkerRunner)

    def settings(self, overlay: Mapping[str, Any] | None = None) -> Settings:
        """The options as they are now, with a web form's values over them.

        Raises:
            ConfigError: For the first one that is wrong.
        """
        return settings_from({**vars(self.environment.parsed_options), **(overlay or {})})

    # -- before any run ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Refuse what cannot run before anything is connected, and name the target.

        Raises:
            ConfigError: For a wrong option or a target that is not allowed.
        """
        runner = self.environment.runner
        if isinstance(runner, runners.WorkerRunner):
            own = vars(self.environment.parsed_options)
            self._own = {name: own[name] for name in OF_THE_MACHINE}
            self._own |= {name: own[name] for name in MAY_DIFFER if own[name] != DEFAULTS[name]}
            self._courier = Courier(runner)
            return
        settings = self.settings()
        if not self.environment.host:
            self._standin_url = self.environment.host = free_standin_url(tls=settings.standin_tls)
        self.check(settings, self.environment.host, self._users())
        if settings.shape == "ramp-soak-storm":
            self.environment.shape_class = RampSoakStorm()
            self.environment.shape_class.runner = runner
        if isinstance(runner, runners.MasterRunner):
            self._fleet = Fleet(runner)
        self.choose_users(settings)

    def check(self, settings: Settings, host: str | None, users: int) -> None:
        """All that can be refused without connecting.

        Raises:
            ConfigError: In one sentence.
        """
        is_standin = host == self._standin_url
        check_target(host or "", settings, is_standin=is_standin)
        if is_standin:
            check_faults(settings)
        check_plan(settings, is_standin=is_standin)
        if isinstance(self.environment.runner, runners.LocalRunner):
            check_machine(settings, users, parse_target(host or ""))

    def check_form(self, form: Mapping[str, str]) -> None:
        """The same for the web UI's start form.

        Raises:
            ConfigError: In one sentence.
        """
        if self._finishing is not None:
            raise ConfigError("The last run is still being stored and analysed: start again in a moment.")
        if isinstance(self.environment.runner, runners.MasterRunner) and not self.environment.runner.worker_count:
            raise ConfigError("No worker is connected: start some with locust --worker first.")
        values = {k: v for k, v in form.items() if k in DEFAULTS}
        users = form.get("user_count") or form.get("num_users") or "1"
        self.check(
            self.settings(values), form.get("host") or self.environment.host, int(users) if users.isdigit() else 1
        )

    def choose_users(self, settings: Settings) -> None:
        """Make --scenario's weights the user classes' weights."""
        chosen: list[type[User]] = []
        for name, user_class in USER_CLASSES.items():
            user_class.weight = settings.scenario.get(name, 0)
            if user_class.weight:
                chosen.append(user_class)
        self.environment.user_classes = chosen

    def _users(self) -> int:
        options = self.environment.parsed_options
        return int(getattr(options, "num_users", None) or 1)

    # -- a run ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Locust's test_start: the run begins before the first user does."""
        if self.leads:
            self.environment.process_exit_code = EXIT_VOID  # until its end says better
        if self.leads:
            settings = self.settings()
            order = self._begin_run(settings)
            vars(self.environment.parsed_options)[ORDER_OPTION] = order.as_text()
        else:
            settings = self.settings(self._own)
            order = order_from_text(vars(self.environment.parsed_options)[ORDER_OPTION])
        self.choose_users(settings)
        if isinstance(self.environment.runner, runners.MasterRunner):
            return
        target = order.target
        if settings.use_proxy:
            target = msgspec.structs.replace(target, proxy=proxy_for(target))
        if settings.needs_relay:
            self._relay = start_relay(settings, target)
            target = msgspec.structs.replace(target, relay=("127.0.0.1", int(self._relay.ready["port"])))
        folder = self._spool_folder(order, settings)
        self.generator = SoakUser.generator = Generator(
            order,
            settings,
            spool_folder=folder,
            target=target,
            worker_key=max(0, getattr(self.environment.runner, "worker_index", 0)),
            workers=max(1, getattr(self.environment.parsed_options, WORKERS_OPTION, 1)),
            on_attempt=self._screen.show,
        )
        if self._courier is not None:
            self._courier.start(self.generator, folder)
        settle_collector()

    def refuse(self, sentence: str, status: int) -> None:
        """The run cannot start: nobody connects, and the exit status says why."""
        run, self.run = self.run, None
        if self._watcher is not None:
            self._watcher.kill()
        if run is not None:
            run.abandon()
        self.status = f"The run was refused: {sentence}"
        self._worst_status = max(self._worst_status, status)
        self.environment.process_exit_code = self._worst_status
        gevent.spawn(self._end_early)

    def _spool_folder(self, order: RunOrder, settings: Settings) -> Path:
        root = Path(settings.reports_dir)
        if self.leads:
            return root / order.run_id / "spool"
        # One folder a worker: several on one machine must not ship each other's segments.
        return root / ".outbox" / order.run_id / secrets.token_hex(4)

    def _begin_run(self, settings: Settings) -> RunOrder:
        run_time_s = self._run_time_s()
        is_standin = self.environment.host == self._standin_url
        self.check(settings, self.environment.host, self._users())
        url = parse_target(self.environment.host or "")
        run = create(
            settings,
            target=TargetFacts(
                url=url.url,
                standin=is_standin,
                faults=list(settings.fault) if is_standin else [],
                seed=settings.seed if is_standin else None,
            ),
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            run_time_s=run_time_s,
            plan=arm_plan(settings).as_json(),
            versions=library_versions(),
            now=utc_now(),
        )
        self.run = run
        jwt_key_file: str | None = None
        ca_file = settings.ca_file or None
        try:
            if is_standin:
                secret, file = standin_secret(os.environ)
                jwt_key_file = str(file.resolve()) if file else None
                run.standin = start_standin(
                    settings, port=url.port, folder=run.folder, secret=secret, run_time_s=run_time_s
                )
                ca_file = run.standin.ready.get("ca_file") or ca_file
            run.start_store()
        except (ConfigError, HarnessError):
            run.abandon()
            raise
        clock = Clock.now()
        started_at = clock.wall_us
        storm_s = settings.storm_at_s
        if not storm_s and settings.shape == "ramp-soak-storm":
            storm_s = storm_at_s(run_time_s or DEFAULT_RUN_TIME_S)
        if self._fleet is not None:
            self._fleet.begin(run)
            vars(self.environment.parsed_options)[WORKERS_OPTION] = max(1, self._fleet.expected)
        self.status = f"Run {run.run_id} is going on."
        self._watcher = gevent.spawn(self._watch, run)
        return RunOrder(
            run_id=run.run_id,
            target=Target(
                scheme=url.scheme,
                host=url.host,
                port=url.port,
                path=url.path,
                protocol=settings.protocol,
                ca_file=ca_file,
            ),
            jwt_key_file=jwt_key_file,
            started_at=started_at,
            storm_at=started_at + round(storm_s * 1e6) if storm_s else None,
        )

    def _watch(self, run: LiveRun) -> None:
        """Every second: has a part of the run died?

        A run that can no longer be recorded ends at once. A lost worker does not end it: what is left goes
        on, and its rows may still be brought from its disk; but the run is void until then.
        """
        started = said = time.perf_counter()
        is_alive = True
        while is_alive:
            gevent.sleep(1.0)
            is_alive = run.watch()
            trim(self.environment.stats)
            if self._fleet is not None:
                self._fleet.watch()
            generator = self.generator
            if generator is None:
                continue
            for sentence in generator.problems:
                run.problem(sentence)
                is_alive = False
            now = time.perf_counter()
            if self.environment.parsed_options.headless and now - said >= EVERY_S:
                self._say_progress(run, now - started, generator, since=said, now=now)
                said = now
        gevent.spawn(self._end_early)

    def _say_progress(self, run: LiveRun, elapsed_s: float, generator: Generator, *, since: float, now: float) -> None:
        lag_s, _ = generator.services.lag.lag_between(since, now)
        line = progress_line(
            elapsed_s=elapsed_s,
            run_time_s=self._run_time_s(),
            users=self.environment.runner.user_count,
            tally=generator.services.tally,
            lag_s=lag_s,
        )
        print(line, file=sys.stderr, flush=True)

    def _run_time_s(self) -> float | None:
        seconds = getattr(self.environment.parsed_options, "run_time", None)
        return float(seconds) if seconds else None

    def _end_early(self) -> None:
        if self.environment.parsed_options.headless:
            self.environment.runner.quit()
        else:
            self.environment.runner.stop()

    def stopping(self) -> None:
        """Locust's test_stopping: sessions end themselves, so that Locust has nobody to kill."""
        if self.generator is not None:
            self.generator.stop()

    def stop(self) -> None:
        """Locust's test_stop: the users have stopped; every row is on its way to the store."""
        SoakUser.generator = None
        generator, self.generator = self.generator, None
        relay, self._relay = self._relay, None
        if generator is not None and relay is not None:
            for sentence in stop_relay(relay):
                generator.problem(sentence)
        report = generator.finish() if generator is not None else None
        if self._courier is not None and report is not None:
            self._courier.finish(report)
        if not self.leads or self.run is None:
            return
        if self._watcher is not None:
            self._watcher.kill()
        self._screen.flush()
        reports = self._fleet.collect() if self._fleet is not None else ([report] if report else [])
        self._finishing = gevent.spawn(self._finish, self.run, reports)
        if self.environment.parsed_options.headless:
            self._finishing.join()
        # In the UI the stop button's answer must not wait for the analysis; quitting does.

    def _finish(self, run: LiveRun, reports: list[GeneratorReport]) -> None:
        self.status = f"Run {run.run_id} is being stored and analysed."
        workers = [
            msgspec.structs.replace(worker, clock_offset_s=report.clock_offset_s)
            for report in reports
            for worker in report.workers
        ]
        for report in reports:
            for sentence in report.problems:
                run.problem(sentence)
        if self._fleet is not None:
            workers += self._fleet.lost_workers()
        if locust_log.unhandled_greenlet_exception:
            run.problem("Something raised inside Locust (see its log): nothing is sure after that.")
        try:
            status = run.finish(
                ended=self._how_ended(run), workers=workers, tallies=[r.tally for r in reports], now=utc_now()
            )
        except Exception as error:
            run.problem(f"The end of the run failed ({type(error).__name__}: {error}); the rows are in {run.folder}.")
            status = EXIT_VOID
        self.last_words = run.last_words
        self._worst_status = max(self._worst_status, status)
        self.environment.process_exit_code = self._worst_status
        self.status = f"Run {run.run_id} ended with exit status {status}."
        self.run = self._finishing = None

    def _how_ended(self, run: LiveRun) -> str:
        if run.file.problems:
            return "crash"
        if self._is_quitting:
            return "signal"
        # Headless, nothing but the time limit and signals ends a run that has no problems.
        is_over = run.planned_end is not None and utc_now() >= run.planned_end - timedelta(seconds=1)
        return "run_time" if is_over or self.environment.parsed_options.headless else "stopped"

    def quitting(self) -> None:
        """Locust's quitting: on a signal it comes before test_stop, so the run is stopped from here."""
        self._is_quitting = True
        if self.environment.runner is not None and self.environment.runner.state not in _ENDED:
            self.environment.runner.stop()
        if self._finishing is not None:
            self._finishing.join()
        if self._courier is not None:
            self._courier.join()

    def user_error(self, exception: BaseException) -> None:
        """An exception in a user is wsoak's fault, never the target's."""
        sentence = f"A user crashed ({type(exception).__name__}: {redacted(str(exception))})."
        for part in (self.generator, self.run):
            if part is not None:
                part.problem(sentence)


def free_standin_url(*, tls: bool) -> str:
    """Where the stand-in will listen: a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/ws"
