"""Figure of the load generators' vitals: loop lag and CPU over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction.overview import BUSY_CPU
from analysis.reduction.thresholds import BLOCKED_LAG_S
from analysis.report.figures.theme import AMBER, colours, dress, empty

if TYPE_CHECKING:
    import plotly.graph_objects as go


_MOST_WORKERS: Final = 8  # more lines cannot be followed; beyond it, only the worst worker of each second
_MOST_POINTS: Final = 400  # a point for every second or third pixel


def generator_vitals(health: pd.DataFrame) -> go.Figure:
    """Loop lag and CPU of the load generators over time, with the limits of a healthy one.

    Args:
        health: `dataset.health_frame`.
    """
    from plotly.subplots import make_subplots

    if health.empty:
        return empty("The run holds no health rows: the load generators' vitals over time are unknown.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09)
    seconds = (health["at"] - health["at"].min()).dt.total_seconds()
    # The worst moment of each interval is drawn, so that a spike stays a spike however long the run was.
    width_s = max(1, math.ceil(seconds.max() / _MOST_POINTS))
    frame = health.assign(slot=(seconds // width_s).astype("int64") * width_s)
    many = frame["worker"].nunique() > _MOST_WORKERS
    frame["line"] = f"worst of {frame['worker'].nunique()} workers" if many else frame["worker"].astype(str).str[:12]
    worst = frame.groupby(["line", "slot"])[["loop_lag_s", "cpu"]].max().reset_index()
    worst["at"] = health["at"].min().floor("s") + pd.to_timedelta(worst["slot"], unit="s")
    series = [(str(line), rows) for line, rows in worst.groupby("line")]
    palette = colours(name for name, _ in series)
    for name, rows in series:
        for row, column, unit in ((1, "loop_lag_s", " s"), (2, "cpu", " of a core")):
            if rows[column].notna().any():
                figure.add_scatter(
                    x=rows["at"].dt.strftime("%Y-%m-%d %H:%M:%S").tolist(),
                    y=rows[column].round(4).tolist(),
                    name=name,
                    legendgroup=name,
                    showlegend=row == 1,
                    mode="lines",
                    line={"color": palette[name], "width": 1.5},
                    hovertemplate=f"%{{y:.3f}}{unit}<br>%{{x|%H:%M:%S}}<extra>{name}</extra>",
                    row=row,
                    col=1,
                )
    for row, limit in ((1, BLOCKED_LAG_S), (2, BUSY_CPU)):
        figure.add_hline(y=limit, line={"color": AMBER, "width": 1.5, "dash": "dash"}, row=row, col=1)
    dress(figure, height=360)
    figure.update_yaxes(title_text="loop lag, s", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="CPU, cores", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title_text="time of day (UTC); dashed: the limit", row=2, col=1)
    return figure
