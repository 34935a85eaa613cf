"""`verdict.json`: the machine-readable verdict, exactly as the contract has it (`verdict.schema.json`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from analysis.claims import registry
from analysis.exit_codes import BREACHED, MET, VOID
from analysis.model import Criteria, Decision, Effect, Finding
from analysis.reduction.failures import Failure, as_json
from analysis.stats.detectable import NO_SIZE
from analysis.verdict.answer import answer_of
from analysis.verdict.generator_health import GeneratorHealth
from analysis.verdict.load import Load
from analysis.verdict.p1 import CRITERIA, Suite
from analysis.verdict.service_levels import NO_OTHERS, Slo
from analysis.verdict.slo_check import SloCheck
from attempts.p1_checks import NOT_DESCRIBED, name_of

SCHEMA_VERSION: Final = 1
SCHEMA_FILE: Final = Path(__file__).with_name("verdict.schema.json")
EXIT_STATUS: Final[Mapping[str, int]] = {"met": MET, "breached": BREACHED, "void": VOID}
_NOT_ESTIMATED: Final = Effect(name="not estimated", estimate=None, low=None, high=None)


def compose(
    *,
    runs: Sequence[str],
    attempts: int,
    timeouts: int,
    hosts: Mapping[str, int],
    settings: Criteria,
    generator: GeneratorHealth,
    slo: Slo,
    decision: Decision,
    data_quality: Sequence[str],
    probes: int = 0,
    failed_probes: int = 0,
    failures: Sequence[Failure] = (),
    lost_at: Mapping[str, int] | None = None,
    load: Load | None = None,
    server_log: Mapping[str, Any] | None = None,
    accepted_ends: Sequence[str] = (),
    suites: Sequence[Suite] = (),
    rates: Sequence[Mapping[str, Any]] = (),
    counts: Mapping[str, int] | None = None,
    command: Sequence[str] = (),
    void_because: str = "",
) -> dict[str, Any]:
    """The verdict as JSON-ready values.

    Args:
        runs: Run ids, analysed together.
        attempts: Attempts of the sessions that ended, and sessions that were still open: what levels are held against.
        timeouts: Of these, those whose outcome is timeout.
        hosts: Number of hosts by platform.
        settings: Margin and error rate.
        generator: The load generators' health.
        slo: The service levels.
        decision: What the statistics say; a claim it does not hold is undecided.
        data_quality: What was missing or dropped, in sentences.
        probes: Rows of the control probes, and how many of them failed or timed out:
        failed_probes: they are in no other number.
        failures: What the target said, commonest first.
        lost_at: How many waits were lost at each rung; empty: nobody could be asked.
        load: Whether as many users ran as were planned; None: nobody counted.
        server_log: What the server's log says; None: none was given, and the verdict has no such key.
        accepted_ends: Of runs that ended before their planned end and are judged all the same, in sentences.
        suites: Of checks, where some were run.
        rates: How many of the judged attempts failed, by cohort and kind (`rates.as_json`).
        counts: How the judged attempts come out of all (`service_levels.counts`); None: only the judged ones are known.
        command: Words of the command line of the run, where it is one and recorded them.
        void_because: Why the run is void, in sentences; empty where it is not.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "runs": list(runs),
        "scope": "these runs",
        "attempts": attempts,
        "timeouts": timeouts,
        "margin": settings.margin,
        "alpha": settings.alpha,
        "hosts": dict(sorted(hosts.items())),
        "generator": {"state": generator.state, "why": generator.why},
        "load": _load(load or Load(state="unknown")),
        "slo": {
            "state": slo.state,
            "checks": [_level(check) for check in slo.checks],
        },
        "claims": {name: _claim(decision.claims.get(name, _absent(name))) for name in registry.names()},
        "hypothesis": {"state": decision.hypothesis.state, "because": list(decision.hypothesis.because)},
        "causes": [
            {"name": cause.name, "share": cause.share, "low": _number(cause.low), "high": _number(cause.high)}
            for cause in decision.causes
        ],
        "data_quality": list(data_quality),
        "failures": as_json(failures),
        "lost_at": dict(lost_at or {}),
        "credentials": [
            {"kind": one.kind, "accepted": one.accepted, "refused": one.refused, "not_checked": one.not_checked}
            for one in decision.credentials
        ],
        "leads": list(decision.leads),
        "probes": {"n": probes, "failed": failed_probes},
        "accepted_ends": list(accepted_ends),
        "p1": [_suite(suite) for suite in suites],
        "rates": [dict(rate) for rate in rates],
        "counts": dict(counts or NO_OTHERS | {"all": attempts, "judged": attempts}),
        "command": list(command),
        "void_because": void_because,
        "answer": None,
        **({} if server_log is None else {"server_log": dict(server_log)}),
    }
    # Of all the rest, and so the last of it.
    answer = asdict(answer_of(document))
    return document | {"answer": {name: list(it) if isinstance(it, tuple) else it for name, it in answer.items()}}


def exit_status(state: Literal["met", "breached", "void"]) -> int:
    """0 met, 1 breached, 3 void (2, wrong usage, never comes with a verdict)."""
    return EXIT_STATUS[state]


def write(path: Path, verdict: Mapping[str, Any]) -> None:
    """Write `verdict.json` in one step: a reader never sees half of it."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(orjson.dumps(verdict, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    temporary.replace(path)


def _level(check: SloCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "value": _number(check.value),
        "low": _number(check.low),
        "high": _number(check.high),
        "limit": check.limit,
        "state": check.state,
        "why": check.why,
    }


def _suite(suite: Suite) -> dict[str, Any]:
    return {
        "scenario": suite.scenario,
        "checks": [
            {
                "name": check.name,
                "title": check.title,
                "state": check.state,
                "n": check.n,
                "ok": check.ok,
                "timeouts": check.timeouts,
                "failed": check.failed,
                "by_test": check.by_test,
                "longest_s": _number(check.longest_s),
                "cause": check.cause,
                "why": check.why,
            }
            for check in suite.checks
        ],
        "not_described": [{"name": name_of(number), "title": title} for number, title in NOT_DESCRIBED.items()],
        "criteria": [{"criterion": CRITERIA[check.name], **_level(check)} for check in suite.criteria],
    }


def _load(load: Load) -> dict[str, Any]:
    return {
        "state": load.state,
        "planned_users": _number(load.planned_users),
        "ran_users": _number(load.ran_users),
        "share_within": _number(load.share_within),
        "allowed": load.is_allowed,
    }


def _claim(finding: Finding) -> dict[str, Any]:
    found = finding.detectable
    return {
        "state": finding.state,
        "effect": _effect(finding.effect),
        "n": finding.n,
        "p_value": _number(finding.p_value),
        "evidence": finding.evidence,
        "needs": finding.needs,
        "smallest_detectable": _number(found.smallest) if found else None,
        "smallest_confirmable": _number(found.confirmable) if found else None,
        "detectable_why": found.why if found else NO_SIZE,
        "parts": {name: {"state": part.state, "effect": _effect(part.effect)} for name, part in finding.parts.items()},
    }


def _effect(effect: Effect | None) -> dict[str, Any]:
    shown = effect or _NOT_ESTIMATED
    return {
        "name": shown.name,
        "estimate": _number(shown.estimate),
        "low": _number(shown.low),
        "high": _number(shown.high),
        "reversed": shown.reversed,
    }


def _absent(name: str) -> Finding:
    return Finding(
        state="undecided", evidence=f"Nothing decided the claim {name}.", needs="an analysis that decides this claim"
    )


def _number(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity; a bound that does not exist is null."""
    return None if value is None or not math.isfinite(value) else float(value)
