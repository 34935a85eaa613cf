"""The verdict that a run's folder holds, where it is one of all of the run's rows."""

from __future__ import annotations

import json
from typing import Any, Final

from analysis.runs.dataset import Dataset

_NEEDED: Final = frozenset(
    {"answer", "attempts", "causes", "claims", "counts", "failures", "hypothesis", "leads", "margin", "rates", "slo"}
)


def stored_verdict(dataset: Dataset) -> dict[str, Any] | None:
    """`verdict.json` of one run; None where there is none, or it is of other rows, or an older wsoak's.

    Several runs together have no verdict of their own: each folder holds the one of its run alone.
    """
    if len(dataset.runs) != 1:
        return None
    run = dataset.runs[0]
    try:
        document = json.loads((run.folder / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or not document.keys() >= _NEEDED:
        return None
    counts = document["counts"]
    is_of_all = isinstance(counts, dict) and counts.get("all") == dataset.rows and document.get("runs") == [run.run_id]
    return document if is_of_all else None
