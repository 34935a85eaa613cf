"""Figure of the product's question: who times out at which latency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.report.figures.theme import colours, dress, empty, error_bars

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS: Final = ("circle", "square", "diamond", "circle-open", "square-open")
# Neighbours at one delay stand apart by this share of the axis, so that their intervals can be told apart.
_APART: Final = 0.012


def timeouts_by_latency(cohorts: pd.DataFrame) -> go.Figure:
    """Share of attempts that timed out by the delay added, a line for each platform and client.

    Args:
        cohorts: A row a platform, delay and client: `platform`, `delay_s`, `client`, `n`, `timeouts`, `share`, `low`,
            `high`.
    """
    import plotly.graph_objects as go

    if cohorts.empty:
        return empty("There are no attempts to compare.")
    delays_ms = sorted({1000 * delay for delay in cohorts["delay_s"]})
    width = max(delays_ms[-1] - delays_ms[0], 1.0)
    palette = colours(cohorts["platform"].astype(str))
    # A library has the same line on every platform, though it may run on another loop there.
    clients = {str(one): sorted(group["client"].astype(str).unique()) for one, group in cohorts.groupby("platform")}
    figure = go.Figure()
    groups = list(cohorts.groupby(["platform", "client"], sort=True))
    for number, ((platform, client), group) in enumerate(groups):
        place = clients[str(platform)].index(str(client)) % len(_DASHES)
        colour, name = palette[str(platform)], f"{platform} · {client}"
        share = group["share"].tolist()
        aside = (number - (len(groups) - 1) / 2) * _APART * width
        figure.add_scatter(
            x=[1000 * delay + aside for delay in group["delay_s"]],
            y=share,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 1.5, "dash": _DASHES[place]},
            marker={"color": colour, "size": 8, "symbol": _SYMBOLS[place]},
            error_y=error_bars(share, list(zip(group["low"], group["high"], strict=True)), colour),
            customdata=list(zip(group["timeouts"], group["n"], 1000 * group["delay_s"], strict=True)),
            hovertemplate="%{y:.2%} (%{customdata[0]} of %{customdata[1]}) with %{customdata[2]:g} ms added"
            f"<extra>{name}</extra>",
        )
    dress(figure, height=400 + 18 * (len(groups) // 2))
    title = "milliseconds added to the round trip (bars: 95 % intervals)"
    figure.update_xaxes(title_text=title, tickvals=delays_ms, ticktext=[f"{delay:g}" for delay in delays_ms])
    figure.update_yaxes(title_text="share timed out", tickformat=".2~%", rangemode="tozero")
    return figure
