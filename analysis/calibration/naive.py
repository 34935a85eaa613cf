"""The verdict that people would otherwise give: tests on attempts as if they were independent trials.

Written in earnest, as it is done: a chi-square test of each suspect against failing, correlations of
failing with the observed duration and the observed loop lag, "it occurred" for what has a cause of its
own, and "not significant" read as "ruled out". It stands beside the calibrated verdict for comparison
and decides nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from analysis.claims import registry
from analysis.model import State
from analysis.stats.groups import Bools, Ints

ALPHA: Final = 0.05


def naive_verdict(rows: pa.Table) -> dict[str, State]:
    """A state for each claim from the rows of one run (`attempts.schema.COLUMNS`)."""
    wanted = (
        "kind",
        "outcome",
        "cause",
        "platform",
        "client",
        "server_instance",
        "delay_s",
        "duration_s",
        "loop_lag_s",
    )
    frame = rows.select(wanted).to_pandas()
    frame = frame[frame["kind"].isin(["connect", "exchange"]) & (frame["outcome"] != "aborted")]
    failed = frame["outcome"].isin(["timeout", "failed"]).to_numpy(dtype=np.bool_)
    cause = frame["cause"].astype(object)
    far = frame["delay_s"].to_numpy(dtype=np.float64)
    far_half = far >= np.median(far[far > 0]) if (far > 0).any() else np.zeros(len(far), dtype=np.bool_)
    known = frame["server_instance"].notna().to_numpy(dtype=np.bool_)
    p_values = {
        "latency": _correlation(frame["duration_s"].to_numpy(dtype=np.float64), failed),
        "platform": _chi_square(frame["platform"], failed),
        "platform_x_latency": _chi_square(frame["platform"][far_half], failed[far_half]),
        "client": _chi_square(frame["client"], failed),
        "client_loop": _correlation(frame["loop_lag_s"].to_numpy(dtype=np.float64), failed),
        "server": _chi_square(frame["server_instance"][known], failed[known]),
    }
    found: dict[str, State] = {
        claim: "confirmed" if p_value < ALPHA else "ruled_out" for claim, p_value in p_values.items()
    }
    found["intermittent"] = "confirmed" if failed.any() and not failed.all() else "ruled_out"
    found["auth"] = "confirmed" if (cause == "auth_rejected").any() else "ruled_out"
    found["format"] = "confirmed" if cause.isin(["malformed", "subprotocol"]).any() else "ruled_out"
    if cause.isin(["server_error", "server_closed", "refused"]).any():
        found["server"] = "confirmed"
    return {claim: found.get(claim, "undecided") for claim in registry.names()}


def _chi_square(group: Any, failed: Bools) -> float:
    codes: Ints = np.unique(group.astype(str).to_numpy(), return_inverse=True)[1].astype(np.int64)
    if len(codes) == 0:
        return 1.0
    table = np.array([np.bincount(codes, weights=failed), np.bincount(codes, weights=~failed)])
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    return float(stats.chi2_contingency(table).pvalue)


def _correlation(values: npt.NDArray[np.float64], failed: Bools) -> float:
    """One-sided p-value for "failing attempts have higher values" (point-biserial)."""
    known = ~np.isnan(values)
    if failed[known].all() or not failed[known].any() or np.ptp(values[known]) == 0:
        return 1.0
    return float(stats.pearsonr(values[known], failed[known].astype(float), alternative="greater").pvalue)
