"""Bands, lines and notes on a still picture's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.report.stills.paint import INK, colour_of, dash_of, text_of
from analysis.report.stills.places import Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def add_shape(axes: Axes, shape: dict[str, Any], x_name: str, y_name: str, x: Places, y: Places) -> None:
    """A band or a line over the whole height, or the whole width."""
    refs = str(shape.get("xref", "x")), str(shape.get("yref", "y"))
    line = shape.get("line") or {}
    look = {"linewidth": 0.7 * line.get("width", 2), "linestyle": dash_of(line.get("dash")), "zorder": 0.5}
    colour = colour_of(str(line.get("color") or INK))
    if refs[0] == x_name and refs[1] in (f"{y_name} domain", "paper"):
        x0, x1 = x.one(shape["x0"]), x.one(shape["x1"])
        if shape["type"] == "rect" and x0 != x1:
            axes.axvspan(x0, x1, color=colour_of(str(shape.get("fillcolor") or INK)), linewidth=0, zorder=0)
        else:
            axes.axvline(x0, color=colour, **look)
    elif refs[1] == y_name and refs[0] in (f"{x_name} domain", "paper"):
        axes.axhline(y.one(shape["y0"]), color=colour, **look)


def add_note(
    axes: Axes, note: dict[str, Any], x_name: str, y_name: str, x: Places, y: Places, *, is_only: bool
) -> None:
    """A note at its place; of the notes on paper only that of a figure without axes, the others are titles."""
    refs = str(note.get("xref", "x")), str(note.get("yref", "y"))
    text = text_of(note.get("text"))
    if refs == ("paper", "paper"):
        if is_only:
            axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
    elif refs[0] == x_name and refs[1] in (y_name, "paper"):
        is_on_paper = refs[1] == "paper"
        axes.annotate(
            text,
            (x.one(note["x"]), note["y"] if is_on_paper else y.one(note["y"])),
            xycoords=("data", "axes fraction") if is_on_paper else "data",
            xytext=(3, 0.7 * note.get("yshift", 0)),
            textcoords="offset points",
            va="top" if is_on_paper else "center",
            fontsize=8,
        )
