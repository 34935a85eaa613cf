"""What goes wrong when a run is opened or asked: one exception, one sentence."""

from __future__ import annotations


class RunError(Exception):
    """A run cannot be opened, or cannot answer: one sentence that names the value, the rule and the way out."""
