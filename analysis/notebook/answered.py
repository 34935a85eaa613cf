"""The verdict's answer as a notebook shows it: three labelled lines, and the command of the next run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from analysis.verdict.answer import Answer, answer_of


@dataclass(frozen=True, repr=False)
class ShownAnswer(Answer):
    """An `Answer` (why, how_sure, what_next, command, leads, not_tested, undecided, counts) that prints its lines."""

    def __repr__(self) -> str:
        lines = [f"{label} {text}" for label, text in self.lines()]
        return "\n".join([*lines, *([self.command] if self.command else [])])

    def _repr_html_(self) -> str:
        lines = "".join(f"<p><b>{escape(label)}</b> {escape(text)}</p>" for label, text in self.lines())
        return lines + (f"<pre>{escape(self.command)}</pre>" if self.command else "")


def shown_answer(verdict: Mapping[str, Any]) -> ShownAnswer:
    """The answer that a verdict gives."""
    return ShownAnswer(**vars(answer_of(verdict)))
