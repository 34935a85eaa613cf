"""Figure of outcomes over time: failures by cause, shares by platform, and bursts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.report.figures.theme import CAUSE_COLOURS, GREY, PALE, RED, colours, dress, empty, faded

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_SLOTS: Final = 10_000  # a year of hours; a bar each is what a browser still draws


def outcomes_over_time(timeline: pd.DataFrame, *, slot_s: int, bursts: Sequence[int] = ()) -> go.Figure:
    """Failed attempts by cause, the share that failed on each platform, and all attempts; bursts shaded.

    Args:
        timeline: `Overview.timeline`.
        slot_s: Width of its slots.
        bursts: Slots to shade (`bursts.burst_slots`).
    """
    from plotly.subplots import make_subplots

    rows = timeline[(timeline["kind"] != "probe") & (timeline["outcome"] != "aborted")]
    if rows.empty:
        return empty("No attempt of a session ran to its end, so there are no outcomes to show.")
    slots = _slots_shown(rows["slot"], slot_s)
    when = pd.to_datetime(slots, unit="s", utc=True).strftime("%Y-%m-%d %H:%M:%S")
    bad = rows[rows["outcome"] != "ok"]
    heights = [0.45, 0.33, 0.22] if len(bad) else [1.0]
    figure = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=heights)
    if len(bad):
        _add_causes(figure, bad, slots, when)
        _add_shares(figure, rows, slots, when)
    figure.add_bar(
        x=when,
        y=_per_slot(rows, slots).to_numpy(),
        name="all attempts",
        marker={"color": PALE, "line": {"width": 0}},
        hovertemplate="%{y} attempts<br>%{x|%H:%M:%S}<extra></extra>",
        row=len(heights),
        col=1,
    )
    for first, last in _spans(sorted(bursts), slot_s):
        x0, x1 = (pd.Timestamp(moment - slot_s / 2, unit="s", tz="UTC") for moment in (first, last + slot_s))
        figure.add_vrect(x0=x0, x1=x1, fillcolor=faded(RED, 0.13), line_width=0, layer="below", row=1, col=1)
    if bursts:
        square = {"symbol": "square", "size": 11, "color": faded(RED, 0.3)}
        figure.add_scatter(x=[None], y=[None], name="burst", mode="markers", marker=square, row=1, col=1)
    dress(figure, height=480 if len(bad) else 230)
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_yaxes(title_text="attempts", rangemode="tozero", row=len(heights), col=1)
    figure.update_xaxes(title_text="time of day (UTC)", row=len(heights), col=1)
    if len(bad):
        figure.update_yaxes(title_text=f"failed / {slot_s} s", rangemode="tozero", row=1, col=1)
        figure.update_yaxes(title_text="share failed", tickformat=".2~%", rangemode="tozero", row=2, col=1)
    else:
        figure.update_xaxes(title_text="time of day (UTC); no attempt failed")
    return figure


def _add_causes(figure: go.Figure, bad: pd.DataFrame, slots: pd.Index[int], when: pd.Index[str]) -> None:
    """Row 1: failed attempts, a colour a cause, the most frequent at the bottom."""
    for cause in bad.groupby("cause")["n"].sum().sort_values(ascending=False).index:
        figure.add_bar(
            x=when,
            y=_per_slot(bad[bad["cause"] == cause], slots).to_numpy(),
            name=str(cause),
            marker={"color": CAUSE_COLOURS.get(str(cause), GREY), "line": {"width": 0}},
            hovertemplate="%{y} " + str(cause) + "<br>%{x|%H:%M:%S}<extra></extra>",
            row=1,
            col=1,
        )


def _add_shares(figure: go.Figure, rows: pd.DataFrame, slots: pd.Index[int], when: pd.Index[str]) -> None:
    """Row 2: the share that failed on each platform; a gap where it made no attempt."""
    palette = colours(rows["platform"])
    for platform, cohort in rows.groupby("platform", observed=True):
        totals = _per_slot(cohort, slots)
        failures = _per_slot(cohort[cohort["outcome"] != "ok"], slots)
        figure.add_scatter(
            x=when,
            y=(failures / totals.where(totals > 0)).to_numpy(),
            name=f"{platform}: share failed",
            mode="lines",
            line={"color": palette[str(platform)], "width": 2},
            hovertemplate=f"{platform}: %{{y:.2%}} failed<br>%{{x|%H:%M:%S}}<extra></extra>",
            row=2,
            col=1,
        )


def _slots_shown(slots: pd.Series[int], slot_s: int) -> pd.Index[int]:
    """All slots from the first to the last; of too many only those with attempts: one clock may be years off."""
    every = range(int(slots.min()), int(slots.max()) + 1, slot_s)
    return pd.Index(every if len(every) <= _MOST_SLOTS else sorted(slots.unique()))


def _per_slot(rows: pd.DataFrame, slots: pd.Index[int]) -> pd.Series[int]:
    return rows.groupby("slot")["n"].sum().reindex(slots, fill_value=0)


def _spans(slots: Sequence[int], slot_s: int) -> list[tuple[int, int]]:
    """Neighbouring slots joined: (first, last)."""
    spans: list[tuple[int, int]] = []
    for slot in slots:
        if spans and slot - spans[-1][1] == slot_s:
            spans[-1] = (spans[-1][0], slot)
        else:
            spans.append((slot, slot))
    return spans
