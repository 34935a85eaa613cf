"""A load-generating process whose peers send without end: `python -m tests.scenarios.clients.flooded CLIENT ...`.

A process of its own, so that the memory is its own. Prints one line of JSON: its rows, and how much memory it took at
the most beyond what it had before, with its asyncio child.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gevent
import msgspec

from scenarios.clients import prepare, run_connection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.plan import Budgets, Target
from tests.scenarios.clients.rows import Rows, plan_of


def most_mib(pid: int | str) -> float:
    """The most memory that was ever resident of a process since its start."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (peak,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


def main(client: str, most_bytes: int, exchange_s: float, ports: list[int]) -> dict[str, Any]:
    """One connection to each port, all at once."""
    budgets = Budgets(connect_s=20.0, exchange_s=exchange_s, close_s=0.2, peer_check_s=0.2)
    with Rows() as rows:
        prepare(client, rows.services)
        processes = ["self", *(child.pid for child in rows.services.children.values())]
        before = sum(map(most_mib, processes))
        targets = [Target(scheme="ws", host="127.0.0.1", port=port, max_message_bytes=most_bytes) for port in ports]
        plans = [
            msgspec.structs.replace(plan_of(rows, client, budgets=budgets), connection=number)
            for number in range(len(ports))
        ]
        running = [
            gevent.spawn(run_connection, plan, target, rows.services)
            for plan, target in zip(plans, targets, strict=True)
        ]
        gevent.joinall(running, raise_error=True)
        grown = sum(map(most_mib, processes)) - before
        close_children(rows.services)
    shown = ("kind", "outcome", "phase", "cause", "close_code", "duration_s", "loop_lag_s", "lost_at", "detail")
    return {
        "grown_mib": grown,
        "rows": [
            {"connection": rows.facts[row.facts].connection, **{name: getattr(row, name) for name in shown}}
            for row in rows.written
        ],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), list(map(int, sys.argv[4:])))))
