"""What the master makes of its workers' words, and of their silence. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
START = """
from locust.env import Environment
from locust.rpc.protocol import Message
from types import SimpleNamespace
import msgspec
from scenarios.machine.fingerprint import fingerprint, library_versions
from scenarios.clock import Clock
from scenarios.control.fleet import Fleet
from scenarios.control.load_seen import LoadSeen
from scenarios.control.limits import Limits
from scenarios.run_file import WorkerEntry

listeners, sent = {}, []
server = SimpleNamespace(socket=SimpleNamespace(setsockopt=lambda *_: None), send_to_client=lambda message: None)
runner = SimpleNamespace(
    environment=Environment(),
    handle_message=lambda client_id, message: None,
    register_message=lambda name, heard, concurrent=False: listeners.update({name: heard}),
    send_message=lambda kind, data, client_id: sent.append((kind, client_id)),
    server=server,
)
fleet = Fleet(runner, Limits())
run = SimpleNamespace(run_id="this-run", is_mine=True, file=SimpleNamespace(versions={}))
fleet.begin(run, Clock.now(), run_time_s=60.0, load=LoadSeen(0.0))
here = fingerprint()
told = WorkerEntry(
    worker="w", host=here.host, platform=here.platform, pid=1, fingerprint=here, versions=library_versions()
)
def hello(run_id, client):
    words = {"run_id": run_id, "entry": msgspec.to_builtins(told)}
    over_the_wire = Message.unserialize(Message("soak_hello", words, client).serialize())
    listeners["soak_hello"](environment=None, msg=over_the_wire)
"""
FIRST_WORDS = """
hello("this-run", "worker-1")
hello("another-run", "worker-2")
print(msgspec.json.encode([sent, told, *fleet.lost_workers()]).decode())
"""
AT_THE_END = """
import gevent
fleet._limits = Limits(drain_s=1.0, missing_s=0.3, silent_s=0.1)
problems = []
run.problem = lambda sentence, **_: problems.append(sentence)
hello("this-run", "worker-1")
server.send_to_client(Message("spawn", None, "worker-3"))
collecting = gevent.spawn(fleet.collect)
gevent.sleep(0.1)
before = [kind for kind, client in sent if client == "worker-2"]
hello("this-run", "worker-2")
during = [kind for kind, client in sent if client == "worker-2"]
collecting.join()
sent.clear()
hello("this-run", "worker-4")
segment = Message("soak_segment", {"run_id": "this-run", "worker": "w", "segment": 0}, "worker-2")
listeners["soak_segment"](environment=None, msg=segment)
print(msgspec.json.encode([before, during, sent, problems]).decode())
"""


def said_by(code: str) -> Any:
    ran = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_lost_worker_has_the_platform_and_libraries_that_it_told_of_when_it_began() -> None:
    sent, told, lost = said_by(FIRST_WORDS)
    assert lost == {**told, "lost": True}
    assert sent == [["soak_closed", "worker-2"]]  # and who comes with another run hears that it is over
    assert lost["fingerprint"]["tls"] and lost["versions"]["gevent"]


def test_a_hello_at_the_end_is_answered_with_a_drain_and_nothing_is_taken_once_the_run_is_closed() -> None:
    before, during, after, problems = said_by(AT_THE_END)
    assert (before, during) == ([], ["soak_drain"])
    assert after == [["soak_closed", "worker-4"], ["soak_closed", "worker-2"]]
    # Two said hello and never reported; one was told to start and said nothing at all.
    assert [problem.split()[-1] for problem in problems] == ["lost.", "lost.", "run."]
    assert "Worker 'worker-3' was told to start" in problems[-1]
