"""What may be concluded from a verdict and what may not: its claims in four groups, untested apart from undecided."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from analysis.comparison.words import points
from analysis.notebook.claims import NOT_TESTED, state_of
from analysis.report.wording import effect_text, statements

_HEADINGS: Final[Mapping[str, str]] = {
    "confirmed": "Confirmed: the whole interval lies beyond the margin of {margin} points",
    "ruled_out": "Ruled out: the whole interval lies inside it, so that what there may be is too small to matter",
    "undecided": "Undecided: tested, and these data leave it open",
    NOT_TESTED: "Not tested: this run had nothing to tell it by",
}
_NONE: Final = "none"


class Conclusions:
    """Claims by what may be concluded of them; prints as a list.

    Attributes:
        above: What outranks all claims (the run is void; nothing failed), else empty.
        groups: Of each state its claims, as (title, sentence).
    """

    def __init__(self, verdict: Mapping[str, Any]) -> None:
        self.above = _above(verdict)
        self.groups: dict[str, list[tuple[str, str]]] = {state: [] for state in _HEADINGS}
        titles = statements()
        for name, title, state in state_of(verdict):
            claim = verdict["claims"][name]
            effect = "" if claim["effect"]["estimate"] is None else effect_text(claim["effect"])
            said = [titles[name]] if state == "confirmed" and name in titles else []
            said += [effect] if effect else []
            said += [f"needs: {claim['needs']}"] if claim["needs"] else []
            self.groups[state].append((title, "; ".join(said)))
        self._margin = points(verdict["margin"])

    def _headings(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [(words.format(margin=self._margin), self.groups[state]) for state, words in _HEADINGS.items()]

    def __repr__(self) -> str:
        lines = [self.above] if self.above else []
        for heading, claims in self._headings():
            lines += [f"{heading}:", *([f"  {title}: {said}" for title, said in claims] or [f"  {_NONE}"])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self.above)}</b></p>"] if self.above else []
        for heading, claims in self._headings():
            listed = "".join(f"<li><b>{escape(title)}</b>: {escape(said)}</li>" for title, said in claims)
            parts.append(f"<p>{escape(heading)}</p><ul>{listed or f'<li>{_NONE}</li>'}</ul>")
        return "".join(parts)


def _above(verdict: Mapping[str, Any]) -> str:
    if verdict["slo"]["state"] == "void":
        return f"Nothing may be concluded, for the run is void: {verdict['void_because']}"
    if verdict["attempts"] and not verdict["failures"]:
        return "Nothing failed: there is no cause to look for."
    return ""
