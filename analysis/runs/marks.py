"""Moments that figures over time are marked with: annotations kept in the run, storms, and windows of faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from analysis.runs.dataset import Run

FILE_NAME: Final = "annotations.json"
LONGEST: Final = 80
_STORM_SHARE: Final = 0.6  # of the run's planned time, with --shape ramp-soak-storm


class AnnotationError(Exception):
    """An annotation that cannot be kept: one sentence with the value, the rule and the way out."""


@dataclass(frozen=True, kw_only=True, order=True)
class Mark:
    """A moment, or a stretch of time, in epoch seconds, and what happened then."""

    start_s: float
    end_s: float
    text: str

    def words(self) -> str:
        """As a sentence of a list: "14:05:00 UTC: deployed"."""
        start, end = (datetime.fromtimestamp(moment, UTC) for moment in (self.start_s, self.end_s))
        until = f" to {end:%H:%M:%S}" if self.end_s > self.start_s else ""
        return f"{start:%Y-%m-%d %H:%M:%S}{until} UTC: {self.text}"


def parsed(when: str, text: str, start_s: float, end_s: float) -> Mark:
    """An annotation of the command line: a time of day in UTC, or a date with a time, within the run.

    Raises:
        AnnotationError: It is no time, lies outside of the run, or says nothing.
    """
    said = " ".join(text.split())
    if not 0 < len(said) <= LONGEST:
        raise AnnotationError(f"--annotate {when} {text!r}: its text must have 1 to {LONGEST} characters.")
    moments = _moments(when, start_s, end_s)
    # A minute is named as a whole: "14:05" of a run that began at 14:05:20 is its beginning.
    found = [moment for moment in moments if start_s - 60 < moment <= end_s]
    if not found:
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (start_s, end_s))
        raise AnnotationError(
            f"--annotate {when} is outside of the run: name a time from {first:%Y-%m-%dT%H:%M:%SZ} "
            f"to {last:%Y-%m-%dT%H:%M:%SZ}."
        )
    moment = max(found[0], start_s)
    return Mark(start_s=moment, end_s=moment, text=said)


def _moments(when: str, start_s: float, end_s: float) -> list[float]:
    try:
        at = time.fromisoformat(when)
    except ValueError:
        try:
            moment = datetime.fromisoformat(when)
        except ValueError:
            raise AnnotationError(
                f"--annotate {when!r} is no time: write 14:05 (UTC) or 2026-01-31T14:05:00Z."
            ) from None
        return [(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()]
    day, last = (datetime.fromtimestamp(second, UTC).date() for second in (start_s, end_s))
    days = [day + timedelta(days=number) for number in range((last - day).days + 1)]
    return [datetime.combine(one, at, at.tzinfo or UTC).timestamp() for one in days]


def keep(folder: Path, marks: Sequence[Mark]) -> None:
    """Add annotations to those that the run has; one that is there already is not added again."""
    every = sorted({*annotated(folder), *marks})
    lines = [{"at": datetime.fromtimestamp(mark.start_s, UTC).isoformat(), "text": mark.text} for mark in every]
    (folder / FILE_NAME).write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def annotated(folder: Path) -> list[Mark]:
    """The annotations that a run was given; what cannot be read is none."""
    try:
        lines = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        moments = [(datetime.fromisoformat(line["at"]).timestamp(), str(line["text"])) for line in lines]
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return [Mark(start_s=at, end_s=at, text=text) for at, text in moments]


def marks_of(runs: Sequence[Run]) -> list[Mark]:
    """All that is marked in the runs, by time."""
    found: set[Mark] = set()
    for run in runs:
        found.update(annotated(run.folder), storms(run.manifest or {}), _windows(run))
    return sorted(found)


def storms(manifest: Mapping[str, Any]) -> list[Mark]:
    """When everybody reconnected at once, by the options that the run was started with."""
    settings = manifest.get("settings")
    options = settings.get("options") if isinstance(settings, dict) else None
    if not isinstance(options, dict):
        return []
    try:
        start = datetime.fromisoformat(manifest["started_at"]).timestamp()
        after_s = float(options.get("storm_at_s") or 0)
        if not after_s and "ramp-soak-storm" in str(options.get("shape")):
            after_s = _STORM_SHARE * (datetime.fromisoformat(manifest["planned_end_at"]).timestamp() - start)
    except (KeyError, TypeError, ValueError):
        return []
    return [Mark(start_s=start + after_s, end_s=start + after_s, text="storm")] if after_s > 0 else []


def _windows(run: Run) -> list[Mark]:
    """Stretches of time in which the stand-in struck all connections, by its own account."""
    import pyarrow as pa

    if run.truth is None:
        return []
    try:
        truth = pd.read_parquet(run.truth, columns=["kind", "fault", "opened_at", "closed_at"])
    except (OSError, ValueError, pa.ArrowException):
        return []
    rows = truth[(truth["kind"] == "window") & truth["opened_at"].notna() & truth["closed_at"].notna()]
    return [
        Mark(start_s=start, end_s=end, text=f"fault {fault}")
        for fault, start, end in zip(
            rows["fault"], _seconds(rows["opened_at"]), _seconds(rows["closed_at"]), strict=True
        )
    ]


def _seconds(moments: pd.Series[Any]) -> list[float]:
    """Epoch seconds of moments that are written as text, or as a count of microseconds."""
    if pd.api.types.is_numeric_dtype(moments):
        return [float(moment) / 1e6 for moment in moments]
    return [float(moment.timestamp()) for moment in pd.to_datetime(moments, utc=True, format="ISO8601")]
