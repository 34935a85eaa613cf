"""One Locust process's part in wsoak: what happens when a run starts, goes on, and stops.

Which process does what:

    local     leads the run and makes its load
    master    leads the run: folder, stand-in, store, analysis; waits for its workers' rows
    worker    makes load; ships its rows to the master before it says that it is done
"""

from __future__ import annotations

from locust import log as locust_log
from locust import runners
from locust.env import Environment
from locust.rpc.protocol import Message

import inspect
import math
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec

from scenarios.control.checks import (
    check_baseline,
    check_certificates,
    check_clients,
    check_faults,
    check_machine,
    check_metrics,
    check_plan,
    check_server_log,
    check_target,
)
from scenarios.control.child_process import Child
from scenarios.control.courier import Courier
from scenarios.control.dealt_users import knowing
from scenarios.control.fleet import Fleet
from scenarios.control.fleet_key import open_door
from scenarios.control.fleet_wire import GuardedServer, tolerate
from scenarios.control.leader import Leader
from scenarios.control.limits import Limits, limits_from
from scenarios.control.live_run import utc_now
from scenarios.control.proxy import proxy_for
from scenarios.control.relay_child import start_relay, stop_relay
from scenarios.control.resumption import (
    differences,
    planned_s,
    refuse_differences,
    reopened,
    run_to_resume,
)
from scenarios.control.shapes import RampSoakStorm
from scenarios.control.target import parse_target
from scenarios.errors import ConfigError
from scenarios.exit_words import how_ended
from scenarios.load.from_options import fitted
from scenarios.load.generator import LoadGenerator
from scenarios.load.users import SoakUser
from scenarios.machine.garbage import settle_collector
from scenarios.options import DEFAULTS, MAY_DIFFER, OF_THE_MACHINE, Settings, settings_from
from scenarios.options.help import with_pointer
from scenarios.redact import plain_urls, redacted
from scenarios.run_file import RunFile
from scenarios.run_order import RunOrder, order_from_text
from scenarios.screens.locust_stats import Screen
from scenarios.screens.voice import say
from scenarios.screens.web_live import Watched
from scenarios.screens.web_start import Phase, Users

# Under this name the controller's words travel among the options that Locust forwards to workers.
ORDER_OPTION: Final = "soak_order"
_GOING_ON: Final = (runners.STATE_SPAWNING, runners.STATE_RUNNING)
_ENDED: Final = (runners.STATE_INIT, runners.STATE_STOPPING, runners.STATE_STOPPED, runners.STATE_CLEANUP)


class Soak:
    """One Locust process's part in wsoak, over as many runs as its UI starts.

    Attributes:
        leader: Of the runs; None on workers.
        generator: This process's load, while a run goes on; None on the master.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.leader: Leader | None = None
        self.generator: LoadGenerator | None = None
        self._standin_url: str | None = None
        self._is_quitting = False
        self._is_starting = False
        self._courier: Courier | None = None
        self._relay: Child | None = None
        self._relay_watch: gevent.Greenlet[..., None] | None = None
        self._screen = Screen(environment)
        self._own: dict[str, Any] = {}  # a worker's own options, before the controller's come over them
        self._planned_s: float | None = None  # of a run that is led on: Locust's --run-time is what is left of it
        self._checked: tuple[Settings, str | None, int] | None = None

    def settings(self, overlay: Mapping[str, Any] | None = None) -> Settings:
        """The options as they are now, with a web form's values over them.

        Raises:
            ConfigError: For the first one that is wrong.
        """
        return fitted(settings_from({**vars(self.environment.parsed_options), **(overlay or {})}))

    # -- before any run ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Refuse what cannot run before anything is connected, and name the target.

        Raises:
            ConfigError: For a wrong option or a target that is not allowed.
        """
        runner = self.environment.runner
        if isinstance(runner, runners.DistributedRunner):
            tolerate(runner)
        if isinstance(runner, runners.WorkerRunner):
            own = vars(self.environment.parsed_options)
            self._own = {name: own[name] for name in OF_THE_MACHINE}
            self._own |= {name: own[name] for name in MAY_DIFFER if own[name] not in (None, DEFAULTS[name])}
            self._courier = Courier(runner, limits_from(os.environ))
            self._courier.time_keeper.wait()
            return
        settings = self.settings()
        limits = limits_from(os.environ)
        resumed = self._run_to_resume(settings) if settings.resume else None
        if resumed is not None and resumed.target.standin:
            # Where the users of its workers still knock.
            self._standin_url = self.environment.host = resumed.target.url
        elif not self.environment.host:
            self._standin_url = self.environment.host = free_standin_url(tls=settings.standin_tls)
        self.check(settings, self.environment.host, self._users())
        if settings.shape == "ramp-soak-storm":
            self.environment.shape_class = RampSoakStorm()
            self.environment.shape_class.runner = runner
        fleet: Fleet | None = None
        if isinstance(runner, runners.MasterRunner):
            fleet = Fleet(runner, limits)
            if GuardedServer.key is None and (warning := open_door(self.environment.parsed_options.master_bind_host)):
                say(f"wsoak: {warning}")
        self.leader = Leader(self.environment, fleet, limits=limits, end_early=self._end_early)
        if fleet is not None:
            self.environment.dispatcher_class = knowing(self.environment.dispatcher_class, fleet.users)
        if resumed is not None:
            self._resume(resumed, settings, limits)

    def _run_to_resume(self, settings: Settings) -> RunFile:
        """What is known of the run that --resume names.

        Raises:
            ConfigError: This process cannot lead it on, or would lead another run.
        """
        options = self.environment.parsed_options
        if not isinstance(self.environment.runner, runners.MasterRunner) or not options.headless:
            raise ConfigError(
                f"--resume {settings.resume!r} leads a fleet's run on, from the command line: give it to locust "
                "--master --headless. A run without workers ended with its process: python -m attempts.store "
                f"{Path(settings.reports_dir) / settings.resume} stores its rows."
            )
        file = run_to_resume(settings)
        host = self.environment.host
        refuse_differences(
            file,
            differences(
                file,
                settings,
                host=plain_urls(parse_target(host).url) if host else None,
                users=self._users(),
                run_time_s=self._run_time_s(),
            ),
        )
        return file

    def _resume(self, file: RunFile, settings: Settings, limits: Limits) -> None:
        """Lead the run on, in Locust's own course of a run; or end it here, where there is nothing left to lead.

        Raises:
            ConfigError: Another process leads it, and is well.
            SystemExit: It is over: with its exit status.
        """
        assert self.leader is not None
        run = reopened(file, settings, limits=limits, now=utc_now, sleep=gevent.sleep)
        options = vars(self.environment.parsed_options)
        if not self.leader.resume(run, limits):
            run.start_store()
            self.leader.finish(None, is_quitting=True)
            self.environment.runner.quit()
            say(self.leader.last_words, sys.stdout, end="")
            raise SystemExit(self.environment.process_exit_code)
        # Those that run users are not "ready" to Locust, and it would wait for them for ever.
        options["expect_workers"] = 0
        now = utc_now()
        if isinstance(self.environment.shape_class, RampSoakStorm):
            self.environment.shape_class.began_s_ago = (now - datetime.fromisoformat(file.started_at)).total_seconds()
        elif run.planned_end is not None:
            self._planned_s = planned_s(file)
            options["run_time"] = max(1.0, (run.planned_end - now).total_seconds())

    def check(self, settings: Settings, host: str | None, users: int) -> None:
        """All that can be refused without connecting.

        Raises:
            ConfigError: In one sentence.
        """
        if users < 1:
            raise ConfigError(f"--users is {users}, but a soak takes 1 or more.")
        is_standin = host == self._standin_url
        check_target(host or "", settings, is_standin=is_standin)
        if is_standin:
            check_faults(settings)
        check_server_log(settings)
        check_baseline(settings)
        # While a run is led its own page listens there, and that of a run to be led on may do so for a moment yet.
        if not settings.resume and (self.leader is None or self.leader.run is None):
            check_metrics(settings, has_otel=bool(self.environment.parsed_options.otel))
        check_plan(settings, users=users, workers=self._workers(), is_standin=is_standin)
        if isinstance(self.environment.runner, runners.LocalRunner):
            check_clients(settings)
            check_machine(settings, users, parse_target(host or ""))
        self._checked = (settings, host, users)

    def check_form(self, form: Mapping[str, str]) -> None:
        """The same for the web UI's start form.

        Raises:
            ConfigError: In one sentence.
        """
        if isinstance(self.environment.runner, runners.MasterRunner) and not self.environment.runner.worker_count:
            raise ConfigError("No worker is connected: start some with locust --worker first.")
        values = {k: v for k, v in form.items() if k in DEFAULTS}
        users = form.get("user_count") or form.get("num_users") or "1"
        self.check(
            self.settings(values), form.get("host") or self.environment.host, int(users) if users.isdigit() else 1
        )

    def note_refused(self, sentence: str) -> None:
        """A start was refused before there was a run; the pages say why."""
        if self.leader is not None:
            self.leader.refused = sentence

    def standin_url(self) -> str:
        """Where the embedded stand-in listens, or would: with --host there is none until a form asks for it."""
        if self._standin_url is None:
            self._standin_url = free_standin_url(tls=self.settings().standin_tls)
        return self._standin_url

    def phase(self) -> Phase:
        """What the process is doing; on a worker that is its master's to know."""
        if self._is_starting:
            return Phase.STARTING
        if self.leader is None or self.leader.run is None:
            return Phase.IDLE
        return Phase.RUNNING if self.environment.runner.state in _GOING_ON else Phase.ENDING

    def watched(self) -> Watched:
        """What the pages show: what the process is doing, and the run that goes on or went last."""
        options = self.options_now()
        is_off = bool(options["no_live_analysis"] or options["no_analysis"])
        if self.leader is None:
            return Watched(self.phase(), None, "", is_off)
        return Watched(self.phase(), self.leader.last_folder, with_pointer(self.leader.refused), is_off)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """A run is being started here, which takes seconds.

        Locust calls that stopped until the first user is there, its UI believes it, and a stop would do nothing.
        """
        self._is_starting = True
        if self.leader is not None:
            self.environment.runner.update_state(runners.STATE_SPAWNING)
        try:
            yield
        finally:
            self._is_starting = False

    def options_now(self) -> Mapping[str, Any]:
        """Locust's options and wsoak's, as they are."""
        return {**vars(self.environment.parsed_options), "host": self.environment.host}

    def change_users(self, users: Users) -> None:
        """Let the run go on with another number of users.

        Raises:
            ConfigError: There cannot be so many.
        """
        self.check(self.settings(), self.environment.host, users.number)
        gevent.spawn(self.environment.runner.start, users.number, users.spawn_rate)

    def _workers(self) -> int:
        """How many processes will share the load."""
        runner = self.environment.runner
        if not isinstance(runner, runners.MasterRunner):
            return 1
        expected = getattr(self.environment.parsed_options, "expect_workers", None) or 1
        return max(1, int(runner.worker_count or expected))

    def _users(self) -> int:
        options = self.environment.parsed_options
        users = getattr(options, "num_users", None)
        return 1 if users is None else int(users)

    # -- a run ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Locust's test_start: the run begins before the first user does."""
        if self.leader is not None:
            settings = self.settings()
            plan = (settings, self.environment.host, self._users())
            # The command line and the form were checked. Seconds of checking here would be the run's own: Locust
            # counts its --run-time already.
            if plan != self._checked:
                self.check(*plan)
            order = self.leader.begin(
                settings,
                is_standin=self.environment.host == self._standin_url,
                run_time_s=self._run_time_s(),
                users=self._users(),
                generator=lambda: self.generator,
            )
            vars(self.environment.parsed_options)[ORDER_OPTION] = order.as_text()
        else:
            settings = self.settings(self._own)
            order = order_from_text(vars(self.environment.parsed_options)[ORDER_OPTION])
        if isinstance(self.environment.runner, runners.MasterRunner):
            return
        target = order.target
        if self.leader is None:
            check_clients(settings)
            check_machine(settings, math.ceil(order.users / order.workers), parse_target(target.url))
            # Its own, where this machine has them elsewhere.
            check_certificates(settings)
            target = msgspec.structs.replace(
                target,
                ca_file=settings.ca_file or target.ca_file,
                client_cert=settings.client_cert or None,
                client_key=settings.client_key or None,
            )
        if settings.use_proxy:
            target = msgspec.structs.replace(target, proxy=proxy_for(target))
        if settings.needs_relay:
            self._relay = start_relay(settings, target)
            target = msgspec.structs.replace(target, relay=("127.0.0.1", int(self._relay.ready["port"])))
        folder = self._spool_folder(order, settings)
        clock, found = (order.clock, None) if self._courier is None else self._courier.time_keeper.clock_of(order)
        self.generator = SoakUser.generator = LoadGenerator(
            order,
            settings,
            spool_folder=folder,
            target=target,
            worker_key=max(0, getattr(self.environment.runner, "worker_index", 0)),
            on_attempt=self._screen.show,
            clock=clock,
            clock_found=found,
        )
        if self._relay is not None:
            self._relay_watch = gevent.spawn(_watch_relay, self._relay, self.generator)
        if self._courier is not None:
            self._courier.start(self.generator, folder, outbox_gb=settings.outbox_gb)
        # Locust inspects its stack when it stops; the first time that reads every module's source, and would
        # block the loop during the last attempts (3 s were seen).
        inspect.stack()
        settle_collector()

    def takes(self, message: Message) -> bool:
        """Whether a worker handles what its master has sent: not users of a run whose load it has ended."""
        if message.type != "spawn" or self._courier is None:
            return True
        text = message.data["parsed_options"].get(ORDER_OPTION)
        return self._courier.takes_users(order_from_text(text).run_id if text else None)

    def refuse(self, sentence: str, status: int) -> None:
        """The run cannot start: nobody connects here, and the exit status says why."""
        if self.leader is not None:
            self.leader.refuse(sentence, status)
        else:
            self.environment.process_exit_code = status
            if self._courier is not None:
                self._courier.broken(sentence)

    def status(self) -> str:
        """One sentence for the page of runs."""
        return self.leader.status if self.leader is not None else ""

    def last_words(self) -> str:
        """What the last run's analysis said."""
        return self.leader.last_words if self.leader is not None else ""

    def _spool_folder(self, order: RunOrder, settings: Settings) -> Path:
        root = Path(settings.reports_dir)
        if self.leader is not None:
            return root / order.run_id / "spool"
        # One folder a worker: several on one machine must not ship each other's segments.
        return root / ".outbox" / order.run_id / secrets.token_hex(4)

    def _run_time_s(self) -> float | None:
        if self._planned_s is not None:
            return self._planned_s
        seconds = getattr(self.environment.parsed_options, "run_time", None)
        return float(seconds) if seconds else None

    def _end_early(self) -> None:
        if self.environment.parsed_options.headless:
            self.environment.runner.quit()
        else:
            self.environment.runner.stop()

    def stopping(self) -> None:
        """Locust's test_stopping: sessions end themselves, so that Locust has nobody to kill."""
        if self.leader is not None:
            if self.leader.run is not None:
                self.leader.run.stopping()
            self.leader.stopping()
        if self.generator is not None:
            self.generator.stop()

    def stop(self) -> None:
        """Locust's test_stop: the users have stopped; every row is on its way to the store."""
        SoakUser.generator = None
        generator, self.generator = self.generator, None
        relay, self._relay = self._relay, None
        if self._relay_watch is not None:
            self._relay_watch.kill()
        if generator is not None and relay is not None:
            generator.relay, sentences = stop_relay(relay)
            for sentence in sentences:
                generator.problem(sentence)
        if generator is not None and locust_log.unhandled_greenlet_exception:
            generator.problem("Something raised inside Locust (see its log): nothing is sure after that.")
        report = generator.finish() if generator is not None else None
        if self._courier is not None and report is not None:
            self._courier.finish(report)
        if self.leader is not None:
            self._screen.flush()
            self.leader.finish(report, is_quitting=self._is_quitting)

    def quitting(self) -> None:
        """Locust's quitting: on a signal it comes before test_stop, so the run is stopped from here."""
        self._is_quitting = True
        if self.environment.runner is not None and self.environment.runner.state not in _ENDED:
            self.environment.runner.stop()
        if self.leader is not None:
            self.leader.join()
        if self._courier is not None:
            self._courier.join()

    def is_ending(self) -> bool:
        """Whether the run is being ended, by a signal or by itself."""
        return self._is_quitting or (self.leader is not None and self.leader.is_finishing)

    def folder(self) -> Path | None:
        """Of the run that this process leads, until it is analysed; None = there is none."""
        run = self.leader.run if self.leader is not None else None
        return None if run is None else run.folder

    def leave_unjudged(self) -> None:
        """This process is about to leave the run that it leads: nobody makes a verdict of it later."""
        if self.leader is not None and self.leader.run is not None:
            self.leader.run.leave_unjudged()

    def user_error(self, exception: BaseException) -> None:
        """An exception in a user is wsoak's fault, never the target's."""
        sentence = f"A user crashed ({type(exception).__name__}: {redacted(str(exception))})."
        run = self.leader.run if self.leader is not None else None
        for part in (self.generator, run):
            if part is not None:
                part.problem(sentence)


def _watch_relay(relay: Child, generator: LoadGenerator) -> None:
    """Without its relay a generator reaches nobody: hours of that are no soak."""
    while relay.exit_status is None:
        gevent.sleep(1.0)
    generator.problem(f"The relay {how_ended(relay.exit_status)} during the run.")


def free_standin_url(*, tls: bool) -> str:
    """Where the stand-in will listen: a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/ws"
