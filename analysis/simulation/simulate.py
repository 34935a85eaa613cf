"""Synthetic runs with known effects: contract-exact rows, quickly, in bounded memory at any size.

A run is drawn in chunks of connections that are contiguous in time (`drawn_sessions.py`), each chunk becomes one
table of rows (`rows.py`) and one file. What goes wrong, and what an analysis may say of it, is the
world's (`worlds.py`).

    python -m analysis simulate --world W2 --rows 50000 --hosts 3 --effect 0.02 --seed 1 --out reports/example
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.runs.manifest import FILE_NAME as RUN_FILE
from analysis.simulation.design import ARMS, Design, DesignError
from analysis.simulation.drawn_sessions import draw_sessions
from analysis.simulation.returns import happen, lived, retried
from analysis.simulation.row_facts import Counters
from analysis.simulation.rows import probes_of, table_of
from analysis.simulation.world import World
from analysis.simulation.worlds import WORLDS, world
from attempts.checksums import list_files
from attempts.schema import SCHEMA_VERSION, Health

# A million rows take 1.3 GB while they are drawn, whatever the length of the run, and a file of 60 MB.
ROWS_PER_CHUNK: Final = 1_000_000
STARTED_AT: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RETRY_AFTER_S: Final = 1.0


def chunks(where: World, design: Design, *, run_id: str = "simulated") -> Iterator[pa.Table]:
    """The rows of a run, about a million at a time, in the order of time.

    The same world, design and seed give the same rows.
    """
    _, of_chunks = np.random.SeedSequence(design.seed).spawn(2)
    scene = where.scene(design)
    counters = Counters.start(design)
    total = design.connections
    # Users that hold their connection to the end, and come back when it breaks, cannot be cut in time.
    step = total if design.is_held else max(1, int(ROWS_PER_CHUNK // design.rows_per_session))
    firsts = range(0, total, step)
    stamps: dict[str, Any] = {"run_id": run_id, "started_us": int(STARTED_AT.timestamp() * 1e6)}
    for first, seed in zip(firsts, of_chunks.spawn(len(firsts)), strict=True):
        rng = np.random.default_rng(seed)
        count = min(step, total - first)
        sessions = lived(draw_sessions(scene, rng, first=first, count=count), where.happens)
        tables = [table_of(sessions, counters, **stamps)]
        if "retry" in design.mitigations:
            failed = (sessions.connect_fault != 0) & (sessions.mitigation == design.mitigations.index("retry"))
            again = retried(sessions, failed, wait_s=RETRY_AFTER_S)
            happen(again, where.happens)
            tables.append(table_of(again, counters, **stamps))
        first_s, last_s = (moment / total * design.duration_s for moment in (first, first + count))
        risk = partial(where.probe_risk, scene)
        tables.append(probes_of(scene, rng, counters, first_s=first_s, last_s=last_s, risk=risk, **stamps))
        yield pa.concat_tables(tables).unify_dictionaries()


def simulate_rows(name: str, **given: Any) -> pa.Table:
    """A whole run in memory: `simulate_rows("W2", rows=50_000, hosts=3, effect=0.02, seed=1)`.

    Args:
        name: A world (`worlds.WORLDS`).
        given: Parameters of `design.Design`.

    Raises:
        DesignError: No such world, or a value that cannot be drawn.
    """
    where = world(name)
    return pa.concat_tables(chunks(where, where.design(**given))).unify_dictionaries()


def simulate_run(name: str, folder: Path, **given: Any) -> Path:
    """Write a run folder: `attempts/*.parquet`, `health/*.parquet` and `run.json`. Gives the folder back.

    Memory is bounded by one chunk, whatever the number of rows.

    Raises:
        DesignError: No such world, a value that cannot be drawn, or the folder already holds something.
    """
    where = world(name)
    design = where.design(**given)
    command = ["python", "-m", "analysis", "simulate", "--world", name, "--seed", str(design.seed)]
    return write_run(where, design, folder, command=command)


def write_run(where: World, design: Design, folder: Path, *, command: Sequence[str]) -> Path:
    """Write the folder of a run of any world; `command` is what its `run.json` says it was started with.

    Raises:
        DesignError: The folder already holds something, or cannot be made.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DesignError(f"{folder} is not empty: name a folder that does not exist yet")
        (folder / "attempts").mkdir(parents=True)
        (folder / "health").mkdir()
    except OSError as error:
        raise DesignError(f"{folder} cannot be made ({error.strerror}): name a folder that can") from error
    outcomes: Counter[str] = Counter()
    workers: Counter[str] = Counter()
    for number, table in enumerate(chunks(where, design, run_id=folder.name)):
        pq.write_table(table, folder / "attempts" / f"part-{number:05d}.parquet", compression="zstd")
        outcomes.update(_counts(table["outcome"]))
        workers.update(_counts(table["worker"]))
    _write_health(design, sorted(workers), folder / "health")
    for kind in ("attempts", "health"):
        list_files(folder / kind)
    manifest = _manifest(where, design, folder.name, command=command, outcomes=outcomes, workers=workers)
    (folder / RUN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return folder


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(entry["values"]): int(entry["counts"]) for entry in column.value_counts().to_pylist()}


def _write_health(design: Design, workers: Sequence[str], folder: Path) -> None:
    """A row for each worker and second, of loops that are on time and machines that are at ease."""
    seconds = int(design.duration_s)
    at_us = int(STARTED_AT.timestamp() * 1e6) + (np.arange(seconds) + 1) * 1_000_000
    rng = np.random.default_rng(np.random.SeedSequence(design.seed).spawn(3)[2])
    schema = pa.schema([("worker", pa.string()), *((name, _HEALTH_TYPES[name]) for name in Health.__struct_fields__)])
    with pq.ParquetWriter(folder / "part-00000.parquet", schema, compression="zstd") as writer:
        for worker in workers:
            constant = {"cpu": 0.3, "rss_bytes": 80_000_000, "greenlets": 60, "file_descriptors": 70}
            columns = {
                "worker": pa.array([worker] * seconds),
                "at": pa.array(at_us, _HEALTH_TYPES["at"]),
                "loop_lag_s": pa.array(rng.exponential(0.002, seconds)),
                "loop_blocked_s": pa.array(np.zeros(seconds)),
                **{name: pa.array(np.full(seconds, v), _HEALTH_TYPES[name]) for name, v in constant.items()},
                "queue_depth": pa.array(np.zeros(seconds, dtype=np.int64)),
                "open_connections": pa.array(np.full(seconds, 40, dtype=np.int64)),
                "ephemeral_ports": pa.nulls(seconds, pa.int64()),
            }
            writer.write_table(pa.table(columns, schema=schema))


_HEALTH_TYPES: Final[dict[str, pa.DataType]] = {
    "at": pa.timestamp("us", tz="UTC"),
    "loop_lag_s": pa.float64(),
    "loop_blocked_s": pa.float64(),
    "cpu": pa.float64(),
    "rss_bytes": pa.int64(),
    "greenlets": pa.int64(),
    "file_descriptors": pa.int64(),
    "queue_depth": pa.int64(),
    "open_connections": pa.int64(),
    "ephemeral_ports": pa.int64(),
}


def _manifest(
    where: World,
    design: Design,
    run_id: str,
    *,
    command: Sequence[str],
    outcomes: Counter[str],
    workers: Counter[str],
) -> dict[str, Any]:
    """The `run.json` of a run that ended as planned, with the world's truth beside it."""
    rows = outcomes.total()
    ended_at = (STARTED_AT + timedelta(seconds=design.duration_s)).isoformat()
    truth = where.truth(design)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "version": "simulated",
        "command": list(command),
        "started_at": STARTED_AT.isoformat(),
        "ended_at": ended_at,
        "planned_end_at": ended_at,
        "ended": "run_time",
        "target": {"url": f"simulated:{where.name}", "standin": False, "faults": [where.title], "seed": design.seed},
        "plan": {
            "hash": "",
            "seed": design.seed,
            "unit": "connection",
            "client": list(design.clients),
            "delay_ms": [round(delay * 1000, 3) for delay in design.delays_s],
            "mitigation": list(design.mitigations),
            "block_s": 60,
        },
        "accounting": {
            "planned": rows,
            "skipped": 0,
            "started": rows,
            **{name: outcomes[name] for name in ("ok", "timeout", "failed", "aborted")},
            "rows_written": rows,
            "rows_stored": rows,
            "balanced": True,
        },
        "workers": [_worker(design, name, written) for name, written in sorted(workers.items())],
        "versions": {},
        "settings": {"slo": {"success_ratio": 0.95, "max_duration_s": 30.0}, "margin": 0.005, "alpha": 0.05},
        "problems": [],
        "world": {
            "name": where.name,
            "title": where.title,
            "design": asdict(design),
            "effects": dict(truth.effects),
            "parts": dict(truth.parts),
            "confirm": sorted(truth.confirm),
            "must_not_confirm": sorted(truth.must_not_confirm),
            "must_not_rule_out": sorted(truth.must_not_rule_out),
            **({} if truth.codes is None else {"codes": dict(truth.codes)}),
        },
    }


def _worker(design: Design, name: str, rows: int) -> dict[str, Any]:
    host = int(name[1:]) // design.workers_per_host
    return {
        "worker": name,
        "host": f"host-{host:03d}",
        "platform": design.platforms[design.host_platforms[host]],
        "pid": 1000 + int(name[1:]),
        "clock_offset_s": 0.0,
        "rows_written": rows,
        "lost": False,
    }


def listing() -> str:
    """The worlds and their truths, a few lines each."""
    lines = []
    for where in WORLDS.values():
        truth = where.truth(where.design())
        lines.append(f"{where.name:15} {where.title}")
        for label, claims in (
            ("should be confirmed", truth.confirm),
            ("must be undecided", truth.must_not_confirm & truth.must_not_rule_out),
            ("must not be ruled out", truth.must_not_rule_out - truth.must_not_confirm - truth.confirm),
        ):
            if claims:
                lines.append(f"{'':15}   {label}: {', '.join(sorted(claims))}")
    return "\n".join(lines)


def clients(text: str) -> tuple[str, ...]:
    """The names of a `--client` option."""
    return tuple(name.strip() for name in text.split(","))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate`, for whoever has a command line."""
    parser.add_argument("--list", action="store_true", help="print the worlds and what is true in each")
    parser.add_argument("--world", default="healthy", help="what goes wrong (see --list)")
    parser.add_argument("--out", type=Path, help="folder of the run; it must not exist yet, or be empty")
    parser.add_argument("--rows", type=int, help="about how many rows (default 50000)")
    parser.add_argument("--hosts", type=int, help="hosts of each platform (default 3)")
    parser.add_argument("--minutes", type=int, help="length of the run (default 60)")
    parser.add_argument("--client", type=clients, help=f"arms, of {', '.join(ARMS)} (default: the world's own)")
    parser.add_argument("--effect", type=float, help="difference of risks that the world makes (default 0.02)")
    parser.add_argument("--base-risk", type=float, help="risk of any attempt where nothing is wrong")
    parser.add_argument("--host-sd", type=float, help="how much hosts differ (log scale, default 0.3)")
    parser.add_argument("--minute-sd", type=float, help="how much minutes differ (log scale, default 0.3)")
    parser.add_argument("--site-sd", type=float, help="how much sites differ (log scale, default 0.2)")
    parser.add_argument("--seed", type=int, help="of everything random (default 1)")
    parser.add_argument("--hostile", action="store_true", help="the run that `calibrate --hostile` draws from --seed")
    parser.add_argument("--without", default="", help="with --hostile: parts to leave out, as it names them (m1,c2)")


def run(arguments: argparse.Namespace) -> int:
    """Do what `add_arguments` was given; exit status 0, or 2 for wrong usage."""
    if arguments.list:
        print(listing())
        return 0
    if arguments.out is None:
        print("simulate needs --out FOLDER to write the run to (or --list)", file=sys.stderr)
        return 2
    if arguments.hostile:
        return _run_hostile(arguments)
    names = ("rows", "hosts", "minutes", "effect", "base_risk", "host_sd", "minute_sd", "site_sd", "seed")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.client is not None:
        given["clients"] = arguments.client
    try:
        folder = simulate_run(arguments.world, arguments.out, **given)
    except DesignError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{folder}: written")
    return 0


def _run_hostile(arguments: argparse.Namespace) -> int:
    """Write the run that the fuzzer draws from a seed, or what it made of it to find the smallest that goes wrong."""
    from analysis.simulation.hostile import draw_case

    command = ["python", "-m", "analysis", "simulate", "--hostile"]
    asked = ("seed", "rows", "minutes", "without")
    command += [
        word for name in asked if getattr(arguments, name) for word in (f"--{name}", str(getattr(arguments, name)))
    ]
    case = draw_case(arguments.seed or 1).without([name.strip() for name in arguments.without.split(",")])
    case = case.resized(rows=arguments.rows, minutes=arguments.minutes)
    try:
        folder = write_run(case.world, case.design, arguments.out, command=command)
    except DesignError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{folder}: written ({case.title()})")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m analysis simulate`."""
    parser = argparse.ArgumentParser(prog="python -m analysis simulate", description="Write a synthetic run.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
