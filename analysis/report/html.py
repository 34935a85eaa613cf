"""`report.html`: one self-contained page with the verdict, its figures and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.claims import registry
from analysis.comparison.words import points
from analysis.model import Effect
from analysis.reduction.failures import answer
from analysis.releases import words as releases
from analysis.report import figures, server_log
from analysis.report.bursts import burst_slots
from analysis.report.conditions import directions
from analysis.report.figures.alternative import in_words, plain
from analysis.report.figures.marks import marked
from analysis.report.plotly_bundle import plotly_js
from analysis.report.summary import check_number, interval_text
from analysis.report.wording import (
    after_the_answer,
    check_words,
    detectable_text,
    effect_text,
    state_word,
    statements,
)
from analysis.runs.ground_truth import faults_done
from analysis.runs.marks import Mark, marks_of
from analysis.verdict.answer import answer_of
from analysis.verdict.p1 import CRITERIA

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.pipeline import Analysis
    from analysis.releases.differences import Comparison
    from analysis.runs.dataset import Run

_PAGE: Final = Path(__file__).with_name("page")
_WORDS: Final = {"met": "Service levels met", "breached": "Service levels breached", "void": "Void"}
_ACCOUNTING: Final = (
    "planned",
    "skipped",
    "started",
    "ok",
    "timeout",
    "failed",
    "aborted",
    "rows_written",
    "rows_stored",
)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure in the page: its heading, what it shows, and its JSON."""

    id: str
    title: str
    caption: str
    json: str
    height: int
    words: list[str]


def report_html(analysis: Analysis, against: Comparison | None = None) -> str:
    """The whole page, scripts and styles included; it loads nothing from anywhere.

    Args:
        analysis: What `pipeline.analyse` gave.
        against: How the run compares with an earlier one; None: it was held against none.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    verdict, overview = analysis.verdict, analysis.overview
    marks = marks_of(analysis.dataset.runs)
    return environment.get_template("report.html.j2").render(
        verdict=verdict,
        slo=analysis.slo,
        suites_by_name={suite.scenario: suite for suite in analysis.suites},
        criteria=CRITERIA,
        check_words=check_words,
        slo_word=_WORDS[analysis.slo.state],
        sentences=after_the_answer(verdict, analysis.slo),
        said=answer_of(verdict),
        has_rows=bool(verdict["attempts"]),
        has_vitals=not analysis.health.empty,
        is_open=analysis.slo.state != "void" and bool(verdict["attempts"]),
        directions=directions,
        marks=marks,
        answer=answer,
        decision=analysis.decision,
        figures=_figures(analysis, marks),
        hosts=", ".join(f"{count} {platform}" for platform, count in verdict["hosts"].items()) or "none",
        length=_length(overview.start, overview.end),
        target=_target(analysis.dataset.runs),
        runs=[_run_facts(run) for run in analysis.dataset.runs],
        accounting_keys=_ACCOUNTING,
        against=against,
        releases=releases,
        log=None if analysis.log is None else server_log.section(analysis.log),
        truth=faults_done(analysis.dataset.runs).to_dict("records"),
        statements=statements(),
        titles=registry.titles(),
        state_word=state_word,
        effect_text=effect_text,
        detectable_text=detectable_text,
        model_effect=model_effect,
        check_number=check_number,
        interval_text=interval_text,
        points=points,
        p_text=p_text,
        css=(_PAGE / "report.css").read_text(encoding="utf-8"),
        js=(_PAGE / "report.js").read_text(encoding="utf-8"),
        plotly=plotly_js(),
    )


def p_text(p_value: float | None) -> str:
    """A p-value with the digits that matter; a dash where no test was possible."""
    if p_value is None:
        return "–"
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"


def model_effect(effect: Effect | None, unit: str) -> str:
    """An effect with its interval in points, seconds or as a ratio; a dash where there is none."""
    if effect is None or effect.estimate is None:
        return "–"
    scale, word = (100, " points") if unit == "points" else (1, " s" if unit == "s" else "")
    text = f"{scale * effect.estimate:+.3g}{word}"
    if effect.low is not None and effect.high is not None:
        text += f" ({scale * effect.low:+.3g} to {scale * effect.high:+.3g})"
    return text


def _figures(analysis: Analysis, marks: Sequence[Mark]) -> Mapping[str, Drawn]:
    overview, cells, decision = analysis.overview, analysis.tables.cells, analysis.decision
    timeline = overview.timeline
    drawn = (
        _drawn(
            "claims",
            "The claims on one scale",
            "Effect of each claim on the risk of failing, with its interval. The shaded band is the margin.",
            figures.claims_on_one_scale(decision.claims, margin=analysis.settings.margin),
        ),
        _drawn(
            "causes",
            "Shares of causes",
            "How the failures divide up. Shares decide no claim.",
            figures.cause_shares(decision.causes),
        ),
        _drawn(
            "outcomes",
            "Outcomes over time",
            "Failures by cause, and the share that failed on each platform. Shaded: far more failures than the "
            "quiet part of the run explains.",
            marked(figures.outcomes_over_time(timeline, slot_s=overview.slot_s, bursts=burst_slots(timeline)), marks),
        ),
        _drawn(
            "waterfall",
            "Phases of a good connect",
            "Median of each phase, one after the other.",
            figures.phase_waterfall(overview.phases),
        ),
        _drawn(
            "ended",
            "Where the other connects ended",
            "By phase and cause.",
            figures.where_connects_ended(timeline),
        ),
        _drawn(
            "lost",
            "Where waits were lost",
            "What this machine and its kernel know of each timeout. Blue: here, in this client. Amber: between the two "
            "machines. Red: acknowledged by the other side, which did not answer. Grey: late, or not known.",
            figures.where_waits_were_lost(overview.lost),
        ),
        _drawn(
            "checks",
            "What silent peers answered",
            "After a wait that ran out in silence the peer was sent a ping on the same connection. A pong, and no "
            "answer before it: the server had the request and kept silent.",
            figures.peer_checks(cells),
        ),
        _drawn(
            "latency",
            "Still waiting after",
            "Share of attempts without a good answer. Timeouts are cut at their budget (crosses), not dropped; "
            "failures never count as answered.",
            figures.latency_distribution(overview.durations),
        ),
        _drawn(
            "by_rtt",
            "Timeouts by round trip",
            "The round trip is the one known before the attempt; it was observed, not dealt.",
            figures.timeouts_by_rtt(overview.rtt),
        ),
        _drawn(
            "overlap",
            "Overlap of latencies",
            "Platforms can be compared only where their round trips overlap.",
            figures.latency_overlap(overview.rtt),
        ),
        _drawn(
            "by_delay",
            "Risk by delay arm",
            "Failures that nothing else explains, by the delay dealt to the connection.",
            figures.risk_by_delay(cells, spared=decision.spared, spared_way=decision.spared_way),
        ),
        _drawn(
            "hosts",
            "Hosts",
            "A dot a host: what a difference between platforms has to stand out from.",
            figures.host_estimates(cells, spared=decision.spared, spared_way=decision.spared_way),
        ),
        _drawn(
            "instances",
            "Server instances",
            "Failures by the instance that the server named. One that stands out speaks for the server.",
            figures.risk_by_instance(analysis.tables.instances),
        ),
        _drawn(
            "vitals",
            "Vitals",
            "Loop lag and CPU of each worker, second by second.",
            marked(figures.generator_vitals(analysis.health), marks),
        ),
    )
    return {item.id: item for item in drawn}


def _drawn(name: str, title: str, caption: str, figure: go.Figure) -> Drawn:
    text = plain(figure.to_json(engine="orjson"))
    words = in_words(figure)
    return Drawn(id=name, title=title, caption=caption, json=text, height=int(figure.layout.height), words=words)


def _length(start: int | None, end: int | None) -> str:
    if start is None or end is None:
        return "–"
    minutes, seconds = divmod(end - start, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _target(runs: tuple[Run, ...]) -> str:
    """The targets' names, each once; the stand-in with its faults."""
    names: dict[str, None] = {}
    for run in runs:
        target = (run.manifest or {}).get("target")
        if isinstance(target, dict):
            faults = ", ".join(map(str, target.get("faults") or ())) or "no fault"
            names[f"the stand-in ({faults})" if target.get("standin") else str(target.get("url"))] = None
    return ", ".join(names)


def _counts(accounting: dict[str, Any]) -> dict[str, int]:
    """What is a number; anything else is shown as unknown."""
    return {key: value for key, value in accounting.items() if isinstance(value, int)}


def _run_facts(run: Run) -> dict[str, Any]:
    manifest = run.manifest or {}
    accounting, versions, command = (manifest.get(key) for key in ("accounting", "versions", "command"))
    return {
        "run_id": run.run_id,
        "rows": run.rows,
        "ended": manifest.get("ended") or "unknown",
        "accounting": _counts(accounting) if isinstance(accounting, dict) else {},
        "command": " ".join(map(str, command)) if isinstance(command, list) else "",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items())
        if isinstance(versions, dict)
        else "",
    }
