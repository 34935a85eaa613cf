"""A figure as a notebook shows it: Plotly's where a script may run, a still picture and words everywhere else."""

from __future__ import annotations

import base64
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from analysis.report.figures.alternative import in_words, plain
from analysis.report.stills.png import png

if TYPE_CHECKING:
    import plotly.graph_objects as go

_WIDTH: Final = 900  # pixels: the picture has more, for screens that do


class Picture:
    """A figure that shows itself.

    Attributes:
        figure: Plotly's own, to be changed or kept.
    """

    def __init__(self, figure: go.Figure) -> None:
        self.figure = figure

    @cached_property
    def png(self) -> bytes:
        """The figure as a PNG, drawn without a browser."""
        return png(self.figure)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it is in each form, and of the still picture: its words, and its width on the page."""
        # Names that come from a target are text here, as in the report.
        document = json.loads(plain(self.figure.to_json(engine="orjson")))
        forms = {
            "application/vnd.plotly.v1+json": document | {"config": {"displaylogo": False}},
            "image/png": base64.b64encode(self.png).decode(),
            "text/plain": repr(self),
        }
        return forms, {"image/png": {"alt": repr(self), "width": _WIDTH}}

    def __repr__(self) -> str:
        return "\n".join(in_words(self.figure))
