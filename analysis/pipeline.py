"""From run folders to everything that can be said of them, in one call (report, notebook, live page)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.model import Criteria, Decision, Finding, Hypothesis
from analysis.reduction import failures, lost, rates
from analysis.reduction.overview import Overview, describe
from analysis.runs.accounting import audit_rows, audit_run, audit_times
from analysis.runs.dataset import Dataset, attempts_table, health_frame, open_runs, without_unreadable
from analysis.verdict import document as verdict_json
from analysis.verdict.generator_health import GeneratorHealth, assess
from analysis.verdict.load import Load, assess_load
from analysis.verdict.load import void_because as load_voids
from analysis.verdict.next_run import CUT_SHORT
from analysis.verdict.p1 import Suite, mistakes, suites
from analysis.verdict.service_levels import Levels, Slo, counts, judge, judged_attempts

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reduction.tables import Tables
    from analysis.runs.engine import Engine
    from analysis.server_log.account import Account
    from analysis.server_log.lines import Advance
    from analysis.server_log.read import LogFiles


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was read, the small tables, and what they say.

    Attributes:
        decision: What the statistics say, before anything was voided.
        void_because: Why nothing may be concluded; empty when something may.
        verdict: The contents of `verdict.json`.
        log: What the server's log says; None: none was given.
    """

    dataset: Dataset
    settings: Criteria
    levels: Levels
    overview: Overview
    health: pd.DataFrame
    tables: Tables
    decision: Decision
    generator: GeneratorHealth
    slo: Slo
    suites: tuple[Suite, ...]
    void_because: tuple[str, ...]
    verdict: dict[str, Any]
    log: Account | None = None


def analyse(
    folders: Sequence[Path],
    *,
    settings: Criteria,
    levels: Levels,
    engine: Engine = "duckdb",
    log: LogFiles | None = None,
    advance: Advance | None = None,
) -> Analysis:
    """Analyse run folders together; writes nothing.

    Args:
        folders: The runs.
        settings: Margin, error rate, rehearsal.
        levels: The service levels.
        engine: What scans the rows.
        log: The server's log; None: there is none.
        advance: Told how many bytes of the log were read since.

    Raises:
        DatasetError: What was named is no run.
        EngineError: The engine cannot be had here.
    """
    from analysis.runs.engine import EngineError

    dataset = open_runs(folders)
    try:
        return _analysed(dataset, settings=settings, levels=levels, engine=engine, log=log, advance=advance)
    except EngineError:
        raise
    except Exception:
        # Only footers were read so far, and every engine has errors of its own for pages that are corrupt.
        readable = without_unreadable(dataset)
        if readable is dataset:
            raise
    return _analysed(readable, settings=settings, levels=levels, engine=engine, log=log, advance=advance)


def _analysed(
    dataset: Dataset,
    *,
    settings: Criteria,
    levels: Levels,
    engine: Engine,
    log: LogFiles | None,
    advance: Advance | None,
) -> Analysis:
    from analysis.reduction.census import run_end
    from analysis.reduction.reduce import reduce
    from analysis.server_log.account import as_json
    from analysis.server_log.evidence import with_log
    from analysis.server_log.look import look
    from analysis.verdict.decide import decide

    attempts = attempts_table(dataset, engine=engine)
    overview = describe(attempts)
    health = health_frame(dataset)
    ends = {run.run_id: run_end(run.manifest) for run in dataset.runs if run.manifest}
    said = failures.commonest(overview.failures)
    tables = reduce(attempts, ends={run_id: end for run_id, end in ends.items() if end is not None})
    is_live = any(run.is_live for run in dataset.runs)
    decision = decide(tables, settings, live=is_live, nothing_failed=not said)
    beside = None if log is None else look(log, attempts, advance)
    if beside is not None:
        decision = with_log(decision, beside, settings)
    audits = [
        *(audit_run(run) for run in dataset.runs),
        audit_rows(overview.workers),
        *(audit_times(run, overview.timeline) for run in dataset.runs),
    ]
    names = (
        {name for run in dataset.runs for name in (run.folder.name, run.run_id)} if len(dataset.runs) == 1 else set()
    )
    problems = _unnamed([*dataset.problems, *(sentence for audit in audits for sentence in audit.problems)], names)
    notes = _unnamed([*dataset.notes, *(sentence for audit in audits for sentence in audit.notes)], names)
    generator = assess(overview.workers, health, margin=settings.margin)
    load = assess_load({run.folder.name: run.manifest for run in dataset.runs}, is_allowed=settings.allow_less_load)
    load = replace(load, why=tuple(_unnamed(load.why, names)))
    void_because = void_reasons(problems, generator, load)
    found_suites = suites(overview, levels, is_void=bool(void_because))
    own_mistakes = mistakes(found_suites)
    if own_mistakes:
        void_because = (*void_because, own_mistakes)
    slo = judge(overview, levels, void_because=void_because)
    published = withhold(decision, problems=problems, generator=generator, load=load, mistakes=own_mistakes)
    data_quality = list(dict.fromkeys([*problems, *load.why, *notes, *decision.data_quality]))
    workers, judged = overview.workers, judged_attempts(overview)
    of_probes = overview.timeline[overview.timeline["kind"] == "probe"]
    verdict = verdict_json.compose(
        runs=[run.run_id for run in dataset.runs],
        attempts=int(judged["n"].sum()),
        timeouts=int(judged.loc[judged["outcome"] == "timeout", "n"].sum()),
        probes=int(of_probes["n"].sum()),
        failed_probes=int(of_probes.loc[of_probes["outcome"].isin(["timeout", "failed"]), "n"].sum()),
        failures=said,
        lost_at=lost.counts(overview.lost),
        accepted_ends=[end for run in dataset.runs if isinstance(end := (run.manifest or {}).get("accepted_end"), str)],
        hosts={str(k): int(v) for k, v in workers.groupby("platform", observed=True)["host"].nunique().items()},
        settings=settings,
        generator=generator,
        slo=slo,
        decision=published,
        data_quality=data_quality,
        load=load,
        server_log=None if beside is None else as_json(beside),
        suites=found_suites,
        rates=rates.as_json(overview.rates),
        counts=counts(overview),
        command=_command(dataset),
        void_because=slo.why if slo.state == "void" else "",
    )
    return Analysis(
        dataset=dataset,
        settings=settings,
        levels=levels,
        overview=overview,
        health=health,
        tables=tables,
        decision=published,
        generator=generator,
        slo=slo,
        suites=found_suites,
        void_because=void_because,
        verdict=verdict,
        log=beside,
    )


def _unnamed(sentences: Sequence[str], names: Collection[str]) -> list[str]:
    """Sentences without the run's name before them: where there is one run, whose they are is plain."""
    said = []
    for sentence in sentences:
        named = next((name for name in names if sentence.startswith(f"{name}: ")), None)
        said.append(sentence if named is None else sentence.removeprefix(f"{named}: "))
    return said


def _command(dataset: Dataset) -> list[str]:
    """The command line of the run, as it recorded it; empty where it did not, or several runs had several."""
    found = [(run.manifest or {}).get("command") for run in dataset.runs]
    is_one = all(command == found[0] for command in found)
    return [str(word) for word in found[0]] if is_one and isinstance(found[0], list) else []


def void_reasons(problems: Sequence[str], generator: GeneratorHealth, load: Load) -> tuple[str, ...]:
    """Why nothing may be concluded: rows are missing, the generator was impaired, or its load was another."""
    impaired = (f"The load generator was impaired. {generator.why}",) if generator.state == "impaired" else ()
    return (*problems, *impaired, *load_voids(load))


def withhold(
    decision: Decision, *, problems: Sequence[str], generator: GeneratorHealth, load: Load, mistakes: str = ""
) -> Decision:
    """Turn every claim undecided that the data cannot carry; effects and parts stay to be looked at.

    Missing rows carry none: nobody knows which rows are gone. An impaired generator still shows that it was impaired:
    `client_loop` stands where it is confirmed. An end before the planned one, and another load than the planned one,
    show less than was asked for. A test that makes mistakes shows its mistakes.
    """
    kept: frozenset[str] = frozenset()
    if problems:
        is_early = all(CUT_SHORT in problem for problem in problems)
        reason, needs = problems[0], "a run that goes on to its planned end" if is_early else "a run with all its rows"
    elif generator.state == "impaired":
        reason, kept = "The load generator was impaired.", frozenset({"client_loop"})
        needs = "a run whose load generator is healthy (fewer users a worker, or more workers)"
    elif load_voids(load):
        reason, needs = (
            "The load was not the planned one.",
            "a run with the users that were planned, or --allow-less-load",
        )
    elif mistakes:
        reason, needs = "The tests failed by mistakes of their own.", "a run of --scenario p1 in place of p1_naive"
    else:
        return decision
    claims = {
        name: finding if name in kept and finding.state == "confirmed" else _withheld(finding, reason, needs)
        for name, finding in decision.claims.items()
    }
    return replace(decision, claims=claims, hypothesis=Hypothesis(state="undecided", because=(f"Void: {reason}",)))


def _withheld(finding: Finding, reason: str, needs: str) -> Finding:
    evidence = f"Void ({reason.rstrip('.')}); without that: {finding.state.replace('_', ' ')}. {finding.evidence}"
    return replace(finding, state="undecided", evidence=evidence.strip(), needs=needs)
