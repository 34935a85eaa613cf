"""Figures of the claims: all on one scale, and the numbers that they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from analysis.claims import registry
from analysis.model import CauseShare, Effect, Finding
from analysis.reduction.log_bins import RTT_BINS_PER_DECADE, middle_s
from analysis.report.figures.theme import (
    AMBER,
    BLUE,
    GREY,
    PALE,
    RED,
    STATE_COLOURS,
    add_rates,
    colours,
    dress,
    empty,
    error_bars,
    faded,
    log_axis,
)
from analysis.report.wording import state_word
from analysis.stats.rates import clopper_pearson

if TYPE_CHECKING:
    import plotly.graph_objects as go


def _title(name: str) -> str:
    """Of a claim; a cause that is no claim keeps its name."""
    return registry.titles().get(name, name)


def claims_on_one_scale(claims: Mapping[str, Finding], *, margin: float) -> go.Figure:
    """Each claim's effect with its interval, and the margin inside which an effect does not matter.

    Args:
        claims: `Decision.claims`.
        margin: Equivalence margin, an absolute risk.
    """
    import plotly.graph_objects as go

    drawn = [(name, finding, finding.effect) for name, finding in claims.items() if _is_drawable(finding.effect)]
    if not drawn:
        return empty("No claim has an effect that could be estimated.")
    figure = go.Figure()
    figure.add_vrect(x0=-100 * margin, x1=100 * margin, fillcolor=PALE, line_width=0, layer="below")
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    for state in ("confirmed", "ruled_out", "undecided"):
        rows = [(name, effect) for name, finding, effect in drawn if finding.state == state and effect is not None]
        if not rows:
            continue
        estimates = [100 * (effect.estimate or 0.0) for _, effect in rows]
        bounds = [
            (100 * _or(effect.low, effect.estimate), 100 * _or(effect.high, effect.estimate)) for _, effect in rows
        ]
        figure.add_scatter(
            x=estimates,
            y=[_title(name) for name, _ in rows],
            name=state_word(state),
            mode="markers",
            marker={
                "color": STATE_COLOURS[state],
                "size": 12,
                "symbol": {"confirmed": "diamond", "ruled_out": "circle", "undecided": "circle-open"}[state],
                "line": {"width": 2, "color": STATE_COLOURS[state]},
            },
            error_x=error_bars(estimates, bounds, STATE_COLOURS[state]),
            customdata=[[low, high, effect.name] for (low, high), (_, effect) in zip(bounds, rows, strict=True)],
            hovertemplate="%{customdata[2]} %{x:+.2f} points (%{customdata[0]:+.2f} to %{customdata[1]:+.2f})"
            "<extra>%{y}</extra>",
        )
    for name in claims.keys() - {name for name, _, _ in drawn}:
        figure.add_annotation(
            x=0,
            y=_title(name),
            text="not estimated",
            showarrow=False,
            xanchor="left",
            font={"size": 11},
        )
    dress(figure, height=130 + 34 * len(claims))
    order = [_title(name) for name in claims]
    band = f"effect, percent points (95 % interval); shaded: ±{100 * margin:g} points, too small to matter"
    edges = [bound for _, _, effect in drawn if effect for bound in (effect.estimate, effect.low, effect.high)]
    low, high = (100 * pick([_or(edge, 0.0) for edge in edges]) for pick in (min, max))
    low, high = min(low, -160 * margin), max(high, 160 * margin)
    figure.update_xaxes(title_text=band, zeroline=False, range=[low - 0.04 * (high - low), high + 0.04 * (high - low)])
    figure.update_yaxes(
        categoryorder="array", categoryarray=order[::-1], showgrid=False, range=[-0.6, len(order) - 0.4]
    )
    return figure


def risk_by_delay(cells: pd.DataFrame, *, spared: str = "", spared_way: str = "") -> go.Figure:
    """Risk that is not explained otherwise, by the delay that was dealt to the connection, per platform.

    Args:
        cells: `Tables.cells`.
        spared: `Decision.spared`; `spared_way` alike.
        spared_way: See `spared`.
    """
    import plotly.graph_objects as go

    rows = _compared(cells, spared, spared_way)
    if rows.empty or rows["n_clean"].sum() == 0:
        return empty("There are no attempts to compare.")
    if rows["delay_us"].nunique() < 2:
        return empty("Only one delay was dealt: without arms the effect of latency cannot be told from the rest.")
    figure = go.Figure()
    palette = colours(rows["platform"])
    for platform, group in rows.groupby("platform", observed=True):
        arms = group.groupby("delay_us")[["unexplained", "n_clean"]].sum()
        arms = arms[arms["n_clean"] > 0]
        add_rates(
            figure,
            x=[delay / 1e3 for delay in arms.index],
            events=arms["unexplained"].tolist(),
            n=arms["n_clean"].tolist(),
            name=str(platform),
            colour=palette[str(platform)],
            unit="ms added",
        )
    dress(figure, height=320)
    figure.update_xaxes(title_text="added round trip, milliseconds")
    figure.update_yaxes(title_text="share failed", tickformat=".2~%", rangemode="tozero")
    return figure


def peer_checks(cells: pd.DataFrame) -> go.Figure:
    """What came of the ping that followed each silent timeout, per platform and client.

    Args:
        cells: `Tables.cells`.
    """
    import plotly.graph_objects as go

    rows = cells[cells["mitigation"] == "none"]
    sums = rows.groupby(["platform", "client"], observed=True)[["checked", "unanswered", "acknowledged", "late"]].sum()
    sums = sums[sums["checked"] > 0]
    if sums.empty:
        return empty("No peer was asked: no wait ran out in silence on an upgraded connection.")
    labels = [f"{platform} · {client}" for platform, client in sums.index]
    figure = go.Figure()
    # An answer that is late without a check (our own loop read it too late) is among `late`.
    others = (sums["checked"] - sums["unanswered"] - sums["late"]).clip(lower=0)
    shares = (
        ("the server had it and kept silent", sums["unanswered"] - sums["acknowledged"], RED),
        ("only its kernel acknowledged", sums["acknowledged"], BLUE),
        ("the answer was on its way", sums["late"], AMBER),
        ("no pong, or one that was held up", others, GREY),
    )
    for name, counts, colour in shares:
        figure.add_bar(
            x=counts.tolist(),
            y=labels,
            name=name,
            orientation="h",
            marker_color=colour,
            hovertemplate=f"%{{x}} timeouts<extra>{name}</extra>",
        )
    dress(figure, height=140 + 34 * len(labels))
    figure.update_layout(barmode="stack", margin_l=190)
    figure.update_xaxes(title_text="silent timeouts")
    return figure


def _compared(cells: pd.DataFrame, spared: str, spared_way: str) -> pd.DataFrame:
    """The cells that comparisons use, with the failures that are nobody's yet (`cells.Cells.unexplained`)."""
    rows = cells[cells["mitigation"] == "none"]
    proven = (0 if spared else rows["unanswered"]) + (0 if spared_way else rows["on_way"])
    return rows.assign(unexplained=rows["residual"] - proven)


def host_estimates(cells: pd.DataFrame, *, spared: str = "", spared_way: str = "") -> go.Figure:
    """A dot a host: its share of failures that are not explained otherwise, with a 95 % interval.

    Args:
        cells: `Tables.cells`.
        spared: `Decision.spared`; `spared_way` alike.
        spared_way: See `spared`.
    """
    import plotly.graph_objects as go

    rows = _compared(cells, spared, spared_way)
    if rows.empty or rows["n_clean"].sum() == 0:
        return empty("There are no attempts to compare.")
    hosts = rows.groupby(["platform", "host"], observed=True)[["unexplained", "n_clean"]].sum().reset_index()
    hosts = hosts[hosts["n_clean"] > 0].sort_values(["platform", "host"])
    figure = go.Figure()
    palette = colours(hosts["platform"])
    for platform, group in hosts.groupby("platform", observed=True):
        colour = palette[str(platform)]
        ratio = (group["unexplained"] / group["n_clean"]).tolist()
        bounds = [clopper_pearson(x, n) for x, n in zip(group["unexplained"], group["n_clean"], strict=True)]
        figure.add_scatter(
            x=ratio,
            y=[f"{platform} · {str(host)[:10]}" for host in group["host"]],
            name=str(platform),
            mode="markers",
            cliponaxis=False,
            marker={"color": colour, "size": 10},
            error_x=error_bars(ratio, bounds, colour),
            customdata=group["n_clean"].tolist(),
            hovertemplate="%{x:.2%} of %{customdata} attempts<extra>%{y}</extra>",
        )
        mean = sum(ratio) / len(ratio)
        figure.add_vline(x=mean, line={"color": colour, "width": 1.5, "dash": "dot"})
    dress(figure, height=120 + 26 * len(hosts))
    figure.update_xaxes(title_text="share failed (dotted: mean of the platform's hosts)", tickformat=".3~%")
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def risk_by_instance(instances: pd.DataFrame) -> go.Figure:
    """A dot an instance of the server: the share of the attempts on it that failed, with a 95 % interval.

    Args:
        instances: `Tables.instances`.
    """
    import plotly.graph_objects as go

    if instances.empty or instances["n"].sum() == 0:
        return empty("The server named no instance, in the upgrade's response or in the welcome.")
    sums = (
        instances.groupby(["server_instance", "kind"])[["n", "bad"]].sum().reset_index().sort_values("server_instance")
    )
    figure = go.Figure()
    palette = colours(sums["kind"])
    for kind, group in sums.groupby("kind"):
        ratio = (group["bad"] / group["n"]).tolist()
        bounds = [clopper_pearson(x, n) for x, n in zip(group["bad"], group["n"], strict=True)]
        figure.add_scatter(
            x=ratio,
            y=group["server_instance"].tolist(),
            name=str(kind),
            mode="markers",
            cliponaxis=False,
            marker={"color": palette[str(kind)], "size": 10},
            error_x=error_bars(ratio, bounds, palette[str(kind)]),
            customdata=group["n"].tolist(),
            hovertemplate="%{x:.2%} of %{customdata} " + str(kind) + "s<extra>%{y}</extra>",
        )
    count = sums["server_instance"].nunique()
    dress(figure, height=120 + 30 * count)
    figure.update_xaxes(title_text="share failed", tickformat=".3~%", rangemode="tozero")
    figure.update_yaxes(showgrid=False, autorange="reversed", type="category")
    return figure


def latency_overlap(rtt: pd.DataFrame) -> go.Figure:
    """At which round trips each platform was measured: only where they overlap can they be compared.

    Args:
        rtt: `Overview.rtt`.
    """
    import plotly.graph_objects as go

    if rtt.empty:
        return empty("The round trip to the target was not measured, so overlap cannot be shown.")
    figure = go.Figure()
    palette = colours(rtt["platform"])
    for platform, group in rtt.groupby("platform", observed=True):
        counts = group.groupby("bin")["n"].sum()
        every = counts.reindex(range(int(counts.index.min()) - 1, int(counts.index.max()) + 2), fill_value=0)
        colour = palette[str(platform)]
        figure.add_scatter(
            x=(middle_s(pd.Series(every.index), RTT_BINS_PER_DECADE) * 1e3).tolist(),
            y=(every / every.sum()).tolist(),
            name=str(platform),
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hvh"},
            fill="tozeroy",
            fillcolor=faded(colour, 0.18),
            hovertemplate=f"{platform}: %{{y:.1%}} of its attempts at %{{x:.3g}} ms<extra></extra>",
        )
    dress(figure, height=300)
    shown_ms = middle_s(rtt["bin"], RTT_BINS_PER_DECADE) * 1e3
    figure.update_xaxes(title_text="round trip, milliseconds", **log_axis(shown_ms.min() / 1.3, shown_ms.max() * 1.3))
    figure.update_yaxes(title_text="share of attempts", tickformat=".0%", rangemode="tozero")
    return figure


def cause_shares(causes: Sequence[CauseShare]) -> go.Figure:
    """Each cause's share of all failures, with its interval.

    Args:
        causes: `Decision.causes`.
    """
    import plotly.graph_objects as go

    if not causes:
        return empty("No attempt failed, or no share of a cause could be estimated.")
    figure = go.Figure()
    shares = [cause.share for cause in causes]
    bounds = [(_or(cause.low, cause.share), _or(cause.high, cause.share)) for cause in causes]
    figure.add_bar(
        x=shares,
        y=[_title(cause.name) for cause in causes],
        orientation="h",
        marker={"color": [GREY if cause.name == "unexplained" else BLUE for cause in causes], "line": {"width": 0}},
        error_x=error_bars(shares, bounds, GREY),
        hovertemplate="%{x:.1%} of the failures<extra>%{y}</extra>",
    )
    dress(figure, height=90 + 34 * len(causes), legend=False)
    figure.update_layout(bargap=0.4)
    figure.update_xaxes(title_text="share of all failures (95 % interval)", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _is_drawable(effect: Effect | None) -> bool:
    return effect is not None and effect.estimate is not None


def _or(value: float | None, fallback: float | None) -> float:
    return value if value is not None else fallback if fallback is not None else 0.0
