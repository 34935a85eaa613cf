"""An axis of a still picture: title, ticks, scale and range, as Plotly's layout has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from analysis.report.stills.paint import number_words, text_of
from analysis.report.stills.places import Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID: Final = "#e3e7ec"


def places_of(traces: list[dict[str, Any]], name: str, axis: dict[str, Any], notes: list[dict[str, Any]]) -> Places:
    """Where the values of an axis lie.

    Args:
        traces: The series on it.
        name: x or y.
        axis: As Plotly's layout has it.
        notes: Those that stand at a value of it.
    """
    values = [value for trace in traces for value in trace.get(name) or ()]
    values += [note[name] for note in notes if isinstance(note.get(name), str)]
    order = axis.get("categoryarray") or ()
    return Places(values, order, is_names=axis.get("type") == "category")


def set_axis(axes: Axes, name: str, axis: dict[str, Any], places: Places) -> None:
    """Title, ticks, scale and range of an axis whose series are drawn; `name` is x or y."""
    mine = axes.xaxis if name == "x" else axes.yaxis
    limits, set_limits = (axes.get_xlim, axes.set_xlim) if name == "x" else (axes.get_ylim, axes.set_ylim)
    if axis.get("visible") is False:
        mine.set_visible(False)
        axes.spines[:].set_visible(False)
        return
    mine.set_label_text(text_of((axis.get("title") or {}).get("text")))
    mine.set_tick_params(length=0)
    if axis.get("showgrid") is not False:
        mine.grid(visible=True, color=GRID, linewidth=0.7)
    is_log = axis.get("type") == "log"
    if is_log:
        (axes.set_xscale if name == "x" else axes.set_yscale)("log")
    if places.names:
        mine.set_ticks(range(len(places.names)), [text_of(one) for one in places.names])
    elif places.is_time:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        mine.set_major_locator(locator)
        mine.set_major_formatter(ConciseDateFormatter(locator))
    elif axis.get("tickvals"):
        mine.set_ticks(axis["tickvals"], axis["ticktext"])
        mine.set_ticks([], minor=True)
    else:
        form = axis.get("tickformat")
        mine.set_major_formatter(lambda value, _: number_words(float(value), form))
    if axis.get("range"):
        low, high = axis["range"]
        set_limits(10.0**low if is_log else low, 10.0**high if is_log else high)
    elif axis.get("rangemode") == "tozero":
        set_limits(0, max(limits()[1], 1e-9))
    if axis.get("autorange") == "reversed":
        set_limits(*limits()[::-1])
