"""Master and workers: what they tell each other beside Locust's own messages, and how rows come home.

Locust's messages can get lost, its master forgets workers, and what is queued when a process ends is gone
(a "quit" leaves half a second). So rows travel as segments with acknowledgements (`attempts.spool.shipping`),
and the master ends a run only when each worker has said that all of its rows have arrived, or when its
patience is over; a worker that never said so is lost, and the run is void. Who owes what is in `roster`.

    worker -> master   soak_hello      who I am: its entry in run.json so far; again until the master knows it
    worker -> master   soak_time       what time is it? (again and again: the quickest answer is the best)
    master -> worker   soak_time       the master's timer, and the moment on the run's time line while there is a run
    worker -> master   soak_load       how much load I have made so far
    master -> worker   soak_left       how much is left of the run, and whether the master knows the worker: a master
                                       that leads the run on does not, until the worker has announced itself again
    worker -> master   soak_broken     I cannot take part, or no longer: end the run
    worker -> master   soak_segment    a chunk of rows
    master -> worker   soak_segment_reply
    master -> worker   soak_drain      stop, and ship what is left; again until it has
    worker -> master   soak_drained    all has arrived (or not); the worker's report; again until it is thanked for
    master -> worker   soak_thanks     the report is here
    master -> worker   soak_closed     that run is over: nothing of it is acknowledged any more, keep your rows

What is of a run has its id: a master that leads another run by now takes none of it.
"""

from __future__ import annotations

from locust import runners

import time
from typing import Any, Final

import gevent
import msgspec
import zmq

from attempts.settling import NOT_KEPT
from attempts.spool.shipping import Arrived, Receiver, keep_segment_file
from scenarios.clock import Clock
from scenarios.control.dealt_users import DealtUsers
from scenarios.control.fleet_versions import versions_apart
from scenarios.control.limits import Limits
from scenarios.control.live_run import LiveRun
from scenarios.control.load_seen import LoadSeen, Told
from scenarios.control.locust_messages import SideLane, watch_spawns
from scenarios.control.roster import Roster, lost
from scenarios.load.disk import Disk
from scenarios.run_file import WorkerEntry
from scenarios.run_order import GeneratorReport
from scenarios.screens.voice import say

# A drain that got lost is sent again so often.
DRAIN_AGAIN_S: Final = 2.0


class Fleet:
    """The master's side: who takes part, their segments into the run's spool, and who got lost."""

    def __init__(self, runner: runners.MasterRunner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._disk = Disk()
        self._receiver = Receiver()
        self._run: LiveRun | None = None
        self._clock: Clock | None = None
        self._ends_at: float | None = None
        self._roster = Roster()
        self._load: LoadSeen | None = None
        self._is_draining = False
        self._is_closed = True
        self.is_broken = False
        self._is_disk_closed = False
        self.users = DealtUsers()
        self._absent: dict[str, WorkerEntry] = {}  # of a run that this master leads on: those not heard of, by worker
        self._has_left = False
        SideLane(runner)
        runner.environment.events.heartbeat_sent.add_listener(self._on_heartbeat)
        runner.register_message("soak_hello", self._on_hello)
        runner.register_message("soak_time", self._on_time)
        runner.register_message("soak_load", self._on_load)
        runner.register_message("soak_segment", self._on_segment, concurrent=True)
        runner.register_message("soak_drained", self._on_drained)
        runner.register_message("soak_broken", self._on_broken)

    @property
    def expected(self) -> int:
        """How many workers are connected."""
        return int(self._runner.worker_count)

    def begin(self, run: LiveRun, clock: Clock, *, run_time_s: float | None, load: LoadSeen) -> None:
        """A run begins: nobody has said hello yet, but all to whom users are dealt are expected to.

        Args:
            run: The run.
            clock: What it goes by.
            run_time_s: How long it is planned to last from now; None = until somebody ends it.
            load: Is told what load the workers make.
        """
        self._run = run
        self._clock = clock
        self._ends_at = None if run_time_s is None else time.perf_counter() + run_time_s
        self._load = load
        self._receiver = Receiver()
        self._roster = Roster(self._roster)
        self._is_draining = self._is_closed = False
        self.is_broken = self._is_disk_closed = False
        self._absent = {}
        self.users.forget()
        self._mind_server()

    def resume(self, run: LiveRun, clock: Clock, *, run_time_s: float | None, load: LoadSeen) -> None:
        """A run is led on whose workers are there already: they are answered from now on, and announce themselves.

        Args:
            run: The run.
            clock: What it goes by.
            run_time_s: How much of it is left; None = until somebody ends it.
            load: Is told what load the workers make.
        """
        self.begin(run, clock, run_time_s=run_time_s, load=load)
        self._absent = {entry.worker: entry for entry in run.file.workers if not entry.lost and entry.pid is not None}
        self._runner.worker_index_max = len(run.file.workers)  # a new worker is no old one's double in the plan
        self._hold_back()

    @property
    def absent(self) -> list[WorkerEntry]:
        """Workers of a run that is led on, of which nothing has been heard."""
        return list(self._absent.values())

    @property
    def present(self) -> list[WorkerEntry]:
        """Workers that have said hello."""
        return list(self._roster.entries.values())

    def entries(self) -> list[WorkerEntry]:
        """All workers of the run as far as they are known, for run.json while it grows."""
        heard = [
            msgspec.structs.replace(entry, users=self._users_of(client_id))
            for client_id, entry in self._roster.entries.items()
        ]
        return [*heard, *self._absent.values()]

    def leave(self) -> None:
        """Another master leads the run: its workers are not ours any more, and hear nothing from here."""
        self._run = None
        self._roster = Roster()
        self._absent.clear()
        self._has_left = True
        for client_id in list(self._runner.clients):
            del self._runner.clients[client_id]

    def _users_of(self, client_id: str) -> int | None:
        client = self._runner.clients.get(client_id)
        return None if client is None else int(client.user_count)

    def _hold_back(self) -> None:
        """Users of a worker that was not heard of are dealt to nobody: it may still run them."""
        self.users.held = sum(entry.users or 0 for entry in self._absent.values())

    def watch(self) -> None:
        """Keep a place for the workers that are silent, and say who they are. Call it every second."""
        self._mind_server()
        for client in self._runner.clients.all:
            # Locust would deal its users to others while it may be soaking on behind a cut.
            client.heartbeat = max(client.heartbeat, runners.HEARTBEAT_LIVENESS)
        now = time.perf_counter()
        for sentence in self._roster.news(now, silent_s=self._limits.silent_s):
            _say(sentence)
        if self._run is not None and self._roster.is_deserted(now, alone_s=self._limits.alone_s):
            self._run.problem(f"No worker has been heard for {self._limits.alone_s:g} s: the run ends here.")
            self.is_broken = True

    def release(self) -> None:
        """The run ends: workers that are silent are missing for Locust, too, or it would wait for their users."""
        now = time.perf_counter()
        for client in self._runner.clients.all:
            if self._roster.silence_s(client.id, now) >= self._limits.silent_s:
                client.state = runners.STATE_MISSING
                client.user_classes_count = {}

    def collect(self) -> list[GeneratorReport]:
        """Ask all workers to stop and ship; wait for their reports, or until patience is over. Then the run is closed:
        nothing is acknowledged any more.
        """
        self._is_draining = True
        started = time.perf_counter()
        drain_at = started
        while (missing := self._roster.missing) or self._absent:
            now = time.perf_counter()
            waited = now - started
            is_heard = any(self._roster.silence_s(client, now) < self._limits.silent_s for client in missing)
            if waited >= (self._limits.drain_s if is_heard and not self._is_disk_closed else self._limits.missing_s):
                break
            if now >= drain_at:
                drain_at = now + DRAIN_AGAIN_S
                for client in missing:
                    self._runner.send_message("soak_drain", None, client_id=client)
            gevent.sleep(0.05)
        self._is_closed = True
        if self._run is not None:
            for found in (*self._roster.problems(), *map(lost, self._absent.values())):
                self._run.problem(found.sentence, kind=found.kind, worker=found.worker)
        return self._roster.reports

    def lost_workers(self) -> list[WorkerEntry]:
        """Those that said hello and never reported."""
        return [*self._roster.lost, *(msgspec.structs.replace(entry, lost=True) for entry in self._absent.values())]

    def _mind_server(self) -> None:
        # A worker that comes by a new way (its address has changed, the old connection hangs in a cut) is the same one.
        self._runner.server.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        watch_spawns(self._runner, self._roster_told)

    def _roster_told(self, client_id: str) -> None:
        self._roster.told_to_start(client_id)

    def _is_of_run(self, msg: Any) -> bool:
        """Whether a message belongs to the run that goes on; its sender is told if that is over."""
        self._roster.heard(msg.node_id, time.perf_counter())
        run_id = msg.data.get("run_id")
        # A master that has just come back may take the run up again, and one that was replaced has no part in it.
        if self._run is None or not self._run.is_mine:
            return False
        if not self._is_closed and run_id == self._run.run_id:
            return True
        self._runner.send_message("soak_closed", {"run_id": run_id}, client_id=msg.node_id)
        return False

    def _on_heartbeat(self, client_id: str, **_: Any) -> None:
        self._roster.heard(client_id, time.perf_counter())

    def _on_hello(self, environment: Any, msg: Any, **_: Any) -> None:
        if not self._is_of_run(msg):
            return
        entry = msgspec.convert(msg.data["entry"], WorkerEntry)
        self._roster.hello(msg.node_id, entry)
        if self._run is not None and (sentence := versions_apart(entry.versions, self._run.file.versions)):
            self._run.remark(sentence)
        if self._absent.pop(entry.worker, None) is not None:
            self._hold_back()
            self.users.told(msg.node_id, msg.data.get("user_classes"))
        if self._is_draining:
            self._runner.send_message("soak_drain", None, client_id=msg.node_id)

    def _on_time(self, environment: Any, msg: Any, **_: Any) -> None:
        if self._has_left:
            return
        timer = time.perf_counter()
        self._roster.heard(msg.node_id, timer)
        at = None if self._clock is None else self._clock.micros(timer)
        answer = {"sent_at": msg.data["sent_at"], "timer": timer, "at": at}
        self._runner.send_message("soak_time", answer, client_id=msg.node_id)

    def _on_load(self, environment: Any, msg: Any, **_: Any) -> None:
        if not self._is_of_run(msg):
            return
        now = time.perf_counter()
        # Words to a master that is gone come late to the next one, as if users had run later than they did: only a
        # worker that has said hello to this one speaks to it.
        if self._load is not None and self._roster.knows(msg.node_id):
            self._load.tell(msg.node_id, now, Told(*msg.data["load"]))
        answer = {
            "run_id": msg.data["run_id"],
            "sent_s": msg.data["sent_s"],
            "left_s": None if self._ends_at is None else self._ends_at - now,
            "is_known": self._roster.knows(msg.node_id),
            "is_client": msg.node_id in self._runner.clients,
        }
        self._runner.send_message("soak_left", answer, client_id=msg.node_id)

    def _on_segment(self, environment: Any, msg: Any, **_: Any) -> None:
        if self._run is None or not self._is_of_run(msg):
            return
        run = self._run
        for step in self._receiver.receive(msg.data):
            if not isinstance(step, Arrived):
                reply = step
            else:
                try:
                    self._disk.apply(keep_segment_file, (run.folder / "spool", step.name, step.data))
                except OSError as error:
                    self._receiver.failed(step)
                    self.is_broken = self._is_disk_closed = True
                    run.problem(
                        f"Rows of worker {step.name.worker} cannot be kept in {run.folder} ({error.strerror}), so the "
                        "run ends; what is not there yet is on its disk: python -m attempts.collect brings it.",
                        kind=NOT_KEPT,
                        worker=step.name.worker,
                    )
                    continue
                if self._is_closed:  # while it was being written: whether the store has seen it, nobody knows
                    return
                reply = self._receiver.kept(step)
            self._runner.send_message("soak_segment_reply", reply, client_id=msg.node_id)

    def _on_drained(self, environment: Any, msg: Any, **_: Any) -> None:
        if not self._is_of_run(msg):
            return
        if self._load is not None:
            self._load.tell(msg.node_id, time.perf_counter(), Told(*msg.data["load"]))
        self._roster.reported(msg.node_id, msgspec.json.decode(msg.data["report"], type=GeneratorReport))
        self._runner.send_message("soak_thanks", {"run_id": msg.data["run_id"]}, client_id=msg.node_id)

    def _on_broken(self, environment: Any, msg: Any, **_: Any) -> None:
        self.is_broken = True
        self._roster.gave_up(msg.node_id)
        if self._run is not None:
            self._run.problem(f"A worker has given up: {msg.data['sentence']}")


def _say(sentence: str) -> None:
    say(f"wsoak: {sentence}")
