"""`summary.md`: the verdict on half a page, for a CI job's summary. The verdict comes first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from analysis.comparison.words import points
from analysis.reduction.failures import answer as answer_words
from analysis.releases import words as releases
from analysis.releases.differences import Comparison
from analysis.report.wording import (
    after_the_answer,
    check_words,
    effect_text,
    lower_first,
    sentences,
    state_word,
    statements,
)
from analysis.verdict.answer import answer_of
from analysis.verdict.cohort_words import cohort_table
from analysis.verdict.p1 import CRITERIA, Suite
from analysis.verdict.service_levels import Slo
from analysis.verdict.slo_check import SloCheck

_SLO_MARKS: Final = {"met": "✅ met", "breached": "❌ breached", "void": "⚠️ void"}
_CLAIM_MARKS: Final = {"confirmed": "● confirmed", "ruled_out": "○ ruled out", "undecided": "◌ undecided"}
_MOST_NOTES: Final = 12
_MARKUP: Final = re.compile(r"[\\|<>\[\]`*]")
_MOST_FAILURES: Final = 10


def screen(verdict: Mapping[str, Any], slo: Slo, report: Path) -> str:
    """The answer, its cohorts in counts, the other sentences, and where the report is: for a terminal."""
    three, rest = sentences(verdict, slo)[:3], after_the_answer(verdict, slo)
    return "\n".join((*three, *cohort_table(verdict["rates"]), *rest, f"Report: {report}"))


def summary_md(
    verdict: Mapping[str, Any], slo: Slo, suites: Sequence[Suite] = (), against: Comparison | None = None
) -> str:
    """The verdict as Markdown (GitHub's flavour).

    Args:
        verdict: The contents of `verdict.json`.
        slo: The service levels with their sentences.
        suites: Those of `verdict["p1"]`.
        against: How the run compares with an earlier one; None: it was held against none.
    """
    answer = answer_of(verdict)
    lines = [
        f"# {_SLO_MARKS[slo.state]}: {_cell(', '.join(verdict['runs']))}",
        "",
        *(line for label, text in answer.lines() for line in (f"**{label}** {_cell(text)}", "")),
        *_fenced(answer.command),
        *(line for sentence in after_the_answer(verdict, slo) for line in (_cell(sentence), "")),
        *([] if against is None else _against(against)),
        "<details><summary>Service levels, claims, and what they rest on</summary>",
        "",
        "| service level | observed | 95 % interval | limit | state |",
        "|---|---|---|---|---|",
        *(_check_row(check) for check in slo.checks),
        "",
        f"Margin {points(verdict['margin'])} points, error rate {verdict['alpha']:g}; "
        f"hosts: {_cell(_hosts(verdict['hosts']))}; generator {verdict['generator']['state']}.",
        "",
        "| claim | state | effect (95 % interval) | evidence, or what it needs |",
        "|---|---|---|---|",
    ]
    for name, claim in verdict["claims"].items():
        text = f"needs {lower_first(claim['needs'])}" if claim["state"] == "undecided" else claim["evidence"]
        lines.append(
            f"| {_cell(statements()[name])} | {_CLAIM_MARKS[claim['state']]} | {effect_text(claim['effect'])} "
            f"| {_cell(text)} |"
        )
    hypothesis = verdict["hypothesis"]
    lines.append(
        f"| **hypothesis**: {statements()['hypothesis']} | **{state_word(hypothesis['state'])}** | – "
        f"| {_cell('; '.join(hypothesis['because']))} |"
    )
    for suite, found in zip(verdict["p1"], suites, strict=True):
        lines += ["", f"| {_cell(suite['scenario'])} | state | longest | in words |", "|---|---|---|---|"]
        lines += [_suite_row(check) for check in suite["checks"]]
        lines.append(f"| {_cell(', '.join(one['name'] for one in suite['not_described']))} | not described | – | |")
        lines += ["", "| the seed's criterion | observed | 95 % interval | limit | state |", "|---|---|---|---|---|"]
        lines += [_check_row(criterion, CRITERIA[criterion.name]) for criterion in found.criteria]
    if verdict["failures"]:
        lines += ["", "| what the target said | count | share | first | last |", "|---|---|---|---|---|"]
        lines += [_failure_row(one) for one in verdict["failures"][:_MOST_FAILURES]]
    notes = verdict["data_quality"]
    if notes:
        lines += ["", "**Data quality**", "", *(f"- {_cell(note)}" for note in notes[:_MOST_NOTES])]
        if len(notes) > _MOST_NOTES:
            lines.append(f"- and {len(notes) - _MOST_NOTES} more, in the report.")
    return "\n".join([*lines, "", "</details>"]) + "\n"


def _against(found: Comparison) -> list[str]:
    """The comparison with an earlier run: the answer, the levels, and folded the claims and what does not follow."""
    lines = [
        f"**Against {_cell(found.runs[0])}:** {_cell(releases.answer(found))}",
        "",
        "| level | last release | this run | difference in points (95 % interval) | |",
        "|---|---|---|---|---|",
    ]
    for one in found.levels:
        shares = f"{releases.share_text(one.base)} | {releases.share_text(one.new)}"
        lines.append(f"| {one.name} | {shares} | {releases.difference_text(one)} | {releases.state_word(one.state)} |")
    lines += ["", "<details><summary>The claims then and now, and what may not be concluded</summary>", ""]
    if found.claims:
        lines += ["| claim | last release | this run | difference in points (95 % interval) |", "|---|---|---|---|"]
        lines += [
            f"| {one.name} | {state_word(one.was)} | {state_word(one.now)} | {releases.difference_text(one)} |"
            for one in found.claims
        ]
        lines.append("")
    return [*lines, *(f"- {_cell(caution)}" for caution in releases.cautions(found)), "", "</details>", ""]


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


def _check_row(check: SloCheck, name: str = "") -> str:
    state = _SLO_MARKS[check.state] + (f": {lower_first(check.why)}" if check.is_beyond else "")
    return (
        f"| {name or check.name} | {check_number(check, check.value)} | {interval_text(check)} "
        f"| {check_number(check, check.limit)} | {_cell(state)} |"
    )


def _suite_row(check: Mapping[str, Any]) -> str:
    longest = "–" if check["longest_s"] is None else f"{check['longest_s']:.2f} s"
    state = check["state"].replace("_", " ")
    return f"| {_cell(check['name'])}: {_cell(check['title'])} | {state} | {longest} | {_cell(check_words(check))} |"


def _failure_row(failure: Mapping[str, Any]) -> str:
    share = f"{100 * failure['share']:.3g} % of {_cell(failure['kind'])}"
    return (
        f"| {_cell(answer_words(failure))} | {failure['count']:,} | {share} "
        f"| {failure['first_at']} | {failure['last_at']} |"
    )


def _hosts(hosts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {platform}" for platform, count in hosts.items()) or "none"


def _fenced(command: str) -> list[str]:
    """A command as a block of code, in a fence that it cannot end."""
    if not command:
        return []
    longest = max((len(run) for run in re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}sh", " ".join(command.split("\n")), fence, ""]


def _cell(text: str) -> str:
    """One line as Markdown shows it: a bar would end a cell, and what a target says is neither markup nor a link."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.splitlines()))
