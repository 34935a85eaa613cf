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
from scenarios.clock import Clock
from scenarios.errors import HarnessError
from scenarios.load.disk import Disk
from scenarios.load.user_connections import UserConnections
from scenarios.machine.fingerprint import fingerprint, library_versions, worker_facts
from scenarios.machine.vitals import GeventWatch, Vitals
from scenarios.options import Settings
from scenarios.plan import Target
from scenarios.probes.kinds import Prober
from scenarios.redact import redacted
from scenarios.run_file import RelayEntry, WorkerEntry
from scenarios.run_order import GeneratorReport, RunOrder
from scenarios.session.scripts import LONGER_FACTOR

# A closing handshake's row comes when its session has ended; so much later than its budget at the most.
LATE_ROWS_S: Final = 20.0


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
            on_attempt=lambda _plan, attempt: on_attempt(attempt),
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
            services=self.services,
            problem=self.problem,
        )
        for name in distinct(settings.client):
            prepare(name, self.services)
        self.users.start()
        self._prober = self._probing(target) if settings.probes else None
        self._watch = GeventWatch(self._vitals, self._keep_health, failed=self._vitals_failed)
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
        )

    def _new_recorder(self, facts: WorkerFacts) -> Recorder:
        late_rows_s = self._settings.close_budget_s * LONGER_FACTOR + LATE_ROWS_S
        recorder = Recorder(self._spool, facts, late_rows_s=late_rows_s)
        self._recorders.append(recorder)
        return recorder

    def _child_recorder(self, event_loop: str) -> Recorder:
        """A child process is a worker of its own in the record: its loop lag is not ours."""
        return self._new_recorder(msgspec.structs.replace(self.facts, worker=f"{secrets.token_hex(8)}-{event_loop}"))

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

    def _vitals_failed(self, error: BaseException) -> None:
        self.problem(f"This worker's vitals failed ({error}): nothing can be said of its own part in any timeout.")


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
