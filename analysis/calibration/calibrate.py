"""Error rates and power of the verdict, counted over simulated worlds with known truth.

`python -m analysis calibrate --worlds all --seeds 50 --rows 50000` simulates, reduces and decides every
run as a user's would be, and counts: confirmed what is not there, ruled out what is, confirmed what is.
Beside it stands what people would otherwise do (`naive.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from analysis.calibration.batch import reduce_together
from analysis.calibration.naive import naive_verdict
from analysis.claims import registry
from analysis.claims.platform_parts import EQUAL
from analysis.model import Criteria, Decision, State
from analysis.simulation.design import ARMS, DesignError
from analysis.simulation.simulate import clients, simulate_rows
from analysis.simulation.world import Truth
from analysis.simulation.worlds import WORLDS, world
from analysis.stats.rates import clopper_pearson
from analysis.verdict.decide import decide

# Runs that are reduced in one scan: beyond this the memory grows and the time a run does not fall.
BATCH: Final = 20
# The claims whose power the project promises, and the worlds that show it.
PROMISED: Final = {
    "latency": ("W1", 0.95),
    "platform": ("W2b", 0.60),
    "platform_x_latency": ("W2", 0.80),
    "client": ("client", 0.75),
    "server": ("W4", 0.95),
}


@dataclass(frozen=True, kw_only=True)
class CalibrationJob:
    """Some seeds of one world.

    Attributes:
        world: Its name.
        seeds: One run each.
        given: Parameters of the design.
        settings: Of the verdict.
    """

    world: str
    seeds: tuple[int, ...]
    given: Mapping[str, Any]
    settings: Criteria


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was said of one run, by the verdict and by the naive engine."""

    world: str
    seed: int
    states: Mapping[str, State]
    naive: Mapping[str, State]
    parts: Mapping[str, State]


@dataclass(kw_only=True)
class Score:
    """Errors and successes over runs; each pair is (how often, of how many runs).

    Attributes:
        false_confirm: By claim, runs in which it must not be confirmed.
        false_rule_out: By claim, runs in which it must not be ruled out.
        unearned: By claim, runs in which `ruled_out` is right by luck: the design cannot tell.
        power: By (claim, world), runs of worlds that were made for the claim.
        parts: By (part, world, whether it is there), runs by the part's state.
        family: Runs with any false confirmation.
    """

    false_confirm: dict[str, list[int]] = field(default_factory=lambda: {claim: [0, 0] for claim in registry.names()})
    false_rule_out: dict[str, list[int]] = field(default_factory=lambda: {claim: [0, 0] for claim in registry.names()})
    unearned: dict[str, list[int]] = field(default_factory=lambda: {claim: [0, 0] for claim in registry.names()})
    power: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    parts: dict[tuple[str, str, bool], Counter[State]] = field(default_factory=dict)
    family: list[int] = field(default_factory=lambda: [0, 0])
    mistakes: list[tuple[str, int, str, str]] = field(default_factory=list)

    def add_parts(self, name: str, parts: Mapping[str, State], truth: Truth, *, margin: float) -> None:
        """Count what one run's parts say; one that the run did not have is open."""
        for part, size in truth.parts.items():
            counts = self.parts.setdefault((part, name, size > margin), Counter())
            counts[parts.get(part, "undecided")] += 1

    def add(self, name: str, seed: int, states: Mapping[str, State], truth: Truth) -> None:
        """Count one run."""
        wrong = False
        for claim in registry.names():
            if claim in truth.must_not_confirm:
                self.false_confirm[claim][1] += 1
                if states[claim] == "confirmed":
                    wrong = True
                    self.false_confirm[claim][0] += 1
                    self.mistakes.append((name, seed, claim, "confirmed"))
            if claim in truth.must_not_rule_out:
                self.false_rule_out[claim][1] += 1
                if states[claim] == "ruled_out":
                    self.false_rule_out[claim][0] += 1
                    self.mistakes.append((name, seed, claim, "ruled out"))
            if claim in truth.unearned:
                self.unearned[claim][1] += 1
                self.unearned[claim][0] += states[claim] == "ruled_out"
            if claim in truth.confirm:
                count = self.power.setdefault((claim, name), [0, 0])
                count[1] += 1
                count[0] += states[claim] == "confirmed"
        self.family[1] += 1
        self.family[0] += wrong


def outcomes(job: CalibrationJob) -> list[Outcome]:
    """Simulate, reduce and decide the job's runs."""
    runs = [simulate_rows(job.world, seed=seed, **job.given) for seed in job.seeds]
    found = []
    for seed, rows, tables in zip(job.seeds, runs, reduce_together(runs), strict=True):
        decision = decide(tables, job.settings)
        states = {claim: finding.state for claim, finding in decision.claims.items()}
        parts = part_states(decision)
        found.append(Outcome(world=job.world, seed=seed, states=states, naive=naive_verdict(rows), parts=parts))
    return found


def part_states(decision: Decision) -> dict[str, State]:
    """The states of the parts that tell a platform's system from its loop, by the names that worlds have for them."""
    found: dict[str, State] = {}
    for claim in ("platform", "platform_x_latency"):
        for name, part in decision.claims[claim].parts.items():
            if name.endswith(EQUAL):
                found[f"{claim} {EQUAL}"] = part.state
    for name, part in decision.claims["client"].parts.items():
        if name.startswith("loop: "):
            found["client loop"] = part.state
    return found


def jobs(
    worlds: Sequence[str], *, seeds: int, given: Mapping[str, Any], settings: Criteria, first_seed: int = 1
) -> list[CalibrationJob]:
    """The runs of a calibration, a few seeds a job."""
    return [
        CalibrationJob(
            world=name,
            seeds=tuple(range(start, min(start + BATCH, first_seed + seeds))),
            given=given,
            settings=settings,
        )
        for name in worlds
        for start in range(first_seed, first_seed + seeds, BATCH)
    ]


def run_jobs(todo: Sequence[CalibrationJob], *, processes: int) -> Iterator[list[Outcome]]:
    """The jobs' outcomes in order, in so many processes."""
    if processes <= 1:
        yield from map(outcomes, todo)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(outcomes, todo)


def truth_of(name: str, given: Mapping[str, Any], settings: Criteria) -> Truth:
    """What a verdict on a run of this world may say."""
    where = world(name)
    return where.truth(where.design(**given), margin=settings.margin)


def report(ours: Score, theirs: Score, *, runs: int) -> str:
    """The table that the documentation quotes."""
    lines = [
        f"{runs} runs. Shares with 95 % binomial intervals; beside them the naive engine.",
        "",
        "| claim | confirmed though not there | naive | ruled out though there | naive |",
        "|---|---|---|---|---|",
    ]
    for claim in registry.names():
        cells = [
            _share(counts[claim])
            for counts in (ours.false_confirm, theirs.false_confirm, ours.false_rule_out, theirs.false_rule_out)
        ]
        lines.append(f"| {claim} | {' | '.join(cells)} |")
    lines += [
        f"| any claim | {_share(ours.family)} | {_share(theirs.family)} | | |",
        "",
        "| claim | world | confirmed where it is there | promised | naive |",
        "|---|---|---|---|---|",
    ]
    for claim, name in sorted(ours.power, key=lambda key: (registry.names().index(key[0]), key[1])):
        promised = f"{PROMISED[claim][1]:.0%}" if claim in PROMISED and PROMISED[claim][0] == name else ""
        found, naive = ours.power[claim, name], theirs.power[claim, name]
        lines.append(f"| {claim} | {name} | {_share(found)} | {promised} | {_share(naive)} |")
    lines += [
        f"Ruled out where the design cannot tell: {claim} {_share(counts)}."
        for claim, counts in ours.unearned.items()
        if counts[1]
    ]
    if ours.parts:
        lines += ["", "| part of a claim | world | is it there | confirmed | ruled out |", "|---|---|---|---|---|"]
    for (part, name, there), counts in ours.parts.items():
        shares = [_share((counts[state], counts.total())) for state in ("confirmed", "ruled_out")]
        lines.append(f"| {part} | {name} | {'yes' if there else 'no'} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _share(counts: Sequence[int]) -> str:
    hits, runs = counts
    if not runs:
        return "-"
    low, high = clopper_pearson(hits, runs)
    return f"{hits / runs:.1%} ({hits}/{runs}; {low:.1%} to {high:.1%})"


def parser() -> argparse.ArgumentParser:
    """The arguments of `calibrate`."""
    result = argparse.ArgumentParser(
        prog="python -m analysis calibrate", description="How often the verdict errs, and how much it sees."
    )
    result.add_argument("--worlds", default="all", help="names separated by commas, or all (see simulate --list)")
    result.add_argument("--seeds", type=int, default=50, help="runs of each world")
    result.add_argument("--first-seed", type=int, default=1, help="the first seed; the others follow")
    result.add_argument("--rows", type=int, help="rows of a run (the world's own, else 50000)")
    result.add_argument("--hosts", type=int, default=3, help="hosts of each platform where the world leaves it open")
    result.add_argument("--client", type=clients, help=f"arms, of {', '.join(ARMS)} (default: the world's own)")
    result.add_argument(
        "--effect", type=float, help="size of what goes wrong, a difference of risks (the world's own, else 0.02)"
    )
    result.add_argument("--base-risk", type=float, help="share that fails anywhere, without a cause; the world's own")
    result.add_argument("--margin", type=float, default=0.005, help="equivalence margin of the verdict")
    result.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    result.add_argument("--mistakes", action="store_true", help="list every run in which the verdict erred")
    result.add_argument("--out", type=Path, help="write each run's states there (JSON lines)")
    result.add_argument("--hostile", action="store_true", help="draw designs, mechanisms and confounders at random")
    result.add_argument("--shrink-s", type=float, default=60.0, help="with --hostile and --mistakes: seconds for each")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 for wrong usage."""
    options = parser().parse_args(arguments)
    for name, least in (("seeds", 1), ("jobs", 1), ("first_seed", 0)):
        if (value := getattr(options, name)) < least:
            print(f"--{name.replace('_', '-')} is {value}, but it must be {least} or more.", file=sys.stderr)
            return 2
    if options.hostile:
        return _hostile(options)
    names = list(WORLDS) if options.worlds == "all" else options.worlds.split(",")
    settings = Criteria(margin=options.margin)
    asked = {"rows": options.rows, "effect": options.effect, "base_risk": options.base_risk, "clients": options.client}
    given = {name: value for name, value in asked.items() if value is not None}
    by_world = {name: _given(name, given, options.hosts) for name in names if name in WORLDS}
    ours, theirs = Score(), Score()
    try:
        truths = {name: truth_of(name, by_world.get(name, given), settings) for name in names}
    except DesignError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    todo = [
        job
        for name in names
        for job in jobs(
            [name], seeds=options.seeds, given=by_world[name], settings=settings, first_seed=options.first_seed
        )
    ]
    if options.out is not None:
        try:
            options.out.write_text("", encoding="utf-8")
        except OSError as error:
            print(f"--out {options.out} cannot be written ({error.strerror}): name a file that can.", file=sys.stderr)
            return 2
    done, started = 0, time.perf_counter()
    for found in run_jobs(todo, processes=options.jobs):
        for one in found:
            truth = truths[one.world]
            if truth.codes is not None:
                # Which host an address leads to is drawn with the run.
                truth = truth_of(one.world, {**by_world[one.world], "seed": one.seed}, settings)
            ours.add(one.world, one.seed, one.states, truth)
            ours.add_parts(one.world, one.parts, truth, margin=settings.margin)
            theirs.add(one.world, one.seed, one.naive, truth)
        _append(options.out, found)
        done += len(found)
        spent = time.perf_counter() - started
        total = options.seeds * len(names)
        print(f"\r{done} of {total} runs, {spent:.0f} s ({found[0].world}) ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(report(ours, theirs, runs=done))
    if options.mistakes:
        for name, seed, claim, what in ours.mistakes:
            print(f"{name} seed {seed}: {claim} {what}")
    return 0


def _hostile(options: argparse.Namespace) -> int:
    """Runs that are drawn as a whole: what else would shape them is refused."""
    from analysis.calibration import fuzz

    usual = parser().parse_args([])
    fixed = ("worlds", "rows", "hosts", "client", "effect", "base_risk")
    given = [f"--{name.replace('_', '-')}" for name in fixed if getattr(options, name) != getattr(usual, name)]
    if given:
        print(f"{given[0]} cannot be given with --hostile, which draws it: leave out one of them.", file=sys.stderr)
        return 2
    fuzz.run(
        range(options.first_seed, options.first_seed + options.seeds),
        settings=Criteria(margin=options.margin),
        processes=options.jobs,
        shrink_s=options.shrink_s if options.mistakes else 0.0,
        out=options.out,
    )
    return 0


def _append(out: Path | None, found: Sequence[Outcome]) -> None:
    """Each run's states on a line, as soon as they are known: hours of work are not lost to the last run."""
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(one)) + "\n" for one in found)


def _given(name: str, given: Mapping[str, Any], hosts: int) -> dict[str, Any]:
    """What is given, but for what makes the world what it is (one host a platform, for example)."""
    own = world(name).defaults
    usual = {} if "hosts" in own or "hosts_of" in own else {"hosts": hosts}
    return {**usual, **given}


if __name__ == "__main__":
    sys.exit(main())
