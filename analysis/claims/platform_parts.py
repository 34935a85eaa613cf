"""Parts of a difference of platforms: the system at equal loop, the loop by itself, and each client.

A platform is compared with the loops that are its own, so that a difference may be the system's or its loop's.
Where one loop ran on all platforms, and two loops of one library on the same hosts, the two come apart. These parts
are described, each by its own 95 % interval: they confirm no claim and cost it no error rate. One that lies beyond
the margin keeps the claim from being ruled out, for it was diluted among the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from analysis.comparison.cells import Cells
from analysis.comparison.cohorts import Cohorts, at_equal_loop, narrowed
from analysis.comparison.loops import EQUAL_LOOP_ARMS
from analysis.comparison.rule import DESCRIBED, Comparison, effect_words, joined_words, part_of
from analysis.comparison.view import View
from analysis.comparison.within_hosts import HostEffect, over_hosts
from analysis.model import Finding, Part
from analysis.stats.groups import Bools

EQUAL: Final = "at equal loop"

# The claim's own comparison on some of the rows, with these platforms held against the rest.
Compared = Callable[[Cohorts, tuple[int, ...]], list[Comparison]]
# The claim's effect of the exposed against the others on every host that ran both.
Within = Callable[[Cells, Bools], Mapping[int, HostEffect]]


def with_parts(
    view: View, finding: Finding, sides: Cohorts, firsts: Sequence[int], *, compared: Compared, within: Within
) -> Finding:
    """The finding with its parts, and with what they say of system and loop.

    Args:
        view: The prepared tables.
        finding: Of the whole comparison.
        sides: Who is compared.
        firsts: The platforms that are held against the rest, one for each comparison of the finding.
        compared: The claim's own comparison.
        within: The same between two loops of one host.
    """
    names = list(finding.parts)
    if not names:
        return finding
    equal_sides = at_equal_loop(view, sides)
    equal = _described(view, equal_sides, tuple(firsts), compared, EQUAL) if equal_sides is not None else {}
    clients: dict[str, Part] = {}
    shared = np.unique(sides.cells.family).tolist()
    for f in shared if len(shared) > 1 else ():
        one = narrowed(view, sides, sides.cells.where(sides.cells.family == f))
        if one is not None:
            clients |= _described(view, one, tuple(firsts), compared, f"with {view.families[f]}")
    chosen = min(range(len(names)), key=lambda i: (_p_value(finding.parts[names[i]]), i))
    loops = _loops(view, sides, firsts[chosen], within)
    judged = _held_open(replace(finding, parts={**finding.parts, **equal, **clients, **loops}), {**equal, **clients})
    at_equal = equal.get(f"{names[chosen]} {EQUAL}")
    prefix = f"{names[chosen]} with "
    by_client = {name.removeprefix(prefix): part for name, part in clients.items() if name.startswith(prefix)}
    if not _worth_parting(judged, [*by_client.values(), *loops.values(), *([at_equal] if at_equal else [])]):
        return judged
    judged = replace(judged, evidence=" ".join([judged.evidence, *_who(by_client)]))
    if at_equal is None or equal_sides is None:
        return _asking(judged) if _own_loop(sides, firsts[chosen]) else judged
    of_whom = joined_words([view.clients[c] for c in np.unique(equal_sides.cells.client)])
    said = [f"At equal loop ({of_whom}): {_effect(at_equal)}."]
    said += [f"On the same hosts {name.removeprefix('loop: ')}: {_effect(part)}." for name, part in loops.items()]
    said.append(reading(at_equal, list(loops.values())))
    return replace(judged, evidence=" ".join([judged.evidence, *said]))


def _worth_parting(finding: Finding, parts: Sequence[Part]) -> bool:
    """Whether there is a difference to be parted, and nothing confounds it."""
    if finding.state == "ruled_out" or any(check.ok is not True for check in finding.checks):
        return False
    above_zero = finding.effect is not None and finding.effect.low is not None and finding.effect.low > 0
    return above_zero or any(_beyond(part) for part in parts)


def _who(clients: Mapping[str, Part]) -> list[str]:
    """A sentence where some clients differ between the platforms and others do not."""
    beyond = [name for name, part in clients.items() if _beyond(part)]
    inside = [name for name, part in clients.items() if part.state == "ruled_out"]
    return [f"They differ with {joined_words(beyond)}, not with {joined_words(inside)}."] if beyond and inside else []


def reading(equal: Part, loops: Sequence[Part]) -> str:
    """Whether it is the system, its loop or both, as far as the parts show it.

    Args:
        equal: The platforms at equal loop.
        loops: The worse platform's loop against the other's, on the same hosts; empty: they never met.
    """
    system, loop = _beyond(equal), any(_beyond(part) for part in loops)
    no_system, no_loop = equal.state == "ruled_out", bool(loops) and all(part.state == "ruled_out" for part in loops)
    against = [part for part in (equal, *loops) if part.state == "confirmed" and not _beyond(part)]
    if against and (system or loop):
        return "The system and its loop pull in opposite directions."
    if system and loop:
        return "So it is both, the system and its loop."
    if loop:
        return "So it is the loop and not the system." if no_system else "The loop is part of it; the system is open."
    if system:
        return "So it is the system and not its loop." if no_loop else "The system is part of it; its loop is open."
    if no_system and no_loop:
        return "So it is neither the system at equal loop nor that loop: it lies with the other clients."
    return "Whether it is the system or its loop stays open."


def _described(view: View, sides: Cohorts, firsts: tuple[int, ...], compared: Compared, suffix: str) -> dict[str, Part]:
    return {
        f"{one.name} {suffix}": part_of(one, view.margin, directed=False, evidence=DESCRIBED)
        for one in compared(sides, firsts)
    }


def _loops(view: View, sides: Cohorts, one: int, within: Within) -> dict[str, Part]:
    """For each library: the platform's own loop against the others', on the hosts that ran both."""
    cells, every = sides.cells, sides.every_arm
    found = {}
    for library in np.unique(cells.library).tolist():
        mine, others = _loops_of(cells.where(cells.library == library), one)
        for own in sorted(mine - others):
            for other in sorted(others - mine):
                pair = every.where((every.library == library) & np.isin(every.loop, (own, other)))
                name = f"loop: {view.loops[own]} against {view.loops[other]} of {view.libraries[library]}"
                whole = over_hosts(name, within(pair, pair.loop == own))
                if whole is not None:
                    found[name] = part_of(whole, view.margin, directed=False, evidence=DESCRIBED)
    return found


def _loops_of(cells: Cells, one: int) -> tuple[set[int], set[int]]:
    """The loops of a platform, and those of the others."""
    mine = cells.platform == one
    return set(cells.loop[mine].tolist()), set(cells.loop[~mine].tolist())


def _own_loop(sides: Cohorts, one: int) -> bool:
    """Whether the platform is compared with a loop that the others lack."""
    mine, others = _loops_of(sides.cells, one)
    return mine != others


def _held_open(finding: Finding, parts: Mapping[str, Part]) -> Finding:
    """Not ruled out where some of the clients differ beyond the margin: the others dilute it."""
    beyond = [name for name, part in parts.items() if part.state == "confirmed"]
    if finding.state != "ruled_out" or not beyond:
        return finding
    said = f"Over all clients the platforms differ by less than the margin, but not so {beyond[0]}"
    return replace(
        finding,
        state="undecided",
        evidence=f"{said}: {_effect(parts[beyond[0]])}.",
        needs="A run of those clients alone on every platform: among the others their effect is diluted.",
        ceiling=False,
    )


def _asking(finding: Finding) -> Finding:
    """Say which arm would tell the system from its loop, where it was not there."""
    words = f"an arm of one loop on every platform ({EQUAL_LOOP_ARMS})"
    if finding.state == "undecided":
        return replace(finding, needs=f"{finding.needs} To tell the system from its loop: {words}.")
    open_end = f"Whether it is the system or its loop cannot be told: it takes {words}."
    return replace(finding, evidence=f"{finding.evidence} {open_end}")


def _beyond(part: Part) -> bool:
    return part.state == "confirmed" and part.effect is not None and (part.effect.estimate or 0.0) > 0


def _effect(part: Part) -> str:
    return effect_words(part.effect) if part.effect is not None else "no estimate"


def _p_value(part: Part) -> float:
    return 1.0 if part.p_value is None else part.p_value
