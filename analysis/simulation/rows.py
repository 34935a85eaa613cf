"""From sessions that happened to rows of the contract: one Arrow table a chunk, columns by numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.reduction.explain import PONG_ALLOWANCE_S, PONG_ROUND_TRIPS
from analysis.simulation.design import ASYNCIO_CLIENT, CLIENTS, PROBES, Bools, Design, Floats, Ints, arm_of
from analysis.simulation.drawn_sessions import USUAL_BYTES
from analysis.simulation.faults import FAULTS
from analysis.simulation.row_blocks import (
    KINDS,
    OPERATION_NAMES,
    PHASES,
    PROBE_BUDGET_S,
    Block,
    closes,
    connects,
    exchanges,
    holds,
    reached_upgrade,
    rtt_s_of,
)
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import CONNECT_BUDGET_S, LOOPS, READY_S, SCENARIOS, Sessions
from attempts.schema import COLUMNS, SCHEMA_VERSION, ColumnType

ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "string": pa.dictionary(pa.int32(), pa.string()),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
SCHEMA: Final = pa.schema(
    [pa.field(c.name, ARROW_TYPES[c.type], nullable=c.nullable) for c in COLUMNS],
    metadata={"schema_version": str(SCHEMA_VERSION)},
)

# The places of a host's processes: two of gevent, one of asyncio, one that probes, one of a second asyncio loop.
ASYNCIO_SLOT: Final = 2
PROBE_SLOT: Final = 3
SECOND_LOOP_SLOT: Final = 4

# Connections of a worker, where sessions are no more than their plan.
USUAL_OPEN: Final = 40

# A loop's delays below this are not summed (attempts.md, `loop_blocked_s`).
BLOCKED_FROM_S: Final = 0.05

# A pong takes the server no time; one that is held up comes well beyond what the analysis calls usual.
SERVED_S: Final = 0.005
HELD_UP_S: Final = 0.5
CHECK_BUDGET_S: Final = 2.0

_FAULTS: Final = tuple(FAULTS.values())
_OUTCOMES: Final = ("ok", "timeout", "failed", "aborted")
_CAUSES: Final = tuple(sorted({fault.cause for fault in _FAULTS if fault.cause}))
_CLOSED_BY: Final = ("client", "server", "network")


@dataclass
class Counters:
    """What is numbered within a worker, carried from chunk to chunk: (workers,) each."""

    connections: Ints
    rows: Ints

    @classmethod
    def start(cls, design: Design) -> Counters:
        """Nothing numbered yet."""
        workers = design.host_count * design.workers_per_host
        return cls(connections=np.zeros(workers, dtype=np.int64), rows=np.zeros(workers, dtype=np.int64))


def table_of(sessions: Sessions, counters: Counters, *, run_id: str, started_us: int) -> pa.Table:
    """All rows of the sessions that were meant to start before the run's end."""
    of_kinds = [make(sessions) for make in (connects, exchanges, holds, closes)]
    connection, worker = _number_connections(sessions, counters)
    return _assemble(
        of_kinds, _facts(sessions, connection, worker), sessions.scene, counters, run_id=run_id, started_us=started_us
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
    facts = _Facts(
        host=host,
        worker=worker,
        connection=_next_numbers(worker, counters.connections),
        user=zero,
        subject=zero,
        client=zero,
        loop=_gevent_loop(scene)[host],
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


@dataclass
class _Facts:
    """The columns of a connection's level, (n,) each."""

    host: Ints
    worker: Ints
    connection: Ints
    user: Ints
    subject: Ints
    client: Ints
    loop: Ints
    delay: Ints
    mitigation: Ints
    retry: int
    instance: Ints
    preface: Ints
    token_age_s: Floats
    started_up: Bools
    ready_s: Floats
    rtt_s: Floats
    scenario: Ints
    opened: _Opened | None


@dataclass
class _Opened:
    """When connections of each worker came and went, to count those that were open at a moment."""

    begun: Floats
    ended: Floats
    span_s: float

    @classmethod
    def of(cls, worker: Ints, from_s: Floats, to_s: Floats, span_s: float) -> _Opened:
        """From (n,) workers, starts and ends, all below the span."""
        begun, ended = (np.sort(worker * span_s + np.minimum(moment, span_s - 1.0)) for moment in (from_s, to_s))
        return cls(begun=begun, ended=ended, span_s=span_s)

    def count(self, worker: Ints, at_s: Floats) -> Ints:
        """Connections of a worker that were open at a moment."""
        key = worker * self.span_s + at_s
        # Workers before this one have all ended theirs.
        return np.searchsorted(self.begun, key, side="right") - np.searchsorted(self.ended, key, side="right")


def _facts(sessions: Sessions, connection: Ints, worker: Ints) -> _Facts:
    return _Facts(
        host=sessions.host,
        worker=worker,
        connection=connection,
        user=connection % 50,
        subject=sessions.subject,
        client=sessions.client,
        loop=sessions.loop,
        delay=sessions.delay,
        mitigation=sessions.mitigation,
        retry=sessions.retry,
        # Named in the answer to the upgrade: unknown where the connect did not come that far.
        instance=np.where(reached_upgrade(sessions) & sessions.design.names_instances, sessions.instance, -1),
        preface=np.where(reached_upgrade(sessions), sessions.preface, -1),
        token_age_s=sessions.token_age_s,
        started_up=sessions.started_up,
        ready_s=sessions.at_s + READY_S,
        rtt_s=rtt_s_of(sessions),
        scenario=sessions.scenario,
        opened=_opened(sessions, worker),
    )


def _opened(sessions: Sessions, worker: Ints) -> _Opened | None:
    """Who was open when; None where sessions are no more than their plan."""
    if sessions.design.session_s is None:
        return None
    ready, open_s, _ = sessions.end()
    end_s = sessions.at_s + CONNECT_BUDGET_S
    end_s[ready] = sessions.at_s[ready] + READY_S + open_s
    return _Opened.of(worker, sessions.at_s, end_s, 2.0 * sessions.design.duration_s + 1.0)


def _gevent_loop(scene: Scene) -> Ints:
    """(hosts,) numbers into `LOOPS`: the loop that gevent runs on, on each host's platform."""
    loops = [LOOPS.index(arm_of(CLIENTS[0], name)[1]) for name in scene.design.platforms]
    return np.array(loops, dtype=np.int64)[scene.host_platform]


def _number_connections(sessions: Sessions, counters: Counters) -> tuple[Ints, Ints]:
    # Each asyncio loop lives in a process of its own; the others share two.
    of_gevent = sessions.rng.integers(0, 2, len(sessions.at_s))
    of_asyncio = np.where(sessions.off_default, SECOND_LOOP_SLOT, ASYNCIO_SLOT)
    slot = np.where(sessions.client == ASYNCIO_CLIENT, of_asyncio, of_gevent)
    worker = sessions.host * sessions.design.workers_per_host + slot
    return _next_numbers(worker, counters.connections), worker


def _next_numbers(worker: Ints, counter: Ints) -> Ints:
    """The next numbers of each row's worker, in the order of the rows; the counter moves on."""
    order = np.argsort(worker, kind="stable")
    counts = np.bincount(worker, minlength=len(counter))
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    numbers = np.empty(len(worker), dtype=np.int64)
    numbers[order] = np.arange(len(worker)) - np.repeat(before, counts) + np.repeat(counter, counts)
    counter += counts
    return numbers


def _assemble(
    blocks: Iterable[Block], facts: _Facts, scene: Scene, counters: Counters, *, run_id: str, started_us: int
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
    columns = _columns(joined, own, kind[order], facts, scene, run_id=run_id, started_us=started_us)
    columns["seq"] = _next_numbers(facts.worker[joined["session"]], counters.rows)
    return pa.Table.from_arrays([_arrow(columns.get(c.name), c.type, len(order)) for c in COLUMNS], schema=SCHEMA)


_JOINED: Final = ("session", "operation", "at_s", "duration_s", "budget_s", "fault", "lag_s")
_TIMES: Final = ("dns_s", "tcp_s", "tls_s", "upgrade_s", "welcome_s", "rtt_s", "age_s", "idle_s", "longest_silence_s")
_OWN: Final = (*_TIMES, "bytes_out")


@dataclass
class _Named:
    """A column of strings: numbers into names, below 0 is null."""

    codes: Ints
    names: tuple[str, ...]


_Column = _Named | npt.NDArray[Any]


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


def _columns(
    rows: dict[str, npt.NDArray[Any]],
    own: dict[str, Floats],
    kind: Ints,
    facts: _Facts,
    scene: Scene,
    *,
    run_id: str,
    started_us: int,
) -> dict[str, _Column]:
    design, session, fault = scene.design, rows["session"], rows["fault"]
    count = len(session)
    host = facts.host[session]
    is_first = scene.is_first(host, facts.client[session])
    at_us = started_us + np.round(rows["at_s"] * 1e6).astype(np.int64)
    zero = np.zeros(count, dtype=np.int64)
    ok = fault == 0
    delay = facts.delay[session]
    delays = np.array([*design.delays_s, 0.0])
    probe = kind == KINDS.index("probe")
    lag_s = rows["lag_s"]
    named: dict[str, _Column] = {
        "run_id": _Named(zero, (run_id,)),
        "worker": _Named(facts.worker[session], _names("w{:04d}", design.host_count * design.workers_per_host)),
        "subject": _Named(*_subjects(facts.subject[session], probe)),
        "scenario": _Named(np.where(probe, len(SCENARIOS), facts.scenario[session]), (*SCENARIOS, "probe")),
        "kind": _Named(kind, KINDS),
        "operation": _Named(rows["operation"], OPERATION_NAMES),
        "client": _Named(facts.client[session], CLIENTS),
        "mitigation": _Named(facts.mitigation[session], design.mitigations),
        "platform": _Named(scene.host_platform[host], design.platforms),
        "platform_detail": _Named(scene.host_platform[host], tuple(f"{p}, simulated" for p in design.platforms)),
        "event_loop": _Named(facts.loop[session], LOOPS),
        "python": _Named(*_pythons(is_first, design.sides.python)),
        "host": _Named(host, _names("host-{:03d}", design.host_count)),
        "site": _Named(scene.host_site[host], ("site-a", "site-b")),
        "server_instance": _Named(facts.instance[session], _names("instance-{}", design.instances)),
        "outcome": _Named(_lookup(fault, [_OUTCOMES.index(f.outcome) for f in _FAULTS], aborted=3), _OUTCOMES),
        "phase": _Named(_phases(kind, fault, rows["operation"]), PHASES),
        "cause": _Named(_lookup(fault, [_index(_CAUSES, f.cause) for f in _FAULTS], aborted=-1), _CAUSES),
        "closed_by": _Named(_lookup(fault, [_index(_CLOSED_BY, f.closed_by) for f in _FAULTS], aborted=-1), _CLOSED_BY),
    }
    numbers: dict[str, _Column] = {
        "user": facts.user[session],
        "connection": facts.connection[session],
        "delay_s": delays[delay],
        "retry": np.full(count, facts.retry),
        "simulated": np.zeros(count, dtype=np.bool_),
        "scheduled_at": at_us,
        "started_at": at_us + 500,
        "duration_s": rows["duration_s"],
        "budget_s": rows["budget_s"],
        "errno": _lookup(fault, [f.errno for f in _FAULTS], aborted=-1),
        "http_status": _lookup(fault, [f.http_status for f in _FAULTS], aborted=-1),
        "close_code": _lookup(fault, [f.close_code for f in _FAULTS], aborted=-1),
        "loop_lag_s": lag_s,
        "loop_blocked_s": np.where(lag_s > BLOCKED_FROM_S, lag_s, 0.0),
        "cpu": np.where(is_first, *design.sides.cpu),
        "open_connections": (
            np.full(count, USUAL_OPEN)
            if facts.opened is None
            else np.maximum(0, facts.opened.count(facts.worker[session], rows["at_s"]))
        ),
        "token_age_s": facts.token_age_s[session] + np.maximum(0.0, rows["at_s"] - facts.ready_s[session]) * ~probe,
        "token_ttl_s": np.where(probe, np.nan, design.token_ttl_s),
        "preface_frames": facts.preface[session],
        "frames_in": np.where(ok, 1, 0) + np.where(kind == 0, np.maximum(facts.preface[session], 0), 0),
        "frames_out": np.ones(count, dtype=np.int64),
        "bytes_in": np.where(ok, 180, 0),
        "bytes_out": np.where(np.isnan(own["bytes_out"]), USUAL_BYTES, own["bytes_out"]).astype(np.int64),
        "startup_complete": facts.started_up[session],
    }
    times = {name: own[name] for name in _TIMES}
    return {**named, **numbers, **times, **_checks(fault, own["rtt_s"], probe)}


def _pythons(is_first: Bools, versions: tuple[str, str]) -> tuple[Ints, tuple[str, ...]]:
    """Numbers into the versions' names, each of which is there once."""
    names = tuple(dict.fromkeys(versions))
    return np.where(is_first, names.index(versions[0]), names.index(versions[1])), names


def _checks(fault: Ints, rtt_s: Floats, probe: Bools) -> dict[str, _Column]:
    """What came of the pings that followed silent timeouts."""
    check = np.array([*(f.check for f in _FAULTS), ""])[np.where(probe, 0, fault)]
    pong_s = np.select(
        [np.isin(check, ("pong", "late")), check == "held up"],
        [rtt_s + SERVED_S, PONG_ROUND_TRIPS * rtt_s + PONG_ALLOWANCE_S + HELD_UP_S],
        np.nan,
    )
    checked_s = np.where(check == "none", CHECK_BUDGET_S, pong_s)
    return {"checked_s": checked_s, "pong_s": pong_s, "late_s": np.where(check == "late", rtt_s / 2, np.nan)}


def _names(pattern: str, count: int) -> tuple[str, ...]:
    return tuple(pattern.format(number) for number in range(count))


def _subjects(subject: Ints, probe: Bools) -> tuple[Ints, tuple[str, ...]]:
    used, codes = np.unique(subject, return_inverse=True)
    names = (*(f"user-{number:05d}" for number in used.tolist()), "probe")
    return np.where(probe, len(used), codes), names


def _index(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name else -1


def _lookup(fault: Ints, values: list[int], *, aborted: int) -> Ints:
    return np.array([*values, aborted], dtype=np.int64)[fault]


def _phases(kind: Ints, fault: Ints, operation: Ints) -> Ints:
    """Where each row ended: a connect where its fault says, the others in the phase of their kind."""
    of_connect = _lookup(fault, [PHASES.index(f.connect_phase) for f in _FAULTS], aborted=PHASES.index("welcome"))
    of_kind = np.array([0, *(PHASES.index(name) for name in ("exchange", "hold", "close")), 0])[kind]
    # A tcp probe and the connect to ask for health end in tcp, a ping on an idle socket is an exchange.
    of_probe = np.where(operation == OPERATION_NAMES.index("idle"), PHASES.index("exchange"), PHASES.index("tcp"))
    return np.where(kind == 0, of_connect, np.where(kind == KINDS.index("probe"), of_probe, of_kind))


def _arrow(values: _Column | None, kind: ColumnType, count: int) -> pa.Array:
    """An Arrow column: NaN is null, and so is a negative number of a status, code or count."""
    wanted = ARROW_TYPES[kind]
    if values is None:
        return pa.nulls(count, wanted)
    if isinstance(values, _Named):
        codes = pa.array(values.codes.astype(np.int32), mask=values.codes < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(values.names, pa.string()))
    if kind == "double":
        return pa.array(values, wanted, mask=np.isnan(values))
    if kind == "int32":
        return pa.array(values.astype(np.int32), wanted, mask=values < 0)
    return pa.array(values, wanted)
