"""`summary.md`: the verdict on half a page, for a CI job's summary. The verdict comes first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from analysis.slo import Slo, SloCheck
from analysis.wording import STATEMENTS, effect_text, found, headline, lower_first, points, state_word, undecided

_SLO_MARKS: Final = {"met": "✅ met", "breached": "❌ breached", "void": "⚠️ void"}
_CLAIM_MARKS: Final = {"confirmed": "● confirmed", "ruled_out": "○ ruled out", "undecided": "◌ undecided"}
_MOST_NOTES: Final = 12


def screen(verdict: Mapping[str, Any], slo: Slo, report: Path) -> str:
    """The three sentences for a terminal, and where the report is."""
    return "\n".join((headline(verdict, slo), found(verdict), undecided(verdict), f"Report: {report}"))


def summary_md(verdict: Mapping[str, Any], slo: Slo) -> str:
    """The verdict as Markdown (GitHub's flavour)."""
    lines = [
        f"# {_SLO_MARKS[slo.state]}: {', '.join(verdict['runs'])}",
        "",
        headline(verdict, slo),
        "",
        found(verdict),
        "",
        undecided(verdict),
        "",
        "| service level | observed | 95 % interval | limit | state |",
        "|---|---|---|---|---|",
        *(_check_row(check) for check in slo.checks),
        "",
        f"Margin {points(verdict['margin'])} points, error rate {verdict['alpha']:g}; "
        f"hosts: {_hosts(verdict['hosts'])}; generator {verdict['generator']['state']}.",
        "",
        "| claim | state | effect (95 % interval) | evidence, or what it needs |",
        "|---|---|---|---|",
    ]
    for name, claim in verdict["claims"].items():
        text = f"needs {lower_first(claim['needs'])}" if claim["state"] == "undecided" else claim["evidence"]
        lines.append(
            f"| {_cell(STATEMENTS[name])} | {_CLAIM_MARKS[claim['state']]} | {effect_text(claim['effect'])} "
            f"| {_cell(text)} |"
        )
    hypothesis = verdict["hypothesis"]
    lines.append(
        f"| **hypothesis**: {STATEMENTS['hypothesis']} | **{state_word(hypothesis['state'])}** | – "
        f"| {_cell('; '.join(hypothesis['because']))} |"
    )
    notes = verdict["data_quality"]
    if notes:
        lines += ["", "**Data quality**", "", *(f"- {note}" for note in notes[:_MOST_NOTES])]
        if len(notes) > _MOST_NOTES:
            lines.append(f"- and {len(notes) - _MOST_NOTES} more, in the report.")
    return "\n".join(lines) + "\n"


def check_number(check: SloCheck, value: float | None) -> str:
    """A service level's number in its own unit."""
    if value is None:
        return "–"
    if check.name == "timeouts":
        return f"{value:,.0f}"
    if check.name == "max_duration_s":
        return f"{value:.2f} s"
    if check.name == "stability":
        return f"{100 * value:+.2f} points"
    if check.name == "stability_latency":
        return f"{100 * value:+.0f} %"
    return f"{100 * value:.2f} %"


def interval_text(check: SloCheck) -> str:
    """A service level's interval; a bound that does not exist is left open."""
    if check.low is None and check.high is None:
        return "–"
    high = "unbounded" if check.high is None else check_number(check, check.high)
    return f"{check_number(check, check.low)} to {high}"


def _check_row(check: SloCheck) -> str:
    return (
        f"| {check.name} | {check_number(check, check.value)} | {interval_text(check)} "
        f"| {check_number(check, check.limit)} | {_SLO_MARKS[check.state]} |"
    )


def _hosts(hosts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {platform}" for platform, count in hosts.items()) or "none"


def _cell(text: str) -> str:
    """A table cell is one line, and a bar would end it."""
    return text.replace("|", "\\|").replace("\n", " ")
