"""Locust's messages, in the order in which we need them handled. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
START = """
from locust import runners
from locust.rpc.protocol import Message
from types import SimpleNamespace
import json
import gevent
from gevent.event import Event
from scenarios.control.locust_messages import Gate, SideLane, watch_spawns

seen = []
"""
AT_THE_GATE = """
runners.WorkerRunner.handle_message = lambda runner, msg: seen.append(msg.type)
gate = Gate()
gate.install()
worker = SimpleNamespace(environment=object())
def read(*kinds):
    for kind in kinds:
        runners.WorkerRunner.handle_message(worker, Message(kind, None, "w"))
read("ack", "spawn", "refused", "quit", "soak_time")
before = list(seen)
gate.open(worker, takes=lambda msg: msg.type != "refused")
read("later")
gevent.sleep(0.05)
read("refused", "last")
print(json.dumps([before, seen]))
"""
BESIDE = """
deals = Event()
def handle(client_id, msg):
    if msg.type == "client_ready" and client_id == "slow":
        deals.wait()
    if msg.type == "quit" and client_id == "broken":
        raise RuntimeError("a fault of Locust's")
    seen.append([msg.type, client_id])
master = SimpleNamespace(handle_message=handle, environment=SimpleNamespace(parsed_options=None))
SideLane(master)
def come(kind, client_id):
    master.handle_message(client_id, Message(kind, None, client_id))
    gevent.sleep(0.01)
come("client_ready", "slow")
come("client_ready", "slow")
come("quit", "broken")
come("client_stopped", "a")
come("heartbeat", "a")
before = list(seen)
deals.set()
gevent.sleep(0.1)
come("client_ready", "slow")
print(json.dumps([before, seen]))
"""
SPAWNS = """
sent, told = [], []
server = SimpleNamespace(send_to_client=sent.append)
master = SimpleNamespace(server=server)
for _ in range(2):
    watch_spawns(master, told.append)
for kind, client_id in (("spawn", "a"), ("quit", "b"), ("spawn", "a")):
    server.send_to_client(Message(kind, None, client_id))
print(json.dumps([len(sent), told]))
"""


def said_by(code: str) -> Any:
    ran = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_what_comes_before_a_workers_init_waits_for_it_and_keeps_its_order() -> None:
    before, after = said_by(AT_THE_GATE)
    assert before == ["ack", "soak_time"]
    assert after == ["ack", "soak_time", "spawn", "quit", "later", "last"]


def test_changes_of_the_workers_keep_their_order_and_keep_no_other_message_waiting() -> None:
    before, after = said_by(BESIDE)
    assert before == [["heartbeat", "a"]]
    # The one that asked again while it waited is handled once, and again when it asks later.
    assert after == [["heartbeat", "a"], ["client_ready", "slow"], ["client_stopped", "a"], ["client_ready", "slow"]]


def test_each_worker_to_whom_users_are_dealt_is_told_of_once_a_message() -> None:
    assert said_by(SPAWNS) == [3, ["a", "a"]]
