"""Simulated runs as their rows, and these by kind and side."""

from typing import Any

import pandas as pd

from analysis.simulation.simulate import simulate_rows

SUSPECT, OTHER = "Windows", "Linux"


def drawn(world: str = "healthy", **given: Any) -> pd.DataFrame:
    rows: pd.DataFrame = simulate_rows(world, **{"rows": 20_000, "minutes": 30, "seed": 5, **given}).to_pandas()
    return rows


def of_kind(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    return frame[frame["kind"] == kind]


def by_side(frame: pd.DataFrame, values: pd.Series) -> dict[str, float]:
    means = values.groupby(frame["platform"], observed=True).mean()
    return {str(side): mean for side, mean in means.items()}
