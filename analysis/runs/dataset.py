"""Run folders opened: which files can be read, and what is missing of a run.

Nothing is raised for bad data. What makes the rows incomplete is a *problem* (the verdict is void), what
is merely unknown is a *note* (the verdict says so). Only a folder that is no run at all, or rows of a
newer schema, are wrong usage (`DatasetError`): there is nothing of which a verdict could be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.runs.file_checksums import check_files
from analysis.runs.manifest import FILE_NAME as RUN_FILE
from analysis.runs.manifest import ManifestError, read_manifest
from attempts.locks import Reading, is_held, store_lock
from attempts.run_folder import why_no_run_folder
from attempts.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import ibis
    import pandas as pd

    from analysis.runs.engine import Engine
from analysis.runs.parquet_files import (
    VITALS,
    DatasetError,
    from_the_future,
    health_files,
    open_attempts_file,
    why_unreadable,
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder.

    Attributes:
        run_id: As `run.json` names it, else the folder's name.
        attempts: The readable Parquet files of the `attempts` table.
        rows: Rows in them, by their footers.
        health: The readable Parquet files of the workers' vitals.
        truth: The stand-in's ground truth, None where there is none.
        manifest: `run.json`, None where there is none.
        is_live: The run has not ended, and its store is at work: more rows will come.
        columns: Names of the columns in each attempts file.
    """

    folder: Path
    run_id: str
    attempts: tuple[Path, ...]
    rows: int
    health: tuple[Path, ...]
    truth: Path | None
    manifest: dict[str, Any] | None
    columns: tuple[frozenset[str], ...]
    is_live: bool


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All runs that are analysed together.

    Attributes:
        problems: Sentences, each of which makes the verdict void: rows are missing.
        notes: Sentences on what is unknown.
        readings: As long as they are there, no store replaces files of these runs.
    """

    runs: tuple[Run, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    readings: tuple[Reading, ...] = field(default=(), compare=False, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """All readable attempts files."""
        return tuple(path for run in self.runs for path in run.attempts)

    @property
    def health_files(self) -> tuple[Path, ...]:
        """All readable health files."""
        return tuple(path for run in self.runs for path in run.health)

    @property
    def rows(self) -> int:
        """Rows of the attempts table, by the files' footers."""
        return sum(run.rows for run in self.runs)


def open_runs(folders: Sequence[Path]) -> Dataset:
    """Open run folders: footers and `run.json` are read, and each file is held against its checksum.

    Raises:
        DatasetError: A folder is no run, is named twice, or its rows have a newer schema.
    """
    problems: list[str] = []
    notes: list[str] = []
    runs: list[Run] = []
    # Before any file is listed: what is listed shall be there for as long as it is read.
    readings = tuple(map(Reading, folders))
    for folder in folders:
        run = _open_run(folder, problems, notes)
        for other in runs:
            if other.folder.resolve() == folder.resolve():
                raise DatasetError(f"{folder} is named twice: name every run once, or its attempts count double.")
            if other.run_id == run.run_id:
                raise DatasetError(
                    f"{other.folder} and {folder} are both run {run.run_id!r}: name one of them, "
                    "or the same attempts count double."
                )
        runs.append(run)
    return Dataset(runs=tuple(runs), problems=tuple(problems), notes=tuple(notes), readings=readings)


def why_no_run(folder: Path) -> str:
    """Why a path names no run, in a sentence; empty where it does."""
    if not folder.is_dir():
        return f"{folder} is no folder: name a run folder, for example reports/<run_id>."
    return why_no_run_folder(folder)


def _open_run(folder: Path, problems: list[str], notes: list[str]) -> Run:
    attempts_folder = folder / "attempts"
    reason = why_no_run(folder)
    if reason:
        raise DatasetError(reason)
    name = folder.name
    manifest = _read_manifest(folder, problems, notes)
    run_id = str(manifest.get("run_id") or name) if manifest else name
    files: list[Path] = []
    columns: list[frozenset[str]] = []
    rows = 0
    # A run that was killed says for ever that it is going on.
    is_live = manifest is not None and manifest.get("ended") == "running" and is_held(store_lock(folder))
    found = sorted(attempts_folder.glob("*.parquet"))
    changed = check_files(attempts_folder, found, f"{name}/attempts", problems, notes, is_live=is_live)
    for path in found:
        try:
            opened = open_attempts_file(path, name, problems, notes)
        except DatasetError:
            if path.name not in changed:
                raise
            continue  # what it says of its schema is not what was written
        if opened is not None:
            files.append(path)
            columns.append(opened[0])
            rows += opened[1]
    if not files:
        problems.append(f"{name}: no attempts were stored (attempts/ holds no readable Parquet file).")
    elif rows == 0:
        problems.append(f"{name}: the attempts table has no rows.")
    _check_spool(folder, name, problems, notes, is_live=is_live)
    vitals = sorted((folder / "health").glob("*.parquet"))
    check_files(folder / "health", vitals, f"{name}/health", problems, notes, is_live=is_live)
    health = health_files(folder / "health", name, notes)
    if not health:
        notes.append(f"{name}: no health/ rows: the load generators' vitals are known only from the attempts.")
    truth = folder / "truth.parquet"
    return Run(
        folder=folder,
        run_id=run_id,
        attempts=tuple(files),
        rows=rows,
        health=health,
        truth=truth if truth.is_file() else None,
        manifest=manifest,
        columns=tuple(columns),
        is_live=is_live,
    )


def _read_manifest(folder: Path, problems: list[str], notes: list[str]) -> dict[str, Any] | None:
    name = folder.name
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        problems.append(f"{name}: {RUN_FILE} {error}: whether rows are missing is unknown.")
        return None
    if manifest is None:
        notes.append(f"{name}: no {RUN_FILE}: what was planned and whether the accounting balances is unknown.")
        return None
    version = manifest.get("schema_version", 1)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DatasetError(from_the_future(f"{name}/{RUN_FILE}", version))
    return manifest


def without_unreadable(dataset: Dataset) -> Dataset:
    """The dataset without the files that cannot be read to their ends, though their footers can; each is told.

    Reads every row: for when a scan has failed. Gives the same dataset back where all can be read.
    """
    problems: list[str] = []
    notes: list[str] = []
    runs = tuple(_readable_run(run, problems, notes) for run in dataset.runs)
    if not problems and not notes:
        return dataset
    return Dataset(runs=runs, problems=(*dataset.problems, *problems), notes=(*dataset.notes, *notes))


def _readable_run(run: Run, problems: list[str], notes: list[str]) -> Run:
    import pyarrow.parquet as pq

    attempts, health = ({path: why_unreadable(path) for path in paths} for paths in (run.attempts, run.health))
    for files, said, lost in ((attempts, problems, "its rows are missing"), (health, notes, "vitals are incomplete")):
        for path, reason in files.items():
            if reason:
                said.append(f"{run.folder.name}/{path.parent.name}/{path.name} is corrupt ({reason}): {lost}.")
    kept = [(path, names) for path, names in zip(run.attempts, run.columns, strict=True) if not attempts[path]]
    return replace(
        run,
        attempts=tuple(path for path, _ in kept),
        columns=tuple(names for _, names in kept),
        rows=sum(pq.read_metadata(path).num_rows for path, _ in kept),
        health=tuple(path for path, reason in health.items() if not reason),
    )


def _check_spool(folder: Path, name: str, problems: list[str], notes: list[str], *, is_live: bool) -> None:
    spool = folder / "spool"
    left = [path for path in spool.rglob("*") if path.is_file() and path.stat().st_size] if spool.is_dir() else []
    if not left:
        return
    if is_live:
        notes.append(f"{name}: the run goes on; {len(left)} spool segments are not stored yet.")
        return
    problems.append(
        f"{name}: {len(left)} spool segments were never stored: run `python -m attempts.store {folder}` "
        "and analyse again."
    )


def attempts_table(dataset: Dataset, *, engine: Engine = "duckdb") -> ibis.Table:
    """The attempts of all runs as one Ibis table, columns as the files have them (`contract_columns` tidies them).

    An empty dataset gives an empty table (on DuckDB).
    """
    from analysis.runs.engine import open_attempts, open_rows

    if dataset.files:
        table = open_attempts(dataset.files, engine=engine)
        # What pandas writes by default, nanoseconds with a zone, DuckDB has a type for and Ibis has not.
        odd = [name for name in ("scheduled_at", "started_at") if name in table.columns]
        odd = [name for name in odd if not table[name].type().is_timestamp()]
        return table.mutate(**{name: table[name].cast("timestamp('UTC')") for name in odd}) if odd else table
    import pyarrow as pa

    return open_rows(pa.table({"run_id": pa.array([], type=pa.string())}))


def health_frame(dataset: Dataset) -> pd.DataFrame:
    """The workers' vitals, one row a worker and second; an empty frame where there are none."""
    import pandas as pd

    frames = [pd.read_parquet(path, columns=sorted(VITALS)) for path in dataset.health_files]
    if not frames:
        empty = pd.DataFrame(columns=sorted(VITALS), dtype="float64")
        return empty.astype({"worker": "str", "at": "datetime64[us, UTC]"})
    return pd.concat(frames, ignore_index=True).sort_values(["worker", "at"], ignore_index=True)
