"""What the master knows of a worker from its first words alone. In a process of its own: Locust patches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = """
from locust.rpc.protocol import Message
from types import SimpleNamespace
import msgspec
from scenarios.machine.fingerprint import fingerprint, library_versions
from scenarios.control.fleet import Fleet
from scenarios.control.limits import Limits
from scenarios.run_file import WorkerEntry

listeners = {}
runner = SimpleNamespace(register_message=lambda name, heard, concurrent=False: listeners.update({name: heard}))
fleet = Fleet(runner, Limits())
here = fingerprint()
told = WorkerEntry(
    worker="w", host=here.host, platform=here.platform, pid=1, fingerprint=here, versions=library_versions()
)
over_the_wire = Message.unserialize(Message("soak_hello", msgspec.to_builtins(told), "worker-1").serialize())
listeners["soak_hello"](environment=None, msg=over_the_wire)
print(msgspec.json.encode([told, *fleet.lost_workers()]).decode())
"""


def test_a_lost_worker_has_the_platform_and_libraries_that_it_told_of_when_it_began() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert ran.returncode == 0, ran.stderr
    told, lost = json.loads(ran.stdout)
    assert lost == {**told, "lost": True}
    assert lost["fingerprint"]["tls"] and lost["versions"]["gevent"]
