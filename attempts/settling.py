"""What a run says of itself, held against the rows that are stored by now: the way back from a loss to a verdict.

A run whose master died, or that ended without a worker, is void for what was not known then. When the rows have come
home after all, each worker's last segment says how many there are and what became of its attempts (`frames.EndFrame`):
what that disproves is taken back, everything is counted again, and what it cannot disprove stays.

Pure: what `run.json` holds and what the store counted go in, what `run.json` should hold comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from attempts.accounting import Accounting

# What a problem is, beside its sentence in `problems`: `problem_kinds` of run.json has {kind, worker, sentence}.
# Of these three a worker's whole rows are the disproof.
WORKER_LOST: Final = "worker_lost"
LEFT_BEHIND: Final = "left_behind"
NOT_KEPT: Final = "not_kept"
# And these are said anew at each count.
ROWS: Final = "rows"
SUMS: Final = "sums"
NOTHING_STARTED: Final = "nothing_started"
STORE_DIED: Final = "store_died"
EARLY: Final = "early"
# These stay, like every problem that says no kind.
PART_DIED: Final = "part_died"
OTHER: Final = "other"

_OF_A_WORKER: Final = frozenset({WORKER_LOST, LEFT_BEHIND, NOT_KEPT})
_RECOUNTED: Final = frozenset({ROWS, SUMS, NOTHING_STARTED, STORE_DIED, EARLY})
# The last attempt begins before the end: by the pace of what users and probes do, or by a share of a long run.
_LAST_ATTEMPT_S: Final = 5.0
_LAST_ATTEMPT_SHARE: Final = 0.05
_OUTCOMES: Final = ("ok", "timeout", "failed", "aborted")


class Problem(NamedTuple):
    """One sentence that makes a run void, and what it would take to disprove it."""

    kind: str
    worker: str | None
    sentence: str


class Settled(NamedTuple):
    """A run after the count.

    Attributes:
        problems: All that stand now.
        taken_back: Sentences that stood before, and are disproved.
        accounting: The sums.
        whole: Workers whose every row is stored.
        is_complete: Every worker that the run knows of is whole, and nothing that was stored is damaged.
    """

    problems: tuple[Problem, ...]
    taken_back: tuple[str, ...]
    accounting: Accounting
    whole: frozenset[str]
    is_complete: bool


def settle(manifest: Mapping[str, Any], stored: Mapping[str, Any]) -> Settled:
    """Hold a run against its rows.

    Args:
        manifest: What `run.json` holds.
        stored: What `python -m attempts.store` prints; empty = nobody could count.
    """
    workers: Mapping[str, Mapping[str, Any]] = stored.get("workers", {})
    whole = frozenset(worker for worker, rows in workers.items() if rows.get("is_whole"))
    said = tuple(problems_of(manifest))
    recounted = _RECOUNTED if stored else frozenset()
    kept = [p for p in said if p.kind not in recounted and not (p.kind in _OF_A_WORKER and p.worker in whole)]
    sums = _sums(manifest, stored)
    found = [Problem(ROWS, None, str(sentence)) for sentence in stored.get("problems", ())]
    found += [Problem(SUMS, None, f"The accounting does not balance: {sentence}") for sentence in sums.imbalances]
    if not sums.started and not sums.rows_stored:
        sentence = "No attempt was started, or nobody knows of one: there is nothing to judge."
        found.append(Problem(NOTHING_STARTED, None, sentence))
    found += _early(manifest, stored)
    now = tuple({problem.sentence: problem for problem in (*kept, *found)}.values())
    standing = {problem.sentence for problem in now}
    known = {*workers, *(str(entry["worker"]) for entry in _workers_of(manifest))}
    return Settled(
        problems=now,
        taken_back=tuple(p.sentence for p in said if p.sentence not in standing),
        accounting=sums,
        whole=whole,
        is_complete=bool(known) and known <= whole and all(problem.kind == EARLY for problem in found),
    )


def problems_of(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems of a `run.json`, each with its kind; one that tells none is of another kind than those here."""
    kinds = {
        str(entry.get("sentence")): entry for entry in _list_of(manifest, "problem_kinds") if isinstance(entry, Mapping)
    }
    for sentence in map(str, _list_of(manifest, "problems")):
        entry = kinds.get(sentence, {})
        worker = entry.get("worker")
        yield Problem(str(entry.get("kind", OTHER)), None if worker is None else str(worker), sentence)


def rewritten(
    manifest: Mapping[str, Any], settled: Settled, *, stored: Mapping[str, Any], now: str | None
) -> dict[str, Any]:
    """`run.json` after the count.

    A run that never said how it ended was left by the process that led it: that is a crash, at its last row.

    Args:
        manifest: What it holds.
        settled: What came of it.
        stored: What the store printed.
        now: The present moment, as `run.json` has moments.
    """
    file = dict(manifest)
    is_left = _is_left(manifest)
    if is_left:
        file["ended"], file["ended_at"] = "crash", stored.get("last_at")
    file["problems"] = [problem.sentence for problem in settled.problems]
    file["problem_kinds"] = [problem._asdict() for problem in settled.problems]
    file["accounting"] = as_entry(settled.accounting)
    file["workers"] = [
        {**entry, "lost": False, "rows_written": stored["workers"][entry["worker"]]["rows_written"]}
        if entry.get("worker") in settled.whole
        else entry
        for entry in _list_of(manifest, "workers")
        if isinstance(entry, Mapping)
    ]
    before = file.get("settled")
    earlier = _list_of(before, "taken_back") if isinstance(before, Mapping) else []
    taken_back = list(dict.fromkeys([*map(str, earlier), *settled.taken_back]))
    file["settled"] = {"at": now, "complete": settled.is_complete, "left": is_left, "taken_back": taken_back}
    return file


def as_entry(sums: Accounting) -> dict[str, Any]:
    """The sums as `run.json` has them."""
    outcomes = sums.outcomes or {}
    return {
        "planned": sums.planned,
        "skipped": sums.skipped,
        "started": sums.started,
        **{name: outcomes.get(name) for name in _OUTCOMES},
        "rows_written": sums.rows_written,
        "rows_stored": sums.rows_stored,
        "balanced": sums.is_balanced,
    }


def _sums(manifest: Mapping[str, Any], stored: Mapping[str, Any]) -> Accounting:
    """From the workers' last segments where each has one, else as `run.json` knew them; the rows as counted now."""
    workers = stored.get("workers", {}).values()
    written = [rows.get("rows_written") for rows in workers]
    tallies = [rows.get("tally") for rows in workers]
    known = manifest.get("accounting")
    counts: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    if tallies and None not in tallies:
        names = ("planned", "skipped", "started", *_OUTCOMES)
        counts = {**counts, **{name: sum(tally.get(name, 0) for tally in tallies) for name in names}}
    outcomes = {name: counts.get(name) for name in _OUTCOMES}
    return Accounting(
        planned=counts.get("planned"),
        skipped=counts.get("skipped"),
        started=counts.get("started"),
        outcomes={name: n for name, n in outcomes.items() if n is not None} if None not in outcomes.values() else None,
        rows_written=sum(written) if written and None not in written else counts.get("rows_written"),
        rows_stored=stored.get("rows_stored"),
    )


def _is_left(manifest: Mapping[str, Any]) -> bool:
    """Whether the process that led the run was gone before it could say how it ended."""
    settled = manifest.get("settled")
    return manifest.get("ended") == "running" or (isinstance(settled, Mapping) and settled.get("left") is True)


def _early(manifest: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[Problem]:
    """That nobody made load any more before the planned end of a run whose leader was gone."""
    try:
        began, planned, last = (
            datetime.fromisoformat(str(moment))
            for moment in (manifest.get("started_at"), manifest.get("planned_end_at"), stored.get("last_at"))
        )
    except ValueError:
        return
    of_s, ran_s = (planned - began).total_seconds(), (last - began).total_seconds()
    if _is_left(manifest) and ran_s < of_s - max(_LAST_ATTEMPT_S, _LAST_ATTEMPT_SHARE * of_s):
        sentence = (
            f"Its last attempt began after {ran_s:.0f} s of {of_s:.0f} s: the run is less than what was asked for."
        )
        yield Problem(EARLY, None, sentence)


def _workers_of(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in _list_of(manifest, "workers"):
        if isinstance(entry, Mapping) and "worker" in entry:
            yield entry


def _list_of(manifest: Mapping[str, Any], name: str) -> list[Any]:
    value = manifest.get(name)
    return value if isinstance(value, list) else []
