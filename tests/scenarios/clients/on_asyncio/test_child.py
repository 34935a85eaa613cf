"""What the asyncio client's process does when nobody reads what it says."""

from __future__ import annotations

import os
import threading

from attempts.schema import ConnectionFacts
from scenarios.clients.on_asyncio.child import MAX_BATCHES, Outgoing
from scenarios.plan import ConnectionPlan
from tests.scenarios.kit.scripted_server import PATIENCE_S


def facts() -> ConnectionFacts:
    return ConnectionPlan(user=0, connection=0, scenario="churn", scheduled_at=0, subject="s", seed=0).facts()


def test_it_ends_though_its_worker_died_with_a_full_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as pipe:
        outgoing = Outgoing(pipe)
        for job in range(2 * MAX_BATCHES):
            outgoing.add_facts(job, facts())
            outgoing.flush()
        ending = threading.Thread(target=outgoing.close, daemon=True)
        ending.start()
        ending.join(PATIENCE_S)
    assert not ending.is_alive()
