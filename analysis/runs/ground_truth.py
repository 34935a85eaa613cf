"""The stand-in's own account of the faults it did: shown beside the verdict, read by no claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    from analysis.runs.dataset import Run

_COLUMNS: Final = ["kind", "fault", "fault_spec"]


def faults_done(runs: Sequence[Run]) -> pd.DataFrame:
    """Faults in the runs' ground truth; empty where no stand-in served or its truth cannot be read.

    Returns:
        One row a (run_id, fault): `fault` as it was asked for, `hit` (connections that it struck), `windows`
        (stretches of time in which it struck the whole server), `connections` (all that were served).
    """
    found = []
    for run in runs:
        truth = _read(run)
        if truth is None:
            continue
        connections = int((truth["kind"] == "connection").sum())
        struck = truth[truth["fault"].notna()]
        # One connection may be struck by several faults, "a;b".
        each = struck.assign(fault=struck["fault_spec"].fillna(struck["fault"]).str.split(";")).explode("fault")
        for fault, lines in each.groupby("fault"):
            kinds = lines["kind"].value_counts()
            hit, windows = int(kinds.get("connection", 0)), int(kinds.get("window", 0))
            found.append(
                {"run_id": run.run_id, "fault": str(fault), "hit": hit, "windows": windows, "connections": connections}
            )
    return pd.DataFrame(found, columns=["run_id", "fault", "hit", "windows", "connections"])


def _read(run: Run) -> pd.DataFrame | None:
    import pyarrow as pa

    if run.truth is None:
        return None
    try:
        return pd.read_parquet(run.truth, columns=_COLUMNS)
    except (OSError, ValueError, pa.ArrowException):
        return None
