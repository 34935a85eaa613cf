"""A worker's side of the fleet: who it is, what it does without its master, and its rows on their way there.

The messages are in `fleet`; what happens while the master is not heard is decided in `without_master`.
"""

from __future__ import annotations

from locust import __version__, runners
from locust.exception import RPCError
from locust.rpc import Message

import contextlib
import math
import time
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec
from gevent.event import Event

from attempts.spool.shipping import Sender, read_segment_file, remove_segment_file, sealed_segments
from scenarios.clock import asleep_s
from scenarios.control import orphans
from scenarios.control.fleet_wire import GuardedClient
from scenarios.control.limits import Limits
from scenarios.control.load_seen import UserSeconds
from scenarios.control.outbox import fill_of, why_full
from scenarios.control.time_keeper import TimeKeeper
from scenarios.control.without_master import PlannedEnd, Silence, is_patience_over
from scenarios.exit_codes import EXIT_VOID
from scenarios.load.disk import Disk
from scenarios.load.generator import LoadGenerator
from scenarios.run_order import GeneratorReport
from scenarios.screens.voice import say

SHIP_EVERY_S: Final = 0.5
TELL_LOAD_EVERY_S: Final = 3.0
LOOK_EVERY_S: Final = 0.1
LOOK_AT_DISK_EVERY_S: Final = 1.0
# So long a message to a master that is heard may take.
LAST_WORD_S: Final = 2.0


def seconds_with_sleep() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.perf_counter() + asleep_s()


class _Errand:
    """One run, as its worker's courier has it: from its start until its last row is home, or stays.

    Attributes:
        report: Of the generator; None while there is load.
        is_known: Whether the master knows that this worker takes part.
        is_closed: Whether nobody acknowledges anything of this run any more.
        is_thanked: Whether the master has the report.
    """

    def __init__(self, generator: LoadGenerator, folder: Path, *, outbox_gb: float, limits: Limits) -> None:
        now = seconds_with_sleep()
        self.run_id = generator.order.run_id
        self.generator = generator
        self.folder = folder
        self.outbox_gb = outbox_gb
        self.sender = Sender()
        self.load = UserSeconds(now)
        self.end = PlannedEnd(now, run_time_s=generator.order.run_time_s, limits=limits)
        self.report: GeneratorReport | None = None
        self.is_ending = self.is_known = self.is_closed = self.is_thanked = False
        self.wake = Event()


class Courier:
    """A worker's side: greets, ships segments while the run goes on, drains at its end.

    Make it when the process begins: from then on it notices when the master is not heard.

    Attributes:
        time_keeper: Knows the master's time.
    """

    def __init__(self, runner: runners.WorkerRunner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._disk = Disk()
        self.time_keeper = TimeKeeper(runner)
        self._silence = Silence(seconds_with_sleep(), silent_s=limits.silent_s)
        self._errand: _Errand | None = None  # the run whose load goes on
        self._errands: dict[str, _Errand] = {}  # and those whose rows are still on their way
        self._ended: set[str] = set()  # runs whose load is over here
        self._carrying: list[gevent.Greenlet[..., None]] = []
        self._tried_again_at = -math.inf
        self._is_leaving = False
        runner.environment.events.heartbeat_received.add_listener(lambda **_: self._heard())
        runner.register_message("soak_segment_reply", self._on_reply, concurrent=True)
        runner.register_message("soak_left", self._on_left)
        runner.register_message("soak_drain", self._on_drain, concurrent=True)
        runner.register_message("soak_thanks", self._on_thanks)
        runner.register_message("soak_closed", self._on_closed, concurrent=True)
        runner.reset_connection = self._connect_anew  # type: ignore[method-assign]
        gevent.spawn(self._look)

    def start(self, generator: LoadGenerator, folder: Path, *, outbox_gb: float) -> None:
        """A run begins whose segments appear in `folder`, and may become so many GB there."""
        orphans.run_began()
        self.time_keeper.generator = generator
        errand = _Errand(generator, folder, outbox_gb=outbox_gb, limits=self._limits)
        self._errand = self._errands[errand.run_id] = errand
        self._carrying = [one for one in self._carrying if not one.ready()]
        self._carrying.append(gevent.spawn(self._carry, errand))
        gevent.spawn(self._mind_outbox, errand)

    def takes_users(self, run_id: str | None) -> bool:
        """Whether this worker may be dealt users of a run: not if it has ended its load of it."""
        return run_id not in self._ended

    def broken(self, sentence: str) -> None:
        """This worker cannot take part, or no longer: the run is void, and need not go on."""
        self._runner.send_message("soak_broken", {"sentence": sentence})

    def finish(self, report: GeneratorReport) -> None:
        """The spool is closed: ship the rest. Returns at once, since replies come through our caller."""
        self.time_keeper.generator = None
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.report = report
            self._ends(errand)
            errand.wake.set()

    def join(self) -> None:
        """This process ends: wait until all that can be brought home is there."""
        self._is_leaving = True
        if not len(self._runner.greenlet):  # the master has ended this worker: nobody reads its answers any more
            for errand in self._errands.values():
                errand.is_closed = True
        gevent.joinall(self._carrying)

    # -- while there is load, and the master perhaps not heard ----------------------------------

    def _look(self) -> None:
        """Ten times a second, for users come and go; nothing here waits for a disk or a line."""
        while True:
            gevent.sleep(LOOK_EVERY_S)
            now = seconds_with_sleep()
            self._silence.look(now)
            errand = self._errand
            if errand is not None and not errand.is_ending:
                errand.load.look(now, self._runner.user_count)
                why = errand.end.why_stop(now, self._silence)
                if not why and errand.generator.must_end and self._silence.is_silent:
                    why = errand.generator.problems[-1]
                if why:
                    self._end_load(errand, why)
            if self._silence.is_silent:
                self._without_master(now)

    def _without_master(self, now: float) -> None:
        if now - self._tried_again_at >= self._limits.silent_s:
            # After a cut of minutes TCP tries again minutes later. A new connection is there at once.
            self._tried_again_at = now
            self._connect_anew()
        is_idle = self._errand is None and all(carrying.ready() for carrying in self._carrying)
        if is_idle and self._silence.seconds >= self._limits.idle_s and len(self._runner.greenlet):
            self._say(f"the master has not been heard for {self._silence.seconds:.0f} s: this worker ends.")
            self._runner.quit()

    def _connect_anew(self) -> None:
        """In place of Locust's own way, which closes first: while the new socket looks up its address, what reads the
        closed one fails in a loop that never lets go of the process.
        """
        old = self._runner.client
        with contextlib.suppress(RPCError):
            self._runner.client = GuardedClient(
                self._runner.master_host, self._runner.master_port, self._runner.client_id
            )
            # What the old one has not sent must not come later, in the name of this worker.
            old.close(linger=0)

    def _mind_outbox(self, errand: _Errand) -> None:
        """A full outbox ends the load, whether anybody can be told or not."""
        while not errand.is_ending:
            with contextlib.suppress(OSError):
                fill = self._disk.apply(fill_of, (errand.folder,))
                why = why_full(fill, limit_gb=errand.outbox_gb, folder=errand.folder)
                if why:
                    errand.generator.problem(why)
                    self._end_load(errand, why)
            gevent.sleep(LOOK_AT_DISK_EVERY_S)

    def _end_load(self, errand: _Errand, why: str) -> None:
        if not errand.is_ending:
            self._ends(errand)
            self._say(f"{why} This worker stops its users.")
            # Fires test_stop, which closes the spool and calls `finish`.
            gevent.spawn(self._stop)

    def _ends(self, errand: _Errand) -> None:
        errand.is_ending = True
        self._ended.add(errand.run_id)

    def _stop(self) -> None:
        self._runner.stop()
        # For Locust it would be running for ever, and begin its next run without a test_start.
        self._runner.worker_state = runners.STATE_INIT

    # -- rows on their way ------------------------------------------------------------------------

    def _carry(self, errand: _Errand) -> None:
        load_at = told_at = -math.inf
        is_told = False
        waited_s = 0.0
        while True:
            now = time.perf_counter()
            report = errand.report  # before the look at the disk: what has been sealed by then is on the list
            if errand.generator.must_end and not is_told:
                is_told = True
                self._send("soak_broken", {"sentence": errand.generator.problems[-1]})
            if now - load_at >= TELL_LOAD_EVERY_S:
                load_at = now
                self._tell_load(errand)
            with contextlib.suppress(OSError):  # the disk may be better in a moment
                self._ship(errand, now)
            if report is None:
                errand.wake.wait(timeout=SHIP_EVERY_S)
                continue
            if errand.sender.is_drained and now - told_at >= 1.0:
                told_at = now
                self._report(errand, report)
            before = seconds_with_sleep()
            gevent.sleep(0.05)
            waited_s += min(seconds_with_sleep() - before, 1.0)
            if self._is_over(errand, now, waited_s):
                break
        self._put_down(errand, report)
        del self._errands[errand.run_id]

    def _is_over(self, errand: _Errand, now: float, waited_s: float) -> bool:
        """Whether there is nothing more to wait for."""
        if errand.is_thanked or errand.is_closed:
            return True
        if not errand.sender.is_drained and set(errand.sender.leftovers) == set(errand.sender.refusals):
            return True
        return is_patience_over(
            seconds_with_sleep(),
            self._silence,
            waited_s=waited_s,
            limits=self._limits,
            is_leaving=self._is_leaving,
        )

    def _tell_load(self, errand: _Errand) -> None:
        if not errand.is_known:
            self._hello(errand)
        words = {"sent_s": seconds_with_sleep(), "load": list(errand.load.told)}
        self._send("soak_load", {"run_id": errand.run_id, **words})

    def _hello(self, errand: _Errand) -> None:
        entry = msgspec.to_builtins(errand.generator.entry)
        users = dict(self._runner.user_classes_count)
        self._send("soak_hello", {"run_id": errand.run_id, "entry": entry, "user_classes": users})

    def _announce(self, errand: _Errand) -> None:
        """To another master that leads our run now: Locust itself never says again that its worker is there."""
        self._hello(errand)  # first: with it the master knows which users run here
        # Its clock may be behind the other's: Locust passes over a spawn that seems to be an old one.
        self._runner.last_received_spawn_timestamp = 0
        ready = Message("client_ready", __version__, self._runner.client_id)
        with contextlib.suppress(Exception):  # a full queue; the next answer says the same
            self._runner.client.send(ready)

    def _ship(self, errand: _Errand, now: float) -> None:
        sender, folder = errand.sender, errand.folder
        found = self._disk.apply(lambda: [name for name, _ in sealed_segments(folder)])
        sender.offer(found)
        if self._silence.is_silent or errand.is_closed:
            return  # what nobody hears would only fill the queue
        while (name := sender.wanted()) is not None:
            sender.load(name, self._disk.apply(read_segment_file, (folder, name)))
        for message in sender.due(now):
            self._send("soak_segment", {"run_id": errand.run_id, **message})

    def _report(self, errand: _Errand, report: GeneratorReport) -> None:
        words = {"report": msgspec.json.encode(report), "load": list(errand.load.told)}
        self._send("soak_drained", {"run_id": errand.run_id, **words})

    def _put_down(self, errand: _Errand, report: GeneratorReport) -> None:
        """The last of a run's rows are home; or some stay, and it is said where they are and how they come home."""
        left = errand.sender.leftovers
        if left:
            sentence = (
                f"Worker {report.workers[0].worker} could not ship {len(left)} segments of run {errand.run_id}; they "
                f"are on its machine ({report.workers[0].host}) in {errand.folder.resolve()}: copy that folder to the "
                f"controller's machine and run python -m attempts.collect {errand.folder} "
                f"reports/{errand.run_id} there."
            )
            self._say(f"VOID: {sentence}")
            self._report(errand, msgspec.structs.replace(report, left_behind=[sentence]))
            self._wait_for_thanks(errand)
        elif not errand.is_thanked:
            self._say(
                f"VOID: all rows of run {errand.run_id} are home, but the master does not know that they are all."
            )
        else:
            with contextlib.suppress(OSError):
                errand.folder.rmdir()
                errand.folder.parent.rmdir()
        if left or not errand.is_thanked:
            self._runner.environment.process_exit_code = EXIT_VOID

    def _wait_for_thanks(self, errand: _Errand) -> None:
        """A process that ends takes with it what it has not sent."""
        if not self._silence.is_silent and not errand.is_closed:
            last = time.perf_counter() + LAST_WORD_S
            while not errand.is_thanked and time.perf_counter() < last:
                gevent.sleep(0.05)

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        # Locust retries a full queue for 9 s and then raises; whatever it was is sent again anyway.
        with contextlib.suppress(Exception):
            self._runner.send_message(kind, data)

    # -- what the master says ---------------------------------------------------------------------

    def _heard(self) -> None:
        self._silence.heard(seconds_with_sleep())

    def _on_reply(self, environment: Any, msg: Any, **_: Any) -> None:
        self._heard()
        for errand in list(self._errands.values()):
            done = errand.sender.receive(msg.data)
            if done is not None:
                with contextlib.suppress(OSError):
                    self._disk.apply(remove_segment_file, (errand.folder, done))

    def _on_left(self, environment: Any, msg: Any, **_: Any) -> None:
        self._heard()
        errand = self._errands.get(msg.data["run_id"])
        if errand is None:
            return
        errand.is_known = bool(msg.data["is_known"])
        if not msg.data["is_client"] and not errand.is_ending:
            self._announce(errand)
        errand.end.answered(sent_at=msg.data["sent_s"], received_at=seconds_with_sleep(), left_s=msg.data["left_s"])

    def _on_drain(self, environment: Any, msg: Any, **_: Any) -> None:
        self._heard()
        errand = self._errand
        if errand is not None and not errand.is_ending:
            self._ends(errand)
            # Fires test_stop here, which closes the spool and calls `finish`.
            self._stop()

    def _on_thanks(self, environment: Any, msg: Any, **_: Any) -> None:
        self._heard()
        errand = self._errands.get(msg.data["run_id"])
        if errand is not None:
            errand.is_thanked = True

    def _on_closed(self, environment: Any, msg: Any, **_: Any) -> None:
        self._heard()
        errand = self._errands.get(msg.data["run_id"])
        if errand is not None and not errand.is_closed:
            errand.is_closed = True
            self._end_load(errand, f"The master has ended run {errand.run_id}.")

    def _say(self, sentence: str) -> None:
        say(f"wsoak: {sentence}")
