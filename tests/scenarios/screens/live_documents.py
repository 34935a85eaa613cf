"""`live.json` as the analysis beside a run writes it, for the tests of the pages that show it."""

from __future__ import annotations

from typing import Any

import orjson

from analysis.live.document import (
    AttemptCounts,
    Cell,
    GeneratorLoad,
    Group,
    LiveClaim,
    LiveDocument,
    LiveState,
    Slot,
    WorkerLoad,
)
from analysis.verdict.answer import Answer

HOSTILE = "<img src=x onerror=alert(1)>"
CLIENT = "websockets/asyncio"
ANSWER = Answer(
    why="Windows clients with 300 ms added: 1.82 % of exchanges fail (82 of 4,506); Linux with 300 ms: 0.09 %.",
    how_sure="+1.73 points (+1.20 to +2.31), above the margin of 0.50; the server, the network and the format are "
    "ruled out.",
    what_next="Another Windows host would tell this one from all of them:",
    command="locust --headless --users 60 --run-time 30m --delays 0,300 --run-id again",
    leads=(f"{HOSTILE} stands out: 2.1 % of its exchanges fail, 0.4 % elsewhere.",),
    not_tested=("Client",),
    undecided=("Network", "Intermittent"),
    counts="9,420 attempts stored less 180 control probes, 12 cut off by the end = 9,228 judged.",
)
CLAIMS = (
    LiveClaim(name="latency", title="Latency", state="confirmed", needs=""),
    LiveClaim(name="server", title="Server", state="ruled_out", needs=""),
    LiveClaim(name="network", title="Network", state="undecided", needs="About 400 more exchanges in each cell."),
)


def document(state: LiveState = "running", *, looked: bool = True, **more: Any) -> LiveDocument:
    """A run of ten minutes, six of them over, whose second instance fails now and then and has a hostile name."""
    slots = tuple(
        Slot(
            t_s=10 * at,
            ok=240 - at % 7,
            failed=at % 5 // 4,
            timeout={"silent_peer": at % 4, "stalled_read": at % 3 // 2},
        )
        for at in range(36)
    )
    cells = tuple(
        Cell(instance=name, platform=platform, client=CLIENT, delay_s=delay, n=480 + bad, timeouts=bad * slow * at)
        for name, bad in (("instance-0", 1), (HOSTILE, 4), ("instance-2", 0))
        for slow, platform in enumerate(("Linux", "Windows"))
        for at, delay in enumerate((0.0, 0.1, 0.3))
    )
    groups = {
        "platform": (
            Group(value="Linux", n=4600, failed=8, causes={"silent_peer": 6, "stalled_read": 2}),
            Group(value="Windows", n=4628, failed=84, causes={"silent_peer": 80, "stalled_read": 4}),
        ),
        "client": (Group(value=CLIENT, n=9228, failed=92, causes={"silent_peer": 86, "stalled_read": 6}),),
        "delay_s": (
            Group(value=0.0, n=3076, failed=2, causes={"silent_peer": 2}),
            Group(value=0.1, n=3076, failed=8, causes={"silent_peer": 8}),
            Group(value=0.3, n=3076, failed=82, causes={"silent_peer": 76, "stalled_read": 6}),
        ),
        "instance": (
            Group(value="instance-0", n=3076, failed=10, causes={"silent_peer": 10}),
            Group(value=HOSTILE, n=3076, failed=80, causes={"silent_peer": 76, "stalled_read": 4}),
            Group(value=None, n=3076, failed=2, causes={"stalled_read": 2}),
        ),
    }
    workers = tuple(
        WorkerLoad(worker=name, lag_p99_s=lag_s, lag_max_s=lag_s and 20 * lag_s, cpu_max=cpu)
        for name, lag_s, cpu in (
            ("windows-11-pro.load.example.com-4711", 0.0041, 0.31),
            (HOSTILE, 0.0012, 0.3),
            *((f"w{at}", 0.0005, 0.05) for at in range(20)),
            ("silent", None, None),
        )
    )
    given: dict[str, Any] = {
        "elapsed_s": 365.2,
        "planned_s": 600.0,
        "attempts": AttemptCounts(all=9420, probes=180, cut_off=12, judged=9228),
        "timeouts": 92,
        "over_time": slots,
        "by": groups,
        "cells": cells,
        "lost_at": {"unread": 60, "silent_application": 30, "unknown": 2},
        "generator": GeneratorLoad(lag_p99_s=0.0041, lag_max_s=0.083, cpu_max=0.31, workers=workers, more_workers=130),
        "analysis_about_s": 4.6,
        **({"claims": CLAIMS, "answer": ANSWER, "answer_as_of": "2026-11-30T09:12:36.194Z"} if looked else {}),
        **more,
    }
    return LiveDocument(run_id="20261130T091225Z-3eae", as_of="2026-11-30T09:13:02.252Z", state=state, **given)


def as_json(said: LiveDocument) -> bytes:
    return orjson.dumps(said)
