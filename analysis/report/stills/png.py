"""A Plotly figure of ours as a PNG, drawn by Matplotlib: axes, series, shapes, notes and the legend.

It knows what the figures of this package use, and no more; `tests/analysis/report/stills` draws every one of them.
"""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING, Any, Final

import orjson

from analysis.report.stills.axes import GRID, places_of, set_axis
from analysis.report.stills.paint import INK, text_of
from analysis.report.stills.shapes import add_note, add_shape
from analysis.report.stills.traces import add_trace

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 9.0  # inches, of which a hundred pixels of Plotly's are one
_COLOURS: Final = 64  # a third of the file, and nobody sees it
_DOTS: Final = 140  # to the inch: sharp on a screen, and small in a notebook's file
_LOOK: Final[Any] = {
    "font.size": 9,
    "text.parse_math": False,  # a name with two dollars is a name
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": GRID,
}


def png(figure: go.Figure) -> bytes:
    """The figure on white paper, 9 inches wide.

    Raises:
        ValueError: It has a series of a kind that is not drawn (`traces.add_trace`).
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    # No template: its parts are the look of a page.
    document = _with_lists(orjson.loads(figure.to_json(engine="orjson")))
    data, layout = document.get("data", []), document.get("layout", {})
    with mpl.rc_context(_LOOK), warnings.catch_warnings():
        # A name in a script that the font has not is drawn as boxes, and no axis has room for everything.
        warnings.simplefilter("ignore")
        drawn = Figure(figsize=(_WIDTH, layout.get("height", 340) / 100), dpi=_DOTS, layout="constrained")
        canvas = FigureCanvasAgg(drawn)
        _draw(drawn, data, layout)
        canvas.draw()
        width, height = canvas.get_width_height(physical=True)
        picture = Image.frombytes("RGBA", (width, height), bytes(canvas.buffer_rgba()))
    content = io.BytesIO()
    picture.convert("RGB").quantize(_COLOURS).save(content, format="png", optimize=True)
    return content.getvalue()


def _with_lists(value: Any) -> Any:
    """JSON with arrays as lists: Plotly writes NumPy's as their bytes."""
    import numpy as np

    if isinstance(value, list):
        return [_with_lists(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"dtype", "bdata"}:
        return np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"]).tolist()
    return {key: _with_lists(one) for key, one in value.items()}


def _draw(drawn: Figure, data: list[dict[str, Any]], layout: dict[str, Any]) -> None:
    pairs = sorted({(trace.get("xaxis", "x"), trace.get("yaxis", "y")) for trace in data}) or [("x", "y")]
    grid = _grid(drawn, pairs, layout)
    for (x_name, y_name), axes in grid.items():
        mine = [t for t in data if (t.get("xaxis", "x"), t.get("yaxis", "y")) == (x_name, y_name)]
        x_axis, y_axis = (layout.get(_key(name)) or {} for name in (x_name, y_name))
        x = places_of(mine, "x", x_axis, [note for note in layout.get("annotations", ()) if note.get("xref") == x_name])
        y = places_of(mine, "y", y_axis, [note for note in layout.get("annotations", ()) if note.get("yref") == y_name])
        stacked: dict[tuple[str, Any], float] = {}
        for trace in mine:
            add_trace(axes, trace, x, y, stacked)
        set_axis(axes, "x", x_axis, x)
        set_axis(axes, "y", y_axis, y)
        for shape in layout.get("shapes", ()):
            add_shape(axes, shape, x_name, y_name, x, y)
        for note in layout.get("annotations", ()):
            add_note(axes, note, x_name, y_name, x, y, is_only=len(grid) == 1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
    _add_legend(drawn, list(grid.values()), layout)


def _key(name: str) -> str:
    return f"{name[0]}axis{name[1:]}"


def _grid(drawn: Figure, pairs: list[tuple[str, str]], layout: dict[str, Any]) -> dict[tuple[str, str], Axes]:
    """Axes above or beside each other, as their domains lie."""

    def start(name: str) -> float:
        return float(((layout.get(_key(name)) or {}).get("domain") or [0.0, 1.0])[0])

    def length(name: str) -> float:
        low, high = (layout.get(_key(name)) or {}).get("domain") or [0.0, 1.0]
        return float(high - low)

    if len({start(x) for x, _ in pairs}) > 1:
        ordered = sorted(pairs, key=lambda pair: start(pair[0]))
        beside = drawn.subplots(1, len(ordered), squeeze=False, width_ratios=[length(x) for x, _ in ordered])[0]
        titles = [text_of(note.get("text")) for note in layout.get("annotations", ()) if note.get("xref") == "paper"]
        for axes, title in zip(beside, titles, strict=False):
            axes.set_title(title, fontsize=9)
        return dict(zip(ordered, beside, strict=True))
    ordered = sorted(pairs, key=lambda pair: -start(pair[1]))
    below = drawn.subplots(
        len(ordered), 1, squeeze=False, sharex=len(ordered) > 1, height_ratios=[length(y) for _, y in ordered]
    )[:, 0]
    return dict(zip(ordered, below, strict=True))


def _add_legend(drawn: Figure, grid: list[Axes], layout: dict[str, Any]) -> None:
    if layout.get("showlegend") is False:
        return
    named: dict[str, Any] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if len(named) > 0:
        longest = max(len(name) for name in named)
        columns = max(1, min(len(named), 130 // (longest + 8)))
        drawn.legend(
            list(named.values()), list(named), loc="outside upper left", ncols=columns, frameon=False, fontsize=8
        )
