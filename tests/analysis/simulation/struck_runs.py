"""Simulated runs that one mechanism strikes, as their rows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.simulate import chunks
from analysis.simulation.world import World

HELD: Mapping[str, Any] = {"rows": 24_000, "minutes": 40, "session_s": 120.0, "pace_s": 6.0, "seed": 3}


def struck_by(mechanism: Mechanism, **given: Any) -> pd.DataFrame:
    where = World(name="x", title="x", mechanisms=lambda design: (mechanism,), base_risk=0.0)
    frame: pd.DataFrame = pd.concat([chunk.to_pandas() for chunk in chunks(where, where.design(**{**HELD, **given}))])
    return frame.assign(bad=frame["outcome"].isin(["timeout", "failed"]))


def holds(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["kind"] == "hold"]
