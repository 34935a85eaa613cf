"""Figures of the attempts: outcomes, phases, latency and the load generators' vitals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction.log_bins import DURATION_BINS_PER_DECADE, RTT_BINS_PER_DECADE, middle_s
from analysis.reduction.overview import (
    BUSY_CPU,
)
from analysis.reduction.thresholds import BLOCKED_LAG_S, PHASES
from analysis.report.figures.latency_curve import unanswered
from analysis.report.figures.theme import (
    AMBER,
    CAUSE_COLOURS,
    GREY,
    PALE,
    PHASE_COLOURS,
    RED,
    add_rates,
    colours,
    dress,
    empty,
    faded,
    log_axis,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_WORKERS: Final = 8  # more lines cannot be followed; beyond it, only the worst worker of each second
_SHORTEST_PHASE_S: Final = 0.0005  # under half a millisecond a bar has no width
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
_MOST_POINTS: Final = 400  # a point for every second or third pixel
_MOST_SLOTS: Final = 10_000  # a year of hours; a bar each is what a browser still draws
_FEWEST_IN_BIN: Final = 50  # a share of fewer attempts than this is drawn as noise, so not at all


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
        return empty("No attempt was made, so there are no outcomes to show.")
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
    if bad.empty:
        return empty("Every connect that ran to its end succeeded.")
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


def latency_distribution(durations: pd.DataFrame) -> go.Figure:
    """Share of attempts without a good answer by the time waited, for each platform and client.

    Connects on the left, exchanges on the right. Timeouts are censored at their budget (a cross), failures
    never count as answered.

    Args:
        durations: `Overview.durations`.
    """
    from plotly.subplots import make_subplots

    kinds = [kind for kind in ("connect", "exchange") if (durations["kind"] == kind).any()]
    if not kinds:
        return empty("No attempt ran to its end, so there is no latency to show.")
    figure = make_subplots(rows=1, cols=len(kinds), subplot_titles=kinds, horizontal_spacing=0.09)
    palette = colours(durations["platform"])
    dashes = dict(zip(sorted(durations["client"].unique()), _DASHES, strict=False))
    named: set[str] = set()
    for col, kind in enumerate(kinds, start=1):
        rows = durations[durations["kind"] == kind]
        lowest = 1.0
        for (platform, client), group in rows.groupby(["platform", "client"], observed=True):
            curve, name, colour = unanswered(group), f"{platform} · {client}", palette[str(platform)]
            # The line falls to half an attempt where the last one was answered: a logarithm has no zero.
            floor = 0.5 / int(curve["at_risk"].iloc[0])
            height = curve["unanswered"].clip(lower=floor)
            lowest = min(lowest, float(height.min()))
            figure.add_scatter(
                x=curve["seconds"].tolist(),
                y=height.tolist(),
                name=name,
                legendgroup=name,
                showlegend=name not in named,
                mode="lines",
                line={"color": colour, "width": 2, "shape": "hv", "dash": dashes.get(str(client), "solid")},
                customdata=list(zip(curve["unanswered"], curve["at_risk"], strict=True)),
                hovertemplate="after %{x:.3g} s: %{customdata[0]:.2%} unanswered, %{customdata[1]} still waited"
                f"<extra>{name}</extra>",
                row=1,
                col=col,
            )
            named.add(name)
            cut = curve["censored"] > 0
            figure.add_scatter(
                x=curve.loc[cut, "seconds"].tolist(),
                y=height[cut].tolist(),
                legendgroup=name,
                showlegend=False,
                mode="markers",
                marker={"symbol": "x-thin", "size": 9, "line": {"color": colour, "width": 2}},
                customdata=curve.loc[cut, "censored"].tolist(),
                hovertemplate=f"%{{customdata}} timed out at %{{x:.3g}} s<extra>{name}</extra>",
                row=1,
                col=col,
            )
        seconds = middle_s(rows["bin"], DURATION_BINS_PER_DECADE)
        figure.update_xaxes(title_text="seconds waited", **log_axis(seconds.min(), seconds.max()), row=1, col=col)
        figure.update_yaxes(**log_axis(lowest, 1.0, percent=True), row=1, col=col)
    figure.update_yaxes(title_text="share not answered", row=1, col=1)
    dress(figure, height=400)
    figure.update_layout(margin={"t": 74}, legend={"y": 1.1})
    return figure


def timeouts_by_rtt(rtt: pd.DataFrame) -> go.Figure:
    """Share of attempts that timed out, by the network round trip known before they did.

    Args:
        rtt: `Overview.rtt`.
    """
    import plotly.graph_objects as go

    if rtt.empty:
        return empty("The round trip to the target was not measured (rtt_s is null everywhere).")
    figure = go.Figure()
    palette = colours(rtt["platform"])
    # Two bins of the table are one band here: enough attempts in each for a share.
    bands = rtt.assign(bin=rtt["bin"] // 2)
    bins = bands.groupby(["platform", "bin"], observed=True)[["n", "timeouts"]].sum().reset_index()
    bins = bins[bins["n"] >= _FEWEST_IN_BIN]
    if bins.empty:
        return empty(f"No band of round trips has {_FEWEST_IN_BIN} attempts.")
    for platform, group in bins.groupby("platform", observed=True):
        add_rates(
            figure,
            x=(middle_s(group["bin"], RTT_BINS_PER_DECADE // 2) * 1e3).tolist(),
            events=group["timeouts"].tolist(),
            n=group["n"].tolist(),
            name=str(platform),
            colour=palette[str(platform)],
            unit="ms round trip",
        )
    dress(figure, height=340)
    shown_ms = middle_s(bins["bin"], RTT_BINS_PER_DECADE // 2) * 1e3
    figure.update_xaxes(
        title_text="round trip before the attempt, milliseconds", **log_axis(shown_ms.min(), shown_ms.max())
    )
    figure.update_yaxes(title_text="share timed out", tickformat=".2~%", rangemode="tozero")
    return figure


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


def _spans(slots: Sequence[int], slot_s: int) -> list[tuple[int, int]]:
    """Neighbouring slots joined: (first, last)."""
    spans: list[tuple[int, int]] = []
    for slot in slots:
        if spans and slot - spans[-1][1] == slot_s:
            spans[-1] = (spans[-1][0], slot)
        else:
            spans.append((slot, slot))
    return spans
