"""What a worker and a master that have not met tell each other. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
BEGIN = """
import json
from pathlib import Path
from types import SimpleNamespace
import locust
import gevent
import msgspec
from locust.rpc.protocol import Message
from scenarios.clock import Clock
from scenarios.control.courier import Courier
from scenarios.control.fleet import Fleet
from scenarios.control.limits import Limits
from scenarios.run_file import RunFile, TargetFacts, WorkerEntry
from scenarios.run_order import GeneratorReport

said = []
entry = WorkerEntry(worker="w", host="h", platform="Linux", pid=1)

class Runner:
    def __init__(self):
        self.listeners, self.sent, self.clients = {}, [], {}
        self.client_id = "client-w"
        self.user_classes_count = {"SoakUser": 6}
        self.client = SimpleNamespace(send=lambda message: self.sent.append((message.type, message.data)))
    def register_message(self, name, heard, concurrent=False):
        self.listeners[name] = heard
    def send_message(self, name, data=None, client_id=None):
        self.sent.append((name, data))
    def hear(self, name, data, node_id="client-w"):
        message = Message.unserialize(Message(name, data, node_id).serialize())
        self.listeners[name](environment=None, msg=message)
    def told(self, *names):
        found = [(name, data) for name, data in self.sent if name in names]
        self.sent = []
        return found

class Run:
    def __init__(self, folder, workers=()):
        self.folder, self.run_id, self.is_mine, self.problems = Path(folder), "r1", True, []
        target = TargetFacts(url="", standin=False)
        self.file = RunFile(run_id="r1", started_at="", target=target, workers=list(workers))
    def problem(self, sentence, **kind):
        self.problems.append([sentence, kind])
"""
WORKER = """
runner = Runner()
courier = Courier(runner, Limits().scaled(0.01))
order = SimpleNamespace(run_id="r1", master="boot-1")
courier.start(SimpleNamespace(entry=entry, order=order, must_end=False, time_was_told=lambda *_: None), Path("."))
def answer(boot, run_id):
    runner.told()
    runner.hear("soak_time", {"sent_at": 0.0, "timer": 0.0, "at": None, "boot": boot, "run_id": run_id})
    return [name for name, _ in runner.told("soak_hello", "client_ready", "soak_drained")]
"""


def answers(code: str, *arguments: object) -> Any:
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + code + "\nprint(json.dumps(said))", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_worker_announces_itself_once_to_each_boot_of_its_runs_master() -> None:
    heard = answers(
        WORKER
        + """
for boot, run_id in (
    ("boot-1", "r1"), ("boot-2", None), ("boot-2", "another"), ("boot-2", "r1"), ("boot-2", "r1"), ("boot-3", "r1")
):
    said.append(answer(boot, run_id))
"""
    )
    # Locust's own word last: when it is heard, the master knows which users run there.
    assert heard == [[], [], [], ["soak_hello", "client_ready"], [], ["soak_hello", "client_ready"]]


def test_a_worker_says_with_its_hello_which_users_it_runs() -> None:
    ((_, hello),) = answers(WORKER + 'said += runner.told("soak_hello")')
    assert (hello["worker"], hello["user_classes"]) == ("w", {"SoakUser": 6})


def test_a_worker_that_has_ended_reports_again_and_asks_for_no_users() -> None:
    (heard,) = answers(
        WORKER
        + """
courier.finish(GeneratorReport(workers=[entry], tally={}))
courier.join()
said.append(answer("boot-2", "r1"))
"""
    )
    assert heard == ["soak_hello", "soak_drained"]


def test_a_master_that_leads_on_knows_who_is_away_and_holds_their_users_back(tmp_path: Path) -> None:
    before, after, lost = answers(
        """
import sys
away = msgspec.structs.replace(entry, worker="away", users=5)
gone = msgspec.structs.replace(entry, worker="gone", users=3, lost=True)
child = msgspec.structs.replace(entry, worker="child", pid=None)
runner = Runner()
fleet = Fleet(runner, Limits().scaled(0.001))
run = Run(sys.argv[1], [msgspec.structs.replace(entry, users=6), away, gone, child])
runner.clients = SimpleNamespace(ready=[], get=lambda _: None)
fleet.resume(run, Clock.now())
said.append([[worker.worker for worker in fleet.absent], fleet.users.held, runner.worker_index_max])
runner.hear("soak_hello", msgspec.to_builtins(entry) | {"user_classes": {"SoakUser": 6}})
said.append([[worker.worker for worker in fleet.absent], fleet.users.held, fleet.users.take("client-w")])
fleet.collect()
said.append([[problem, kind["worker"]] for problem, kind in run.problems])
""",
        tmp_path,
    )
    assert before == [["w", "away"], 11, 4]
    assert after == [["away"], 5, {"SoakUser": 6}]
    assert [worker for sentence, worker in lost if sentence.endswith("was lost.")] == ["w", "away"]


def test_rows_of_another_run_and_rows_for_a_master_that_was_replaced_are_not_taken(tmp_path: Path) -> None:
    of_another, of_this, replaced = answers(
        """
import hashlib, sys
runner = Runner()
runner.clients = SimpleNamespace(ready=[], get=lambda _: None)
fleet = Fleet(runner, Limits())
run = Run(sys.argv[1])
(run.folder / "spool").mkdir()
fleet.begin(run, Clock.now())
def ship(run_id, number):
    data = b"rows"
    runner.hear("soak_segment", {"worker": "w", "segment": number, "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": 4, "chunk": 0, "chunks": 1, "data": data, "run_id": run_id})
    return [len(runner.told("soak_segment_reply")), len(list((run.folder / "spool").iterdir()))]
said.append(ship("another", 0))
said.append(ship("r1", 1))
run.is_mine = False
said.append(ship("r1", 2))
""",
        tmp_path,
    )
    assert (of_another, of_this, replaced) == ([0, 0], [1, 1], [0, 1])


def test_a_master_that_was_replaced_says_nothing_more_to_its_workers(tmp_path: Path) -> None:
    (heard,) = answers(
        """
import sys
runner = Runner()
runner.clients = {"client-w": 1}
fleet = Fleet(runner, Limits())
fleet.leave()
runner.hear("soak_time", {"sent_at": 0.0})
said.append([runner.sent, len(runner.clients), fleet.entries()])
""",
        tmp_path,
    )
    assert heard == [[], 0, []]


def test_the_sockets_that_locust_makes_notice_a_silent_peer_and_give_a_name_to_who_came_last() -> None:
    # The names under which Locust's runners look for them (locust.runners: `rpc.Client`, `rpc.Server`).
    assert answers(
        """
import zmq
from locust import runners
from scenarios.control import patient_sockets
patient_sockets.install(Limits().scaled(0.1))
server = runners.rpc.Server("127.0.0.1", 0)
client = runners.rpc.Client("127.0.0.1", server.port, "me")
again = runners.rpc.Client("127.0.0.1", server.port, "me")
again.send(Message("here", None, "me"))
said.append(client.socket.getsockopt(zmq.HEARTBEAT_TIMEOUT))
said.append(server.recv_from_client()[1].type)
server.send_to_client(Message("you came last", None, "me"))
said.append(again.recv().type)
"""
    ) == [3000, "here", "you came last"]
