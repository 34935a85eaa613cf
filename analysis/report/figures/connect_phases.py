"""Figures of the phases of connects: where the good ones spend their time, and where the others ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction.thresholds import PHASES
from analysis.report.figures.theme import CAUSE_COLOURS, GREY, PHASE_COLOURS, dress, empty

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SHORTEST_PHASE_S: Final = 0.0005  # under half a millisecond a bar has no width


def phase_waterfall(phases: pd.DataFrame) -> go.Figure:
    """Where a good connect spends its time: the median of each phase, one after the other.

    Args:
        phases: `Overview.phases`.
    """
    import plotly.graph_objects as go

    if phases.empty:
        return empty("No connect succeeded, so no phase was measured to its end.")
    phases = phases.sort_values(["platform", "client"], ascending=False)
    labels = [f"{platform} · {client}" for platform, client in zip(phases["platform"], phases["client"], strict=True)]
    figure = go.Figure()
    for phase in PHASES:
        median = phases[f"{phase}_p50_s"]
        if median.isna().all() or median.max() < _SHORTEST_PHASE_S:
            continue
        figure.add_bar(
            y=labels,
            x=(median * 1e3).tolist(),
            orientation="h",
            name=phase,
            marker={"color": PHASE_COLOURS[phase], "line": {"width": 0}},
            customdata=(phases[f"{phase}_p95_s"] * 1e3).tolist(),
            hovertemplate=phase + ": median %{x:.1f} ms, 95 % below %{customdata:.1f} ms<extra>%{y}</extra>",
        )
    if not figure.data:
        return empty("The phases of the connects were not measured.")
    dress(figure, height=110 + 44 * len(labels))
    figure.update_layout(barmode="stack", bargap=0.35, legend={"traceorder": "normal"})
    figure.update_xaxes(title_text="milliseconds (sum of the medians)", rangemode="tozero")
    figure.update_yaxes(showgrid=False)
    return figure


def where_connects_ended(timeline: pd.DataFrame) -> go.Figure:
    """In which phase the connects that did not succeed ended, by cause.

    Args:
        timeline: `Overview.timeline`.
    """
    import plotly.graph_objects as go

    bad = timeline[(timeline["kind"] == "connect") & timeline["outcome"].isin(["timeout", "failed"])]
    if bad.empty and not (timeline["kind"] == "connect").any():
        return empty("No connect was tried.")
    if bad.empty:
        return empty("No connect timed out or failed.")
    figure = go.Figure()
    counts = bad.groupby(["phase", "cause"])["n"].sum().reset_index()
    present = [phase for phase in PHASES if (counts["phase"] == phase).any()]
    for cause, rows in counts.groupby("cause"):
        by_phase = rows.set_index("phase")["n"]
        figure.add_bar(
            y=present,
            x=[int(by_phase.get(phase, 0)) for phase in present],
            orientation="h",
            name=str(cause),
            marker={"color": CAUSE_COLOURS.get(str(cause), GREY), "line": {"width": 0}},
            hovertemplate="%{x} " + str(cause) + " in %{y}<extra></extra>",
        )
    dress(figure, height=130 + 36 * len(present))
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title_text="connects that did not succeed", rangemode="tozero")
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure
