"""Checks that the rows add up: every attempt that was started must be in the table, once.

planned = started + skipped; started = ok + timeout + failed + aborted; rows written = rows stored = rows
found; `seq` runs 0, 1, 2 ... within a worker. A sum that does not hold is a problem (the verdict is void);
a sum that cannot be formed is a note.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from analysis.runs.clocks import clock_notes

if TYPE_CHECKING:
    import pandas as pd

    from analysis.runs.dataset import Run

_SUMS: Final = (
    ("planned", ("started", "skipped")),
    ("started", ("ok", "timeout", "failed", "aborted")),
    ("rows_written", ("rows_stored",)),
)


# A machine whose clock is wrong by more than its zone's offset has rows that cannot be placed in their run.
CLOCK_LEEWAY_S: Final = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Sentences on one or more runs: what voids, and what is merely unknown."""

    problems: tuple[str, ...]
    notes: tuple[str, ...]


def audit_run(run: Run) -> Audit:
    """Hold `run.json` against itself and against the rows that were found."""
    name, manifest = run.folder.name, run.manifest
    if manifest is None:
        return Audit(problems=(), notes=())
    problems = [f"{name}: {sentence}" for sentence in _texts(manifest.get("problems"))]
    notes: list[str] = []
    ended = manifest.get("ended")
    if ended == "crash" and _is_complete(manifest):
        notes.append(
            f"{name}: the process that led the run died before its end; the rows of all its workers were brought "
            "afterwards, and none is missing."
        )
    elif ended == "crash":
        problems.append(f"{name}: the run crashed; what it had not written is lost.")
    elif ended == "running" and not run.is_live:
        problems.append(
            f"{name}: the run never said that it had ended, and nobody writes it any more: it was killed, and its "
            "last rows may be missing."
        )
    elif ended == "running":
        notes.append(f"{name}: the run has not ended; this is what its rows say so far.")
    elif ended in ("stopped", "signal") and manifest.get("planned_end_at"):
        notes.append(f"{name}: the run was ended early ({ended}).")
    elif ended in ("stopped", "signal"):
        notes.append(f"{name}: the run had no planned end, and was ended by hand ({ended}).")
    notes += [f"{name}: {sentence}" for sentence in _texts(manifest.get("notes"))]
    notes += [f"{name}: {sentence}" for sentence in clock_notes(_records(manifest.get("workers")))]
    notes += [
        f"{name}: the run was led on by another master at {absence.get('at')}{_gap_words(absence)}."
        for absence in _records(manifest.get("resumed"))
    ]
    lost = [str(worker.get("worker")) for worker in _records(manifest.get("workers")) if worker.get("lost")]
    if lost:
        problems.append(f"{name}: {len(lost)} workers were lost ({', '.join(lost)}); their last rows may be missing.")
    if not run.is_live:
        problems += [f"{name}: {sentence}" for sentence in _broken_sums(manifest.get("accounting"), run.rows, notes)]
    return Audit(problems=tuple(problems), notes=tuple(notes))


def audit_rows(workers: pd.DataFrame) -> Audit:
    """Look for gaps and doubles in `seq`, for rows that break the contract, and for frames that nobody could read.

    Args:
        workers: `Overview.workers`.
    """
    problems, notes = [], []
    for run_id, rows in _boots(workers).groupby("run_id", sort=True, observed=True):
        # The rows of 0..max must be max+1 in number and sum to max(max+1)/2: so a gap that a double fills is seen.
        unnumbered = int(rows["seq_null"].sum())
        if unnumbered:
            notes.append(f"{run_id}: {unnumbered} rows have no number (seq): whether one is missing is unknown.")
        expected = rows["seq_max"] + 1 + rows["seq_null"]
        missing = int((expected - rows["rows"]).clip(lower=0).sum())
        doubled = int((rows["rows"] - expected).clip(lower=0).sum())
        whole = rows["seq_max"] * (rows["seq_max"] + 1) / 2
        shifted = (rows["rows"] == expected) & (rows["seq_sum"] != whole) & (rows["seq_null"] == 0)
        malformed = int(rows["malformed"].sum())
        if missing:
            problems.append(f"{run_id}: {missing} rows are missing (gaps in seq).")
        if doubled:
            problems.append(f"{run_id}: {doubled} rows are there more than once (doubles in seq).")
        if shifted.any():
            problems.append(f"{run_id}: seq has as many doubles as gaps in {int(shifted.sum())} workers.")
        if malformed:
            problems.append(
                f"{run_id}: {malformed:,} rows break the attempt contract (a value is missing, unknown or impossible)."
            )
        unread = int(rows["unread"].sum())
        if unread:
            notes.append(
                f"{run_id}: {unread:,} messages came that cannot be read, while no request was in flight: no attempt "
                "failed by them (malformed_frames of the holds)."
            )
    return Audit(problems=tuple(problems), notes=tuple(notes))


def _boots(workers: pd.DataFrame) -> pd.DataFrame:
    """One row a worker: it numbers its rows whatever host and platform they name."""
    named = workers.fillna({"run_id": "rows of no run", "seq_max": -1})
    counts = {name: "sum" for name in ("rows", "seq_null", "seq_sum", "malformed", "unread")}
    return named.groupby(["run_id", "worker"], dropna=False).agg(counts | {"seq_max": "max"}).reset_index()


def audit_times(run: Run, timeline: pd.DataFrame) -> Audit:
    """Look for rows scheduled outside of their run, as far as `run.json` says when it was (`Overview.timeline`)."""
    manifest = run.manifest or {}
    started_s, ended_s = (_epoch_s(manifest.get(name)) for name in ("started_at", "ended_at"))
    rows = timeline[timeline["run_id"] == run.run_id]
    is_outside = (rows["slot"] < started_s - CLOCK_LEEWAY_S) | (rows["slot"] > ended_s + CLOCK_LEEWAY_S)
    outside = int(rows.loc[is_outside, "n"].sum())
    if not outside:
        return Audit(problems=(), notes=())
    sentence = f"{run.folder.name}: {outside:,} rows are scheduled more than a day before or after the run itself."
    return Audit(problems=(sentence,), notes=())


def _epoch_s(moment: object) -> float:
    """NaN where it is unknown: nothing lies before or after it."""
    try:
        parsed = datetime.fromisoformat(str(moment))
    except ValueError:
        return math.nan
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _broken_sums(accounting: object, rows_found: int, notes: list[str]) -> list[str]:
    if not isinstance(accounting, Mapping):
        notes.append("run.json has no accounting: whether rows are missing is known only from seq.")
        return []
    broken = []
    for total, parts in _SUMS:
        values = [value for key in (total, *parts) if isinstance(value := accounting.get(key), int)]
        if len(values) <= len(parts):
            notes.append(f"The accounting does not give {total} = {' + '.join(parts)}: that sum is unknown.")
        elif values[0] != sum(values[1:]):
            written = " + ".join(f"{value:,} {key}" for key, value in zip(parts, values[1:], strict=True))
            broken.append(f"the accounting does not balance: {values[0]:,} {total}, but {written}.")
    stored = accounting.get("rows_stored")
    if isinstance(stored, int) and stored != rows_found:
        broken.append(f"{stored:,} rows were stored, but {rows_found:,} are in attempts/.")
    if accounting.get("balanced") is False and not broken:
        broken.append("the run says of itself that its accounting does not balance.")
    return broken


def _is_complete(manifest: Mapping[str, Any]) -> bool:
    """Whether a count after the end has found every row of every worker."""
    settled = manifest.get("settled")
    return isinstance(settled, Mapping) and settled.get("complete") is True


def _gap_words(absence: Mapping[str, Any]) -> str:
    gap_s = absence.get("gap_s")
    return f", after {gap_s:,.0f} s without one" if isinstance(gap_s, int | float) else ""


def _texts(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _records(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
