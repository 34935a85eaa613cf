"""`live.json`: what is known of a run while it goes on, for the pages that show it.

It stands in the run's folder, is replaced as a whole every few seconds, and is small whatever the number of attempts.
Numbers are of the rows that are stored; null means "not measured" or "not looked at yet", never 0. Counts follow the
verdict's rules (`service_levels.counts`): at the end both have the same ones.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import orjson

from analysis.verdict.answer import Answer

FILE_NAME: Final = "live.json"
_TEMPORARY: Final = f"{FILE_NAME}.tmp"

# A run that is refused before it starts has no folder: that state is its master's to show.
LiveState = Literal["starting", "running", "storing", "analysing", "ended", "void"]


@dataclass(frozen=True, kw_only=True)
class AttemptCounts:
    """How many rows are stored, and how those that are judged come out of them.

    Attributes:
        all: Every row.
        judged: `all` less the others: control probes, waits that the end cut off, mistakes of the test, rows without
            kind, time or outcome.
    """

    all: int = 0
    probes: int = 0
    cut_off: int = 0
    test_mistakes: int = 0
    unreadable: int = 0
    judged: int = 0


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The judged attempts that were scheduled in one stretch of the run.

    Attributes:
        t_s: Where it begins, in seconds from the first attempt's stretch.
        timeout: Attempts that timed out, by cause.
    """

    t_s: int
    ok: int
    failed: int
    timeout: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The judged attempts of one platform, client, delay or instance.

    Attributes:
        value: Its name, or the seconds of a delay; None: the row does not say.
        n: Attempts; `failed`: of these timed out or failed; `causes`: the same by cause.
    """

    value: str | float | None
    n: int
    failed: int
    causes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Attempts and timeouts of one instance, platform, client and delay."""

    instance: str | None
    platform: str | None
    client: str | None
    delay_s: float | None
    n: int
    timeouts: int


@dataclass(frozen=True, kw_only=True)
class WorkerLoad:
    """How one load-generating process fares: all its seconds so far; None: not measured.

    Attributes:
        lag_p99_s: The 99th percentile of its event loop's lag, as the upper edge of a bin 12 % wide.
        lag_max_s, cpu_max: The largest that was seen.
    """

    worker: str
    lag_p99_s: float | None
    lag_max_s: float | None
    cpu_max: float | None


@dataclass(frozen=True, kw_only=True)
class GeneratorLoad:
    """How the load generators fare: all seconds of all workers so far; None: not measured.

    Attributes:
        lag_p99_s, lag_max_s, cpu_max: As a worker has them.
        workers: Those with the latest loops, 50 at most.
        more_workers: How many there are besides.
    """

    lag_p99_s: float | None = None
    lag_max_s: float | None = None
    cpu_max: float | None = None
    workers: tuple[WorkerLoad, ...] = ()
    more_workers: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveClaim:
    """One claim as it stands; while the run goes on by the sequential rule (`verdict.live`)."""

    name: str
    title: str
    state: str
    needs: str


@dataclass(frozen=True, kw_only=True)
class LiveDocument:
    """The contents of `live.json`.

    Attributes:
        as_of: When it was written (ISO 8601, UTC).
        elapsed_s, planned_s: Since the run's start, and how long it was to be; None: until somebody ends it.
        slot_s: How long each stretch of `over_time` is.
        lost_at: The timeouts by where they were lost (docs/evidence.md).
        answer: The three lines as they stand; None before the first look, and between the first
            failure and the look that knows of it.
        claims: Empty before the first look.
        answer_as_of: When the look began that they come from.
        is_final: They are the verdict's.
        analysis_about_s: How long the verdict will take, as the last look did; None: there was no look.
        note: What is wrong with the live analysis itself, in a sentence; empty: nothing.
    """

    run_id: str
    as_of: str
    state: LiveState
    elapsed_s: float | None = None
    planned_s: float | None = None
    attempts: AttemptCounts = field(default_factory=AttemptCounts)
    timeouts: int = 0
    slot_s: int = 10
    over_time: tuple[Slot, ...] = ()
    by: Mapping[str, tuple[Group, ...]] = field(
        default_factory=lambda: {"platform": (), "client": (), "delay_s": (), "instance": ()}
    )
    cells: tuple[Cell, ...] = ()
    lost_at: Mapping[str, int] = field(default_factory=dict)
    generator: GeneratorLoad = field(default_factory=GeneratorLoad)
    claims: tuple[LiveClaim, ...] = ()
    answer: Answer | None = None
    answer_as_of: str | None = None
    is_final: bool = False
    analysis_about_s: float | None = None
    note: str = ""


def write(folder: Path, document: LiveDocument) -> None:
    """Replace `live.json` of a run's folder as a whole: a reader sees the old one or the new one.

    Raises:
        OSError: The disk refused; the old one is still there.
    """
    temporary = folder / _TEMPORARY
    try:
        temporary.write_bytes(orjson.dumps(document))
        os.replace(temporary, folder / FILE_NAME)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
