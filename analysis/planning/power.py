"""Hosts and hours that an effect needs (power): `python -m analysis plan --effect 0.01 --platforms Windows,Linux`.

Power is counted, not computed: for each size of experiment the small tables are drawn directly
(`sketched_tables.py`: hosts, minutes and attempts with ordinary differences between them; no rows), the claim is
decided on them by the same code that decides a run, and the share of confirmations is printed. So the rules
are the verdict's own: three hosts a side, Welch's degrees of freedom, arms that are dealt to sessions. That
leaves out bursts of the server's and what confounds, both of which only make an experiment need more.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import numpy as np
from scipy import special

from analysis.claims import registry
from analysis.claims.client import client
from analysis.claims.latency import latency
from analysis.claims.platform import platform
from analysis.claims.platform_x_latency import platform_x_latency
from analysis.comparison.cohorts import LEAST_HOSTS
from analysis.comparison.undiluted import WHOLE_SHARE
from analysis.comparison.view import View, view_of
from analysis.model import Criteria, Finding
from analysis.planning.sketch import Sketch, Suspect
from analysis.planning.sketched_tables import sketched_tables
from analysis.stats.detectable import POWER
from analysis.stats.needs import about
from analysis.stats.rates import clopper_pearson

HOSTS: Final = (3, 4, 6, 9, 12)
HOURS: Final = (0.5, 1.0, 2.0, 4.0)
DECIDERS: Final[dict[str, Callable[[View], Finding]]] = {
    "latency": latency,
    "platform": lambda view: platform(view, None),
    "platform_x_latency": lambda view: platform_x_latency(view, None),
    "client": client,
}


@dataclass(frozen=True, kw_only=True)
class Power:
    """How often an experiment of this size confirms the effect.

    Attributes:
        hosts: Of each platform.
        hours: Length.
        confirmed: Simulated experiments that confirmed it.
        runs: Simulated experiments.
    """

    hosts: int
    hours: float
    confirmed: int
    runs: int

    @property
    def enough(self) -> bool:
        """Whether the share reaches 80 %."""
        return self.confirmed >= POWER * self.runs


def level_of(claim: str, settings: Criteria) -> float:
    """The claim's own error rate on the whole run; the parts of the run that are looked at have the rest."""
    return settings.alpha * registry.weights()[claim] * WHOLE_SHARE


def power_of(claim: str, sketch: Sketch, settings: Criteria, *, runs: int, seed: int) -> Power:
    """Share of sketched experiments that confirm the claim at its own share of the family's error rate.

    The claim's weight of the error rate is what it has before any other claim is confirmed (Holm's first
    step), so the power beside confirmed claims is a little higher.
    """
    level = level_of(claim, settings)
    confirmed = 0
    for rng in np.random.default_rng(seed).spawn(runs):
        finding = DECIDERS[claim](view_of(sketched_tables(sketch, rng), settings))
        confirmed += finding.state == "confirmed" and finding.p_value is not None and finding.p_value <= level
    return Power(hosts=sketch.hosts, hours=sketch.minutes / 60, confirmed=confirmed, runs=runs)


def power_grid(
    claim: str,
    sketch: Sketch,
    settings: Criteria,
    *,
    hosts: Sequence[int],
    hours: Sequence[float],
    runs: int,
    seed: int,
) -> list[list[Power]]:
    """Power by hours (rows) and hosts of each platform (columns).

    Power grows with hosts and with hours: where all experiments of a size confirm, larger ones are not drawn.
    """
    grid: list[list[Power]] = []
    for length in hours:
        row: list[Power] = []
        for column, count in enumerate(hosts):
            smaller = [*row[-1:], *(above[column] for above in grid[-1:])]
            certain = any(power.confirmed == runs for power in smaller)
            size = replace(sketch, hosts=count, minutes=round(60 * length))
            row.append(
                Power(hosts=count, hours=length, confirmed=runs, runs=runs)
                if certain
                else power_of(claim, size, settings, runs=runs, seed=seed)
            )
            print(f"\r{count} hosts a platform, {length:g} h ", end="", file=sys.stderr, flush=True)
        grid.append(row)
    print(file=sys.stderr)
    return grid


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One size of experiment, with sessions as planned and with sessions that last the whole run.

    Attributes:
        sketch: The experiment as planned.
        planned: How often it confirms.
        held: How often it does with sessions that are held.
    """

    sketch: Sketch
    planned: Power
    held: Power


def held(sketch: Sketch) -> Sketch:
    """The same with sessions that last the whole run."""
    return replace(sketch, session_s=math.inf)


def cost_of_holding(
    claim: str, grid: Sequence[Sequence[Power]], sketch: Sketch, settings: Criteria, *, runs: int, seed: int
) -> Holding | None:
    """What sessions that last the whole run cost, at the smallest size that suffices (none does: at the largest).

    None where the sessions do so as planned.
    """
    if math.isinf(sketch.session_s):
        return None
    sizes = [power for row in grid for power in row]
    size = min((one for one in sizes if one.enough), key=lambda one: one.hosts * one.hours, default=sizes[-1])
    planned = replace(sketch, hosts=size.hosts, minutes=round(60 * size.hours))
    return Holding(sketch=planned, planned=size, held=power_of(claim, held(planned), settings, runs=runs, seed=seed))


def sessions_in_words(sketch: Sketch) -> str:
    """How many connections the arms are dealt to, and what an attempt is worth by them."""
    how = "held for the whole run" if math.isinf(sketch.session_s) else f"of {sketch.session_s:g} s on average"
    return (
        f"{about(sketch.sessions)} sessions {how} on each host in {sketch.minutes / 60:g} h ({sketch.users} users); "
        f"{sketch.design_effect:.2g} attempts are worth an independent one at the base risk."
    )


def holding_in_words(holding: Holding) -> str:
    """What sessions that last the whole run cost, in a sentence with numbers."""
    one, other = holding.planned, holding.held
    before, after = (power.confirmed / power.runs for power in (one, other))
    change = f"falls from {before:.0%} to {after:.0%}" if after < before else f"is {after:.0%}, and was {before:.0%}"
    if not one.enough and after >= before:
        change = f"stays at {after:.0%}"
    return (
        f"Held for the whole run (--scenario hold, or --session-s 0), {about(held(holding.sketch).sessions)} sessions "
        f"are dealt on a host in place of {about(holding.sketch.sessions)}, {held(holding.sketch).design_effect:.2g} "
        f"attempts are worth one, and the chance at {one.hosts} hosts a platform for {one.hours:g} h {change}."
    )


def hosts_in_words(claim: str, least: int, settings: Criteria) -> str:
    """What so few hosts a side ask of a difference; empty where hosts are their own controls."""
    if not claim.startswith("platform"):
        return ""
    fewest, most = least - 1, 2 * (least - 1)
    t = [float(special.stdtrit(df, 1 - level_of(claim, settings))) for df in (most, fewest)]
    return (
        f"Hosts are the sample, {LEAST_HOSTS} a platform at the least: {least} of each leave {fewest} to {most} "
        f"degrees of freedom (Welch), and the difference must be {t[0]:.1f} to {t[1]:.1f} standard errors beyond the "
        "margin."
    )


def report(
    grid: Sequence[Sequence[Power]],
    *,
    claim: str,
    sketch: Sketch,
    settings: Criteria,
    runs: int,
    holding: Holding | None = None,
) -> str:
    """The grid as a table, the smallest experiments that suffice, and what held sessions would cost."""
    points = f"{100 * sketch.effect:g} point{'' if round(100 * sketch.effect, 6) == 1 else 's'}"
    hosts = [power.hosts for power in grid[0]]
    lines = [
        f"Chance that `{claim}` is confirmed if the effect is {points} (margin {100 * settings.margin:g} points), "
        f"{sketch.attempts_a_minute:g} attempts a minute on each host, {joined(sketch.platforms)};",
        f"{runs} sketched experiments each, hosts differ by a factor of {np.exp(sketch.host_sd):.2f} "
        f"around a risk of {100 * sketch.base_risk:g} %"
        + (f", sessions by one of {np.exp(sketch.connection_sd):.2g}." if sketch.users else "."),
        "",
        f"{'hours':>6} | " + " | ".join(f"{count:>2} hosts" for count in hosts) + " a platform",
    ]
    lines += [
        f"{row[0].hours:>6g} | " + " | ".join(f"{power.confirmed / power.runs:>8.0%}" for power in row) for row in grid
    ]
    enough = [next((power for power in row if power.enough), None) for row in grid]
    sizes = [f"{power.hosts} hosts a platform for {power.hours:g} h" for power in enough if power is not None]
    lines.append("")
    if sizes:
        lines.append(f"Enough for {POWER:.0%}: {'; or '.join(sizes)}.")
    else:
        lines.append(f"None of these reaches {POWER:.0%}: more hosts, more attempts a minute, or a smaller margin.")
    worst = clopper_pearson(round(POWER * runs), runs)
    words = hosts_in_words(claim, min(hosts), settings)
    lines += [words] if words else []
    if sketch.users:
        lines.append(
            sessions_in_words(holding.sketch if holding else replace(sketch, minutes=round(60 * grid[-1][0].hours)))
        )
    if holding is not None:
        lines.append(holding_in_words(holding))
    lines.append(f"A printed {POWER:.0%} stands for {worst[0]:.0%} to {worst[1]:.0%} ({runs} experiments).")
    return "\n".join(lines)


def joined(names: Sequence[str]) -> str:
    """Platforms in words."""
    return " against ".join(names) if len(names) == 2 else ", ".join(names)


def parser() -> argparse.ArgumentParser:
    """The arguments of `plan`."""
    result = argparse.ArgumentParser(
        prog="python -m analysis plan", description="How many hosts and hours an effect needs (80 % power)."
    )
    result.add_argument("--effect", type=float, default=0.01, help="difference of risks to be found (0.01: one point)")
    result.add_argument("--claim", choices=sorted(DECIDERS), default="platform_x_latency", help="what is asked")
    result.add_argument("--platforms", default="Windows,Linux", help="names separated by commas, two or more")
    result.add_argument("--attempts-a-minute", type=float, default=100.0, help="of each host")
    result.add_argument("--users", type=int, default=20, help="of each host; each runs one session after the other")
    result.add_argument(
        "--session-s", type=float, default=180.0, help="how long a session lives on average (0: the whole run, as hold)"
    )
    result.add_argument(
        "--connection-sd", type=float, default=1.0, help="how much connections differ, for life (log scale)"
    )
    result.add_argument("--clients", type=int, default=2, help="client arms")
    result.add_argument("--delay-ms", default="0,160,320", help="delay arms")
    result.add_argument("--base-risk", type=float, default=0.005, help="risk of any attempt where nothing is wrong")
    result.add_argument("--host-sd", type=float, default=0.3, help="how much hosts differ (log scale)")
    result.add_argument("--margin", type=float, default=0.005, help="equivalence margin of the verdict")
    result.add_argument("--runs", type=int, default=40, help="simulated experiments of each size")
    result.add_argument("--hosts", default=",".join(map(str, HOSTS)), help="hosts of each platform to try")
    result.add_argument("--hours", default=",".join(f"{h:g}" for h in HOURS), help="lengths to try")
    result.add_argument("--seed", type=int, default=1, help="of everything random")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 for wrong usage."""
    options = parser().parse_args(arguments)
    try:
        sketch, hosts, hours = _asked(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    settings = Criteria(margin=options.margin)
    grid = power_grid(options.claim, sketch, settings, hosts=hosts, hours=hours, runs=options.runs, seed=options.seed)
    holding = cost_of_holding(options.claim, grid, sketch, settings, runs=options.runs, seed=options.seed)
    print(report(grid, claim=options.claim, sketch=sketch, settings=settings, runs=options.runs, holding=holding))
    return 0


def _asked(options: argparse.Namespace) -> tuple[Sketch, tuple[int, ...], tuple[float, ...]]:
    """The experiment that was asked for.

    Raises:
        ValueError: One sentence that names the value and the rule.
    """
    platforms = tuple(name.strip() for name in options.platforms.split(",") if name.strip())
    delays = _numbers("--delay-ms", options.delay_ms, least=0)
    hosts = tuple(int(count) for count in _numbers("--hosts", options.hosts, least=1))
    hours = _numbers("--hours", options.hours, least=0.01)
    if not options.margin < options.effect <= 0.5:
        raise ValueError(f"--effect {options.effect} must lie above the margin {options.margin} and at most at 0.5.")
    if options.claim.startswith("platform") and len(set(platforms)) < 2:
        raise ValueError(f"--platforms {options.platforms} must name two platforms or more for {options.claim}.")
    if "latency" in options.claim and len(set(delays)) < 2:
        raise ValueError(f"--delay-ms {options.delay_ms} must name two delays or more for {options.claim}.")
    if options.claim == "client" and options.clients < 2:
        raise ValueError(f"--clients {options.clients} must be 2 or more for client.")
    if not 0 <= options.base_risk < 0.5 or options.host_sd < 0 or options.attempts_a_minute <= 0 or options.runs < 1:
        raise ValueError("--base-risk lies between 0 and 0.5; --host-sd, --attempts-a-minute and --runs are positive.")
    if options.claim.startswith("platform") and min(hosts) < LEAST_HOSTS:
        raise ValueError(
            f"--hosts {options.hosts} must be {LEAST_HOSTS} or more for {options.claim}: two of a side differ by "
            "chance as platforms would."
        )
    for name, least in (("users", 1), ("session_s", 0), ("connection_sd", 0)):
        if (value := getattr(options, name)) < least:
            raise ValueError(f"--{name.replace('_', '-')} is {value:g}, but it must be {least} or more.")
    suspects = {name: name for name in get_args(Suspect)}
    sketch = Sketch(
        platforms=platforms or ("Linux",),
        attempts_a_minute=options.attempts_a_minute,
        clients=tuple(f"client-{i}" for i in range(max(1, options.clients))),
        delays_us=tuple(round(1000 * delay) for delay in sorted(set(delays))),
        base_risk=options.base_risk,
        host_sd=options.host_sd,
        effect=options.effect,
        suspect=suspects[options.claim],
        users=options.users,
        session_s=options.session_s or math.inf,
        connection_sd=options.connection_sd,
    )
    shortest = replace(sketch, minutes=max(1, round(60 * min(hours))))
    if shortest.exchanges_a_minute <= 0:
        raise ValueError(
            f"--users {options.users} with --session-s {options.session_s:g} connect more often than "
            f"--attempts-a-minute {options.attempts_a_minute:g} allows."
        )
    return sketch, hosts, hours


def _numbers(name: str, text: str, *, least: float) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{name} {text} must be numbers separated by commas.") from None
    if min(values) < least:
        raise ValueError(f"{name} {text} must be {least:g} or more.")
    return values


if __name__ == "__main__":
    sys.exit(main())
