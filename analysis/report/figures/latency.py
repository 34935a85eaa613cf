"""Figures of latency: how long attempts waited for an answer, and which timed out by their round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction.log_bins import DURATION_BINS_PER_DECADE, RTT_BINS_PER_DECADE, middle_s
from analysis.report.figures.latency_curve import unanswered
from analysis.report.figures.theme import add_rates, colours, dress, empty, log_axis

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
_FEWEST_IN_BIN: Final = 50  # a share of fewer attempts than this is drawn as noise, so not at all


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
            name = f"{platform} · {client}"
            line = {"color": palette[str(platform)], "dash": dashes.get(str(client), "solid")}
            lowest = min(lowest, _add_curve(figure, unanswered(group), name, line, col=col, is_named=name in named))
            named.add(name)
        seconds = middle_s(rows["bin"], DURATION_BINS_PER_DECADE)
        figure.update_xaxes(title_text="seconds waited", **log_axis(seconds.min(), seconds.max()), row=1, col=col)
        figure.update_yaxes(**log_axis(lowest, 1.0, percent=True), row=1, col=col)
    figure.update_yaxes(title_text="share not answered", row=1, col=1)
    dress(figure, height=400)
    figure.update_layout(margin={"t": 74}, legend={"y": 1.1})
    return figure


def _add_curve(
    figure: go.Figure, curve: pd.DataFrame, name: str, line: dict[str, str], *, col: int, is_named: bool
) -> float:
    """One cohort's share without a good answer, and crosses where it was cut; the lowest point that is drawn."""
    # The line falls to half an attempt where the last one was answered: a logarithm has no zero.
    height = curve["unanswered"].clip(lower=0.5 / int(curve["at_risk"].iloc[0]))
    figure.add_scatter(
        x=curve["seconds"].tolist(),
        y=height.tolist(),
        name=name,
        legendgroup=name,
        showlegend=not is_named,
        mode="lines",
        line={"color": line["color"], "width": 2, "shape": "hv", "dash": line["dash"]},
        customdata=list(zip(curve["unanswered"], curve["at_risk"], strict=True)),
        hovertemplate="after %{x:.3g} s: %{customdata[0]:.2%} unanswered, %{customdata[1]} still waited"
        f"<extra>{name}</extra>",
        row=1,
        col=col,
    )
    cut = curve["censored"] > 0
    figure.add_scatter(
        x=curve.loc[cut, "seconds"].tolist(),
        y=height[cut].tolist(),
        legendgroup=name,
        showlegend=False,
        mode="markers",
        marker={"symbol": "x-thin", "size": 9, "line": {"color": line["color"], "width": 2}},
        customdata=curve.loc[cut, "censored"].tolist(),
        hovertemplate=f"%{{customdata}} timed out at %{{x:.3g}} s<extra>{name}</extra>",
        row=1,
        col=col,
    )
    return float(height.min())


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
