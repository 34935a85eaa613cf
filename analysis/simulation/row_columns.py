"""The columns of simulated rows: each from numbers of what happened to what the contract has of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.reduction.explain import PONG_ALLOWANCE_S, PONG_ROUND_TRIPS
from analysis.reduction.thresholds import LAG_EXPLAINS
from analysis.simulation.design import CLIENTS, Bools, Design, Floats, Ints
from analysis.simulation.drawn_sessions import USUAL_BYTES
from analysis.simulation.faults import FAULTS
from analysis.simulation.row_blocks import KINDS, OPERATION_NAMES, PHASES
from analysis.simulation.row_facts import Facts
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import LOOPS, SCENARIOS
from attempts.schema import RUNGS, ColumnType

ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "string": pa.dictionary(pa.int32(), pa.string()),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}

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
TIMES: Final = ("dns_s", "tcp_s", "tls_s", "upgrade_s", "welcome_s", "rtt_s", "age_s", "idle_s", "longest_silence_s")


@dataclass
class _Named:
    """A column of strings: numbers into names, below 0 is null."""

    codes: Ints
    names: tuple[str, ...]


_Column = _Named | npt.NDArray[Any]


def columns_of(
    rows: dict[str, npt.NDArray[Any]],
    own: dict[str, Floats],
    kind: Ints,
    facts: Facts,
    scene: Scene,
    *,
    run_id: str,
    started_us: int,
) -> dict[str, _Column]:
    """Every column but the rows' numbers, by its name in the contract.

    Args:
        rows: What every row has, by name; `own` what only some kinds have, NaN elsewhere.
        own: See `rows`.
        kind: (rows,) numbers into `KINDS`.
        facts: Of the connections that the rows ran on.
        scene: Of the run.
        run_id: Of the run.
        started_us: When it started.
    """
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
    times = {name: own[name] for name in TIMES}
    checks = _checks(fault, own["rtt_s"], probe)
    return {**named, **numbers, **times, **checks, **_kernels_words(rows, kind, scene.host_platform[host], design)}


def _kernels_words(rows: dict[str, npt.NDArray[Any]], kind: Ints, platform: Ints, design: Design) -> dict[str, _Column]:
    """What the kernels say that are asked: of timeouts where they were lost, of all waits what was sent again."""
    fault = rows["fault"]
    asked = np.array([*design.kernel_asked, *[False] * (len(design.platforms) - len(design.kernel_asked))])[platform]
    asked &= kind < KINDS.index("hold")
    rung = _lookup(fault, [_index(RUNGS, f.rung) for f in _FAULTS], aborted=-1)
    # Where the loop stood still that is known first, whatever a kernel says.
    stood_still = (rung >= 0) & (rows["lag_s"] >= LAG_EXPLAINS * rows["budget_s"])
    rung = np.where(stood_still, RUNGS.index("generator"), rung)
    return {
        "lost_at": _Named(np.where(asked, rung, -1), RUNGS),
        "tcp_retransmits": np.where(asked, _lookup(fault, [f.retransmits for f in _FAULTS], aborted=0), -1),
    }


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


def arrow(values: _Column | None, kind: ColumnType, count: int) -> pa.Array:
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
