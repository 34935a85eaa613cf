"""One series of a figure, `scatter` or `bar`, drawn on Matplotlib's axes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from analysis.report.stills.paint import colour_of, dash_of, symbol_of, text_of
from analysis.report.stills.places import Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FILLED: Final[dict[str, Literal["post", "pre", "mid"]]] = {"hv": "post", "vh": "pre", "hvh": "mid"}
_STEPS: Final = {"hv": "steps-post", "vh": "steps-pre", "hvh": "steps-mid"}
# Plotly's pixels are two thirds of a point in a picture of this size.
_POINTS: Final = 0.7
_BAR: Final = 0.65


def add_trace(axes: Axes, trace: dict[str, Any], x: Places, y: Places, stacked: dict[tuple[str, Any], float]) -> None:
    """Draw one series.

    Args:
        axes: Where.
        trace: As Plotly's JSON has it.
        x: Places of its values.
        y: Alike.
        stacked: How high bars are stacked by now, by direction and place; added to.

    Raises:
        ValueError: It is a kind of series that no still picture is made of.
    """
    if trace["type"] == "scatter":
        _add_scatter(axes, trace, x, y)
    elif trace["type"] == "bar":
        _add_bars(axes, trace, x, y, stacked)
    else:
        raise ValueError(f"no still picture is made of {trace['type']!r}: it knows scatter and bar")


def _add_scatter(axes: Axes, trace: dict[str, Any], x: Places, y: Places) -> None:
    across, up = x.of(trace.get("x") or ()), y.of(trace.get("y") or ())
    line, marker, mode = trace.get("line") or {}, trace.get("marker") or {}, trace.get("mode") or "lines"
    colour = colour_of(str(line.get("color") or marker.get("color") or "#888888"))
    look: dict[str, Any] = {"linestyle": "none", "color": colour}
    if "lines" in mode:
        step = _STEPS.get(line.get("shape") or "", "default")
        look |= {"linestyle": dash_of(line.get("dash")), "linewidth": _POINTS * line.get("width", 2)}
        look |= {"drawstyle": step}
    if "markers" in mode:
        symbol, is_full = symbol_of(marker.get("symbol"))
        look |= {"marker": symbol, "markersize": _POINTS * marker.get("size", 6), "clip_on": False}
        look |= {} if is_full else {"markerfacecolor": "none"}
        edge = (marker.get("line") or {}).get("color") or marker.get("color")
        look |= {"markeredgecolor": colour_of(str(edge or "#888888"))}
    label = text_of(trace.get("name")) if trace.get("name") and trace.get("showlegend") is not False else None
    axes.plot(across, up, label=label, **look)
    if trace.get("fill") == "tozeroy":
        axes.fill_between(
            across, up, step=_FILLED.get(line.get("shape") or ""), color=colour_of(trace["fillcolor"]), linewidth=0
        )
    _add_errors(axes, trace, across, up)


def _add_bars(axes: Axes, trace: dict[str, Any], x: Places, y: Places, stacked: dict[tuple[str, Any], float]) -> None:
    is_flat = trace.get("orientation") == "h"
    lengths = [0.0 if value is None else float(value) for value in trace.get("x" if is_flat else "y") or ()]
    places = (y if is_flat else x).of(trace.get("y" if is_flat else "x") or ())
    colours = (trace.get("marker") or {}).get("color")
    colour: Any = [colour_of(one) for one in colours] if isinstance(colours, list) else colour_of(str(colours))
    keys = [("h" if is_flat else "v", place) for place in places]
    from_ = [stacked.get(key, 0.0) for key in keys]
    for key, length in zip(keys, lengths, strict=True):
        stacked[key] = stacked.get(key, 0.0) + length
    label = text_of(trace.get("name")) if trace.get("name") else None
    if is_flat:
        axes.barh(places, lengths, left=from_, height=_BAR, color=colour, label=label)
        _add_errors(axes, trace, lengths, places)
    else:
        axes.bar(places, lengths, bottom=from_, width=_apart(places), color=colour, label=label)


def _apart(places: list[Any]) -> Any:
    """How wide a bar is that touches its neighbours."""
    if len(places) < 2:
        return np.timedelta64(1, "s") if places and isinstance(places[0], np.datetime64) else _BAR
    return min(b - a for a, b in itertools.pairwise(places))


def _add_errors(axes: Axes, trace: dict[str, Any], across: list[Any], up: list[Any]) -> None:
    for name in ("x", "y"):
        bars = trace.get(f"error_{name}")
        if bars:
            sides = [bars["arrayminus"], bars["array"]]
            shape: dict[str, Any] = {f"{name}err": sides, "ecolor": colour_of(bars["color"])}
            axes.errorbar(across, up, fmt="none", elinewidth=_POINTS * 1.5, capsize=2, **shape)
