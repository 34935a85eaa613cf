"""The vendored Plotly: only the traces that the figures use, so that a report stays below two megabytes.

How it is made is in `page/plotly/README.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION: Final = "4.1.1"
SHA256: Final = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"
TRACES: Final = frozenset({"scatter", "bar", "pie"})
FOLDER: Final = Path(__file__).with_name("page") / "plotly"
FILE: Final = FOLDER / "plotly-basic.min.js"


def plotly_js() -> str:
    """The script's text, to stand in a page."""
    return FILE.read_text(encoding="utf-8")
