"""A figure in words: for who cannot see it, and the escaping of names that come from a target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import plotly.graph_objects as go

# All that a figure of ours writes as markup; whatever else looks like it came with a name and stays text.
_NOT_OURS: Final = re.compile(r"<(?!br>|/?extra>)")
_MOST: Final = 12  # points of one series that are written out


def plain(text: str) -> str:
    """JSON of a figure in which no name can be markup, for Plotly or for the page."""
    import orjson

    return orjson.dumps(_escaped(orjson.loads(text))).decode().replace("<", "\\u003c")


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return _NOT_OURS.sub("&lt;", value)
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    return [_escaped(one) for one in value] if isinstance(value, list) else value


def in_words(figure: go.Figure) -> list[str]:
    """One line for each series: its points where they are few, else how many and their range."""
    if not figure.data:
        return [str(note.text).replace("<br>", " ") for note in figure.layout.annotations]
    lines = []
    for trace in figure.data:
        points = [
            (x, y) for x, y in zip(_listed(trace.x), _listed(trace.y), strict=False) if x is not None and y is not None
        ]
        if not points:
            continue
        name = str(trace.name or trace.type)
        if len(points) <= _MOST:
            lines.append(f"{name}: {'; '.join(f'{_text(x)}, {_text(y)}' for x, y in points)}.")
            continue
        values = [y for _, y in points if isinstance(y, int | float) and y == y]
        span = f", {min(values):.4g} to {max(values):.4g}" if values else ""
        lines.append(f"{name}: {len(points)} points from {_text(points[0][0])} to {_text(points[-1][0])}{span}.")
    return lines


def _listed(values: object) -> list[object]:
    if values is None:
        return []
    return [value.item() if hasattr(value, "item") else value for value in values]  # type: ignore[attr-defined]


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
