"""What a worker and a master that have not met tell each other. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
from scenarios.control.load_seen import LoadSeen
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
        nobody = SimpleNamespace(add_listener=lambda _: None)
        self.environment = SimpleNamespace(
            events=SimpleNamespace(heartbeat_received=nobody, heartbeat_sent=nobody), process_exit_code=None
        )
        self.server = SimpleNamespace(socket=SimpleNamespace(setsockopt=lambda *_: None), send_to_client=None)
        self.user_count = 6
        self.handle_message = lambda *_: None
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
order = SimpleNamespace(run_id="r1", run_time_s=None)
generator = SimpleNamespace(entry=entry, order=order, must_end=False, time_was_told=lambda *_: None)
courier.start(generator, Path("."), outbox_gb=1.0)
def answer(run_id, is_known, is_client):
    runner.told()
    words = {"run_id": run_id, "sent_s": 0.0, "left_s": None, "is_known": is_known, "is_client": is_client}
    runner.hear("soak_left", words)
    return [name for name, _ in runner.told("soak_hello", "client_ready")]
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


def test_a_worker_announces_itself_to_a_master_of_its_run_that_locust_has_not_made_known_to_it() -> None:
    heard = answers(
        WORKER
        + """
said += [answer("r1", True, True), answer("another", False, False), answer("r1", False, False)]
"""
    )
    # Locust's own word last: when it is heard, the master knows which users run there.
    assert heard == [[], [], ["soak_hello", "client_ready"]]


@pytest.mark.slow
def test_a_worker_says_with_its_hello_which_users_it_runs() -> None:
    ((_, hello),) = answers(
        WORKER
        + """
gevent.sleep(0)
said += runner.told("soak_hello")
"""
    )
    assert (hello["run_id"], hello["entry"]["worker"], hello["user_classes"]) == ("r1", "w", {"SoakUser": 6})


def test_a_worker_that_has_ended_its_load_asks_for_no_users() -> None:
    (heard,) = answers(
        WORKER
        + """
courier.finish(GeneratorReport(workers=[entry], tally={}))
said.append(answer("r1", False, False))
"""
    )
    assert "client_ready" not in heard


def test_a_master_that_leads_on_knows_who_is_away_and_holds_their_users_back(tmp_path: Path) -> None:
    before, after, heard, lost = answers(
        """
import sys
away = msgspec.structs.replace(entry, worker="away", users=5)
gone = msgspec.structs.replace(entry, worker="gone", users=3, lost=True)
child = msgspec.structs.replace(entry, worker="child", pid=None)
runner = Runner()
fleet = Fleet(runner, Limits().scaled(0.001))
run = Run(sys.argv[1], [msgspec.structs.replace(entry, users=6), away, gone, child])
fleet.resume(run, Clock.now(), run_time_s=60.0, load=LoadSeen(0.0))
said.append([[worker.worker for worker in fleet.absent], fleet.users.held, runner.worker_index_max])
words = {"run_id": "r1", "entry": msgspec.to_builtins(entry), "user_classes": {"SoakUser": 6}}
runner.hear("soak_hello", words)
said.append([[worker.worker for worker in fleet.absent], fleet.users.held, fleet.users.take("client-w")])
heard = []
fleet._load = SimpleNamespace(tell=lambda who, now, told: heard.append([who, told.lived_s]))
for client in ("client-w", "client-away"):  # that one's word was meant for the last master
    runner.hear("soak_load", {"run_id": "r1", "sent_s": 0.0, "load": [9.0, 54.0]}, client)
said.append(heard)
fleet._load = None
fleet.collect()
said.append([[problem, kind["worker"]] for problem, kind in run.problems])
""",
        tmp_path,
    )
    assert before == [["w", "away"], 11, 4]
    assert after == [["away"], 5, {"SoakUser": 6}]
    assert heard == [["client-w", 9.0]]
    assert [worker for sentence, worker in lost if sentence.endswith("was lost.")] == ["w", "away"]


def test_rows_of_another_run_and_rows_for_a_master_that_was_replaced_are_not_taken(tmp_path: Path) -> None:
    of_another, of_this, replaced = answers(
        """
import hashlib, sys
runner = Runner()
fleet = Fleet(runner, Limits())
run = Run(sys.argv[1])
(run.folder / "spool").mkdir()
fleet.begin(run, Clock.now(), run_time_s=60.0, load=LoadSeen(0.0))
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


@pytest.mark.slow
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
