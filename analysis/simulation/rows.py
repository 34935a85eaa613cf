"""From sessions that happened to rows of the contract: one Arrow table a chunk, columns by numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analysis.simulation.design import PROBES
from analysis.simulation.row_blocks import (
    KINDS,
    OPERATION_NAMES,
    PROBE_BUDGET_S,
    Block,
    closes,
    connects,
    exchanges,
    holds,
)
from analysis.simulation.row_columns import ARROW_TYPES, TIMES, arrow, columns_of
from analysis.simulation.row_facts import (
    PROBE_SLOT,
    Counters,
    Facts,
    facts_of,
    gevent_loop,
    next_numbers,
    number_connections,
)
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import Sessions
from attempts.schema import COLUMNS, SCHEMA_VERSION

SCHEMA: Final = pa.schema(
    [pa.field(c.name, ARROW_TYPES[c.type], nullable=c.nullable) for c in COLUMNS],
    metadata={"schema_version": str(SCHEMA_VERSION)},
)


def table_of(sessions: Sessions, counters: Counters, *, run_id: str, started_us: int) -> pa.Table:
    """All rows of the sessions that were meant to start before the run's end."""
    of_kinds = [make(sessions) for make in (connects, exchanges, holds, closes)]
    connection, worker = number_connections(sessions, counters)
    return _assemble(
        of_kinds, facts_of(sessions, connection, worker), sessions.scene, counters, run_id=run_id, started_us=started_us
    )


def probes_of(
    scene: Scene,
    rng: np.random.Generator,
    counters: Counters,
    *,
    first_s: float,
    last_s: float,
    risk: Any,
    run_id: str,
    started_us: int,
) -> pa.Table:
    """The probes of all hosts between two moments; `risk` maps (moment, host, probe) to their chance to fail."""
    design = scene.design
    every = design.probe_every_s
    ticks = np.arange(np.ceil(first_s / every), np.ceil(last_s / every)) * every
    tick, host, probe = (
        a.ravel() for a in np.meshgrid(ticks, np.arange(design.host_count), np.arange(len(PROBES)), indexing="ij")
    )
    at_s = tick + rng.random(len(tick)) * 0.1 * every
    hit = rng.random(len(tick)) < risk(at_s, host, probe)
    worker = host * design.workers_per_host + PROBE_SLOT
    rtt_s = scene.host_rtt_s[host] * rng.uniform(0.95, 1.05, len(host))
    block = Block(
        kind=KINDS.index("probe"),
        session=np.arange(len(host)),
        operation=probe + OPERATION_NAMES.index(PROBES[0]),
        at_s=at_s,
        duration_s=np.where(hit, PROBE_BUDGET_S, rtt_s * 1.5 + 0.002),
        budget_s=np.full(len(host), PROBE_BUDGET_S),
        fault=hit.astype(np.int64),
        lag_s=rng.exponential(0.002, len(host)),
        own={"rtt_s": rtt_s},
    )
    zero = np.zeros(len(host), dtype=np.int64)
    facts = Facts(
        host=host,
        worker=worker,
        connection=next_numbers(worker, counters.connections),
        user=zero,
        subject=zero,
        client=zero,
        loop=gevent_loop(scene)[host],
        delay=np.full(len(host), -1),
        mitigation=zero,
        retry=0,
        instance=np.full(len(host), -1),
        preface=np.full(len(host), -1),
        token_age_s=np.full(len(host), np.nan),
        started_up=np.ones(len(host), dtype=np.bool_),
        ready_s=at_s,
        rtt_s=rtt_s,
        scenario=zero,
        opened=None,
    )
    return _assemble([block], facts, scene, counters, run_id=run_id, started_us=started_us)


def _assemble(
    blocks: Iterable[Block], facts: Facts, scene: Scene, counters: Counters, *, run_id: str, started_us: int
) -> pa.Table:
    parts = [_within(block, scene.design.duration_s) for block in blocks]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _JOINED}
    kind = np.concatenate([np.full(len(part.session), part.kind) for part in parts])
    own = {
        name: np.concatenate([part.own.get(name, np.full(len(part.session), np.nan)) for part in parts])
        for name in _OWN
    }
    # A worker numbers its rows when they end.
    session = joined["session"]
    order = np.lexsort((joined["at_s"] + joined["duration_s"], facts.worker[session]))
    joined = {name: values[order] for name, values in joined.items()}
    own = {name: values[order] for name, values in own.items()}
    columns = columns_of(joined, own, kind[order], facts, scene, run_id=run_id, started_us=started_us)
    columns["seq"] = next_numbers(facts.worker[joined["session"]], counters.rows)
    return pa.Table.from_arrays([arrow(columns.get(c.name), c.type, len(order)) for c in COLUMNS], schema=SCHEMA)


_JOINED: Final = ("session", "operation", "at_s", "duration_s", "budget_s", "fault", "lag_s")
_OWN: Final = (*TIMES, "bytes_out")


def _within(block: Block, end_s: float) -> Block:
    """What was meant to start before the run's end; what was still waiting then is aborted (fault -1)."""
    keep = block.at_s < end_s
    at_s, duration_s = block.at_s[keep], block.duration_s[keep]
    cut = at_s + duration_s > end_s
    return Block(
        kind=block.kind,
        session=block.session[keep],
        operation=block.operation[keep],
        at_s=at_s,
        duration_s=np.where(cut, end_s - at_s, duration_s),
        budget_s=block.budget_s[keep],
        fault=np.where(cut, -1, block.fault[keep]),
        lag_s=block.lag_s[keep],
        own={
            name: np.where(cut, np.nan, values[keep]) if name == "welcome_s" else values[keep]
            for name, values in block.own.items()
        },
    )
