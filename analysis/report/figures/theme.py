"""The look of all figures: colours that hold on light and on dark paper, one colour for one thing everywhere."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from analysis.stats.rates import clopper_pearson

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's colours (distinguishable without red-green sight), moved to a middle lightness.
BLUE: Final = "#3b8fd6"
ORANGE: Final = "#e07b26"
GREEN: Final = "#17a67c"
PURPLE: Final = "#a56cc1"
AMBER: Final = "#d6a10f"
RED: Final = "#d9483b"
SKY: Final = "#58b8dd"
PINK: Final = "#d4709f"
GREY: Final = "#8b95a3"
PALE: Final = "rgba(139,149,163,0.28)"
GRID: Final = "rgba(139,149,163,0.22)"
# Between black and white: legible on both until the page sets its own.
INK: Final = "#7d8896"

_CYCLE: Final = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, PINK, RED, GREY)
STATE_COLOURS: Final[Mapping[str, str]] = {"confirmed": PURPLE, "ruled_out": GREY, "undecided": AMBER}
PHASE_COLOURS: Final[Mapping[str, str]] = {
    "dns": GREY,
    "tcp": SKY,
    "tls": BLUE,
    "upgrade": PURPLE,
    "welcome": GREEN,
    "exchange": AMBER,
    "hold": PINK,
    "close": GREY,
}
CAUSE_COLOURS: Final[Mapping[str, str]] = {
    "silent_peer": ORANGE,
    "server_error": RED,
    "server_closed": PINK,
    "http_status": PURPLE,
    "auth_rejected": AMBER,
    "malformed": SKY,
    "subprotocol": SKY,
    "reset": BLUE,
    "refused": BLUE,
    "unreachable": BLUE,
    "dns": GREEN,
    "tls": GREEN,
    "local_resource": GREY,
    "harness": GREY,
}
_MANY_DECADES: Final = 1000
_PLATFORM_COLOURS: Final[Mapping[str, str]] = {"Windows": BLUE, "Linux": ORANGE, "macOS": GREEN}


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour for each name, the same for the same set of names; platforms keep theirs."""
    ordered = sorted(set(names))
    chosen = {name: _PLATFORM_COLOURS[name] for name in ordered if name in _PLATFORM_COLOURS}
    free = [colour for colour in _CYCLE if colour not in chosen.values()] or list(_CYCLE)
    others = [name for name in ordered if name not in chosen]
    return chosen | {name: free[index % len(free)] for index, name in enumerate(others)}


def faded(colour: str, opacity: float) -> str:
    """A hex colour with an opacity, as CSS."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


@functools.cache
def _look() -> go.layout.Template:
    """What all figures share. A template: set on every figure, each of these would be validated on every figure."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": GRID,
        "automargin": True,
        "ticks": "",
        "title": {"font": {"size": 12}},
    }
    return go.layout.Template(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13, "color": INK},
            "colorway": list(_CYCLE),
            # Above the axes: below them it would cover the axis title of a low figure.
            "legend": {
                "orientation": "h",
                "y": 1,
                "yanchor": "bottom",
                "x": 0,
                "bgcolor": "rgba(0,0,0,0)",
                "font": {"size": 12},
            },
            "hoverlabel": {"font": {"size": 12}},
            "hovermode": "closest",
            # Where nothing hovers (a phone, a screenshot) the tools are always shown: not as a dark box.
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
            "xaxis": axis,
            "yaxis": axis,
        }
    )


def dress(figure: go.Figure, *, height: int = 340, legend: bool = True) -> go.Figure:
    """Give a figure the common look; the caller's own settings stay."""
    margin = {"l": 64, "r": 20, "t": 34 if legend else 10, "b": 48}
    figure.update_layout(template=_look(), height=height, margin=margin, showlegend=legend)
    return figure


def log_axis(low: float, high: float, *, percent: bool = False) -> dict[str, object]:
    """A logarithmic axis over positive values, with ticks at 1, 2 and 5 (over three decades or more: at 1).

    Args:
        low: The smallest value to show.
        high: The largest.
        percent: Values are ratios, to be written in percent.
    """
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low >= _MANY_DECADES else (1, 2, 5)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return {
        "type": "log",
        "range": [math.log10(low) - 0.05, math.log10(high) + 0.05],
        "tickvals": ticks,
        "ticktext": [f"{100 * tick:g} %" if percent else f"{tick:g}" for tick in ticks],
    }


def empty(message: str, *, height: int = 150) -> go.Figure:
    """A figure that says what is missing, where there is nothing to draw."""
    import plotly.graph_objects as go

    figure = dress(go.Figure(), height=height, legend=False)
    figure.update_layout(margin={"l": 10, "r": 10, "t": 10, "b": 10})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    # Plotly does not wrap: a card half the page wide holds so many characters.
    lines = "<br>".join(textwrap.wrap(message, width=52))
    figure.add_annotation(text=lines, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    return figure


def add_rates(
    figure: go.Figure,
    *,
    x: Sequence[float],
    events: Sequence[int],
    n: Sequence[int],
    name: str,
    colour: str,
    unit: str,
) -> None:
    """Points of events per attempt with exact binomial intervals (independent attempts: for the eye)."""
    ratio = [event / count for event, count in zip(events, n, strict=True)]
    bounds = [clopper_pearson(event, count) for event, count in zip(events, n, strict=True)]
    figure.add_scatter(
        x=x,
        y=ratio,
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 1.5},
        marker={"color": colour, "size": 8},
        error_y=error_bars(ratio, bounds, colour),
        customdata=list(zip(events, n, strict=True)),
        hovertemplate=f"%{{y:.2%}} (%{{customdata[0]}} of %{{customdata[1]}}) at %{{x:.3g}} {unit}"
        f"<extra>{name}</extra>",
    )


def error_bars(values: Sequence[float], bounds: Sequence[tuple[float, float]], colour: str) -> dict[str, object]:
    """Plotly's error bars from each value to its (low, high)."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - value) for value, (_, high) in zip(values, bounds, strict=True)],
        "arrayminus": [max(0.0, value - low) for value, (low, _) in zip(values, bounds, strict=True)],
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }
