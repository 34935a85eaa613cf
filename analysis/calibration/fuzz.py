"""The verdict against hostile runs: how often it is wrong, about what, and the smallest run in which it still is.

    python -m analysis calibrate --hostile --seeds 1000 --jobs 2 --mistakes --out states.jsonl

Each seed is a run (`hostile.draw_case`) with its truth (`truths.py`); it is simulated, reduced and decided as a user's
would be. `python -m analysis simulate --hostile --seed K --out DIR` writes the folder of one.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from analysis.calibration.batch import reduce_together
from analysis.claims import registry
from analysis.model import Criteria, State
from analysis.simulation.hostile import Case, draw_case
from analysis.simulation.simulate import chunks
from analysis.simulation.truths import Code, Judgement, judge
from analysis.stats.rates import clopper_pearson
from analysis.verdict.decide import decide

# Runs that are reduced in one scan: most of a small run's time is the planning of its queries.
BATCH: Final = 8
# No folder is smaller, and no comparison is made in fewer minutes.
LEAST_ROWS: Final = 2_000
LEAST_MINUTES: Final = 10


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """The smallest run found in which a mistake is still made.

    Attributes:
        rows, minutes: Of its design.
        without: The parts of the case that were left out.
        title: What it is.
    """

    rows: int
    minutes: int
    without: tuple[str, ...]
    title: str

    def command(self, seed: int) -> str:
        """What writes its folder."""
        left_out = f" --without {','.join(self.without)}" if self.without else ""
        shape = f"--seed {seed} --rows {self.rows} --minutes {self.minutes}"
        return f"python -m analysis simulate --hostile {shape}{left_out} --out DIR"


@dataclass(frozen=True, kw_only=True)
class HostileResult:
    """What was said of one hostile run, and what it was.

    Attributes:
        mechanisms, confounders: Their names, without doses.
        error: What the analysis fell over; empty where it did not.
        smallest: By the claim that was wrong.
    """

    seed: int
    title: str
    rows: int
    mechanisms: tuple[str, ...]
    confounders: tuple[str, ...]
    codes: Mapping[str, Code]
    states: Mapping[str, State]
    smallest: Mapping[str, Smallest]
    error: str = ""

    def judgements(self) -> dict[str, Judgement]:
        """What each claim's state is worth."""
        return {claim: judge(self.codes[claim], state) for claim, state in self.states.items()}

    def wrong(self, state: State) -> list[str]:
        """The claims that are wrongly in a state."""
        return [claim for claim, j in self.judgements().items() if j == "wrong" and self.states[claim] == state]


@dataclass(frozen=True, kw_only=True)
class FuzzJob:
    """Some seeds, and how long to look for the smallest run of each mistake (0: not at all)."""

    seeds: tuple[int, ...]
    settings: Criteria
    shrink_s: float


def run(
    seeds: Sequence[int], *, settings: Criteria, processes: int, shrink_s: float, out: Path | None
) -> list[HostileResult]:
    """Decide the runs of all seeds and print the tables; with `shrink_s` every mistake as well."""
    if out is not None:
        out.write_text("", encoding="utf-8")
    todo = [FuzzJob(seeds=tuple(part), settings=settings, shrink_s=shrink_s) for part in _batches(seeds)]
    results: list[HostileResult] = []
    started = time.perf_counter()
    for found in _done(todo, processes):
        results += found
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(result)) + "\n" for result in found)
        wrong = sum(bool(r.wrong("confirmed") or r.wrong("ruled_out")) for r in results)
        spent = time.perf_counter() - started
        print(
            f"\r{len(results)} of {len(seeds)} runs, {spent:.0f} s, {wrong} wrong ", end="", file=sys.stderr, flush=True
        )
    print(file=sys.stderr)
    print(report(results))
    if shrink_s:
        print(mistakes(results))
    return results


def decided(cases: Sequence[Case], settings: Criteria) -> list[HostileResult]:
    """Simulate, reduce and decide runs, a few in one scan; where that fails each alone, to know which one it was."""
    try:
        tables = reduce_together([pa.concat_tables(chunks(case.world, case.design)) for case in cases])
        decisions = [decide(of_run, settings) for of_run in tables]
    except Exception as error:  # what an analysis falls over is a finding as well, and must not end the search
        if len(cases) > 1:
            return [result for case in cases for result in decided([case], settings)]
        return [_result(cases[0], {}, settings, error=f"{type(error).__name__}: {error}")]
    return [
        _result(
            case,
            {claim: finding.state for claim, finding in decision.claims.items()},
            settings,
            error=" ".join(decision.errors),
        )
        for case, decision in zip(cases, decisions, strict=True)
    ]


def shrunk(case: Case, claim: str, state: State, settings: Criteria, *, seconds: float) -> Case:
    """A smaller run in which the claim is still wrongly in the state: parts left out, fewer rows, fewer minutes.

    Each step is kept if the mistake survives it; it ends when none does, or when the time is over.
    """
    until = time.perf_counter() + seconds
    smaller = True
    while smaller:
        smaller = False
        for step in _steps(case):
            if time.perf_counter() > until:
                return case
            (result,) = decided([step], settings)
            if claim in result.wrong(state):
                case, smaller = step, True
                break
    return case


def report(results: Sequence[HostileResult]) -> str:
    """The tables: by claim, by mechanism, by confounder."""
    sound = [result for result in results if not result.error]
    false_confirm, false_rule_out = (sum(bool(r.wrong(s)) for r in sound) for s in ("confirmed", "ruled_out"))
    lines = [
        f"{len(results)} hostile runs, {len(results) - len(sound)} of which the analysis fell over.",
        f"Runs with a wrong `confirmed`: {_share(false_confirm, len(sound))}; "
        f"with a wrong `ruled_out`: {_share(false_rule_out, len(sound))}.",
        "",
        "| claim | confirmed though not there | ruled out though there | confirmed where it is there "
        "| ruled out where it is not | unearned |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_claim_line(claim, sound) for claim in registry.names()]
    for what, names in (("mechanism", "mechanisms"), ("confounder", "confounders")):
        lines += ["", f"| {what} | runs | wrong `confirmed` | wrong `ruled_out` |", "|---|---|---|---|"]
        counts: dict[str, Counter[str]] = {}
        for result in sound:
            for name in set(getattr(result, names)) or {"none"}:
                count = counts.setdefault(name, Counter())
                count["runs"] += 1
                count.update(state for state in ("confirmed", "ruled_out") if result.wrong(state))
        lines += [
            f"| {name} | {count['runs']} | {count['confirmed']} | {count['ruled_out']} |"
            for name, count in sorted(
                counts.items(), key=lambda item: (-item[1]["confirmed"] - item[1]["ruled_out"], item)
            )
        ]
    return "\n".join(lines)


def mistakes(results: Iterable[HostileResult]) -> str:
    """Every mistake: the seed, the world in a line, the claim, and the smallest run that still goes wrong."""
    lines = []
    for result in results:
        if result.error:
            lines += ["", f"seed {result.seed}: the analysis fell over: {result.error}", f"  {result.title}"]
        for state in ("confirmed", "ruled_out"):
            for claim in result.wrong(state):
                said = f"{claim} {state.replace('_', ' ')}, the truth is {result.codes[claim]}"
                lines += ["", f"seed {result.seed}: {said}", f"  {result.title}"]
                if claim in result.smallest:
                    smallest = result.smallest[claim]
                    lines += [f"  smallest: {smallest.title}", f"  {smallest.command(result.seed)}"]
    return "\n".join(lines)


def _work(job: FuzzJob) -> list[HostileResult]:
    cases = [draw_case(seed) for seed in job.seeds]
    results = decided(cases, job.settings)
    if job.shrink_s:
        results = [
            _with_smallest(case, result, job) if result.wrong("confirmed") or result.wrong("ruled_out") else result
            for case, result in zip(cases, results, strict=True)
        ]
    return results


def _with_smallest(case: Case, result: HostileResult, job: FuzzJob) -> HostileResult:
    smallest = {}
    for state in ("confirmed", "ruled_out"):
        for claim in result.wrong(state):
            small = shrunk(case, claim, state, job.settings, seconds=job.shrink_s)
            parts = (*case.mechanisms, *case.confounders)
            left = {*small.mechanisms, *small.confounders}
            smallest[claim] = Smallest(
                rows=small.design.rows,
                minutes=small.design.minutes,
                without=tuple(part for part in parts if part not in left),
                title=small.title(),
            )
    return HostileResult(**{**vars(result), "smallest": smallest})


def _steps(case: Case) -> Iterator[Case]:
    """The next smaller cases, the largest steps first."""
    for name in (*case.confounders, *case.mechanisms):
        yield case.without([name])
    rows, minutes = case.design.rows, case.design.minutes
    for factor in (4, 2):
        if rows // factor >= LEAST_ROWS:
            yield case.resized(rows=rows // factor)
        if minutes // factor >= LEAST_MINUTES:
            yield case.resized(minutes=minutes // factor)


def _result(case: Case, states: Mapping[str, State], settings: Criteria, *, error: str = "") -> HostileResult:
    codes = case.world.truth(case.design, margin=settings.margin).codes or {}
    return HostileResult(
        seed=case.seed,
        title=case.title(),
        rows=case.design.rows,
        mechanisms=tuple(m.name for m in case.mechanisms.values()),
        confounders=tuple(c.name for c in case.confounders.values()),
        codes=dict(codes),
        states=dict(states),
        smallest={},
        error=error,
    )


def _claim_line(claim: str, results: Sequence[HostileResult]) -> str:
    pairs = [(result.codes[claim], result.states[claim]) for result in results]

    def cell(codes: tuple[Code, ...], state: State) -> str:
        of_codes = [found for code, found in pairs if code in codes]
        return f"{of_codes.count(state)}/{len(of_codes)}"

    unearned = sum(judge(code, state) == "unearned" for code, state in pairs)
    cells = (
        cell(("n", "?"), "confirmed"),
        cell(("Y", "Y?"), "ruled_out"),
        cell(("Y",), "confirmed"),
        cell(("n",), "ruled_out"),
    )
    return f"| {claim} | {' | '.join(cells)} | {unearned} |"


def _batches(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(seeds), BATCH):
        yield seeds[start : start + BATCH]


def _done(todo: Sequence[FuzzJob], processes: int) -> Iterator[list[HostileResult]]:
    if processes <= 1:
        yield from map(_work, todo)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_work, todo)


def _share(hits: int, runs: int) -> str:
    if not runs:
        return "-"
    low, high = clopper_pearson(hits, runs)
    return f"{hits} of {runs} ({low:.1%} to {high:.1%})"
