"""Client: does the library or the event loop raise the risk, on the same platform?

Each client against the others on the same host, in the same minutes; the hosts are the sample. A client is a
library on its loop, by name; and where platforms have loops of their own, a library on its family of loop
besides, over the hosts of all platforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from analysis.claims.claim import Claim, Evidence, Watched
from analysis.comparison import factor_conditions as factors
from analysis.comparison.arm_conditions import arms_interleaved, budgets_alike
from analysis.comparison.by_minute import by_minute
from analysis.comparison.ceiling import below_ceiling
from analysis.comparison.cells import Cells
from analysis.comparison.host_conditions import loops_measured
from analysis.comparison.rule import DESCRIBED, Comparison, ComparisonRule, Condition, compare, effect_words, part_of
from analysis.comparison.undiluted import by_delay, by_operation, undiluted
from analysis.comparison.view import View
from analysis.comparison.within_hosts import HostEffect, effects_by_host, over_hosts
from analysis.model import Check, Finding, Part
from analysis.stats.groups import Bools, Floats, combined
from analysis.stats.rates import Rate

RULE = ComparisonRule(
    joined="any",
    directed=True,
    confirmed="On the same host, at the same time and delay, one client fails more; {name}: {effect}.",
    ruled_out="On the same host, at the same time and delay, clients differ by less than the margin; {name}: {effect}.",
)
TWO = ComparisonRule(joined="any", directed=False, confirmed=RULE.confirmed, ruled_out=RULE.ruled_out)


@dataclass(frozen=True, kw_only=True)
class ClientArm:
    """One client of a comparison with the others.

    Attributes:
        name: "library/loop", or "library/family" for one whose loop has a name on each platform.
        exposed: (cells,) of `View.compared`.
    """

    name: str
    exposed: Bools


def client_arms(view: View) -> list[ClientArm]:
    """Every library on its loop, by name, then those on a family of loops with several names.

    The first tell what one platform's own loop does, from that platform's hosts; the second what a library does
    on all platforms, from all hosts.
    """
    cells = view.compared
    exact = [ClientArm(name=name, exposed=cells.client == c) for c, name in enumerate(view.clients)]
    several = [
        ClientArm(name=name, exposed=cells.family == f)
        for f, name in enumerate(view.families)
        if len(np.unique(cells.client[cells.family == f])) > 1
    ]
    return [arm for arm in (*exact, *several) if arm.exposed.any()]


def client(view: View, *, parted: bool = True) -> Finding:
    """Each client against the rest within host, time, delay and kind; mean over hosts.

    Args:
        view: The prepared tables.
        parted: Say what library and loop do by themselves, too.
    """
    cells = view.compared
    arms = client_arms(view)
    own = [effects_by_host(view, cells, arm.exposed) for arm in arms]
    mirrors = [_mirror(cells, arms, own, a) for a in range(len(arms))]
    two_sided = len(arms) > 1 and all(mirror is not None or not own[a] for a, mirror in enumerate(mirrors))
    comparisons: dict[int, Comparison] = {}
    for a, mirror in enumerate(mirrors):
        rest = arms[mirror].name if mirror is not None else "the others"
        found = over_hosts(f"{arms[a].name} against {rest}", own[a])
        if found is not None:
            comparisons[a] = found
    if two_sided:
        comparisons = {a: one for a, one in comparisons.items() if _leads(a, mirrors[a], comparisons)}
    exact = [a for a, arm in enumerate(arms) if arm.name in view.clients]
    comparisons = _weighted(comparisons, exact)
    finding = compare(
        view,
        list(comparisons.values()),
        [
            _hosts(view),
            loops_measured(view),
            budgets_alike(view, "client", "clients"),
            *_interleaved(view, {a: own[a] for a in comparisons}, arms),
            *factors.of_clients(view, [arms[a].name for a in comparisons]),
        ],
        TWO if two_sided else RULE,
        ceiling=len(exact) > 1 and below_ceiling([_rate(view, arms[a]) for a in exact], view.margin),
        incomplete=", ".join(arms[a].name for a in exact if len(own[a]) < 2),
        nothing_to_compare="Two clients or more (for example --client websocket-client,websockets-asyncio) on each of "
        "at least three hosts.",
    )
    return _with_parts(view, finding) if parted else finding


def _weighted(comparisons: dict[int, Comparison], exact: Sequence[int]) -> dict[int, Comparison]:
    """Half of the claim's error rate for what a library does on all platforms, half for what one loop does.

    In equal parts the many of the second kind, each on some of the hosts, would use up the power of the first.
    """
    by_name = sum(a in exact for a in comparisons)
    counts = {a: by_name if a in exact else len(comparisons) - by_name for a in comparisons}
    return {a: replace(one, weight=1 / counts[a]) for a, one in comparisons.items()}


def _mirror(cells: Cells, arms: Sequence[ClientArm], own: Sequence[dict[int, HostEffect]], a: int) -> int | None:
    """The arm that was the only other one wherever this one ran: their two comparisons are one."""
    inside = np.isin(cells.host, list(own[a]))
    for b in range(len(arms)):
        together = b != a and own[a] and own[a].keys() == own[b].keys()
        if together and bool((arms[a].exposed[inside] != arms[b].exposed[inside]).all()):
            return b
    return None


def _leads(a: int, mirror: int | None, comparisons: dict[int, Comparison]) -> bool:
    """Of two mirrored comparisons the one with the higher risk first."""
    if mirror is None:
        return True
    mine, other = comparisons[a].estimate.value, comparisons[mirror].estimate.value
    return mine > other or (mine == other and a < mirror)


def _rate(view: View, arm: ClientArm) -> Rate:
    mine = view.compared.where(arm.exposed)
    return view.rate(mine, mine.unexplained, mine.n_clean, about=view.variant)


def _interleaved(view: View, own: dict[int, dict[int, HostEffect]], arms: Sequence[ClientArm]) -> list[Condition]:
    """Each client alternated with the others on the hosts that ran it; a host without it is no block of time."""
    conditions = []
    for a, hosts in own.items():
        there = np.isin(view.compared.host, list(hosts))
        cells, exposed = view.compared.where(there), arms[a].exposed[there]
        conditions.append(arms_interleaved(1.0, cells, exposed, arms="clients", where=arms[a].name))
    return conditions


def _hosts(view: View) -> Condition:
    """Every client ran beside others on two hosts or more, whatever their platform."""
    cells = view.compared
    place, _ = combined(cells.host, cells.family)
    pairs = np.unique(place, return_index=True)[1]
    host, family = cells.host[pairs], cells.family[pairs]
    several = np.isin(host, np.flatnonzero(np.bincount(host, minlength=len(view.hosts)) > 1))
    fewest = min((int((family[several] == f).sum()) for f in np.unique(family[several])), default=0)
    clients = len(np.unique(family))
    ok = fewest >= 2 and clients > 1
    detail = "Every client ran beside others on two hosts or more."
    if clients < 2:
        detail = "There is one client only."
    elif not ok:
        detail = "A client ran beside others on fewer than two hosts: it cannot be told from its process."
    return Condition(
        check=Check(name="clients on several hosts", ok=ok, detail=detail),
        need="two clients or more on each of at least three hosts",
        of_error=True,
    )


def _with_parts(view: View, finding: Finding) -> Finding:
    """The finding with what library and loop do by themselves, each by its own interval, and what that shows."""
    libraries, loops = library_parts(view), loop_parts(view)
    if finding.ceiling:
        return replace(finding, parts={**finding.parts, **libraries, **loops})
    said = [
        f"{what} ({name.split(': ')[1]}: {effect_words(part.effect)})."
        for what, parts in (("On one loop the libraries differ", libraries), ("In one library the loops differ", loops))
        for name, part in parts.items()
        if part.state == "confirmed" and part.effect is not None
    ]
    evidence = " ".join([finding.evidence, *said])
    return replace(finding, parts={**finding.parts, **libraries, **loops}, evidence=evidence)


def library_parts(view: View) -> dict[str, Part]:
    """Two libraries on one loop of the same hosts: what is the library's, by family of loop."""
    cells = view.compared
    kinds = np.array([view.families[f].rsplit("/", 1)[1] for f in range(len(view.families))])[cells.family]
    found = {}
    for kind in np.unique(kinds).tolist():
        mine = cells.where(kinds == kind)
        for one, two in combinations(np.unique(mine.library).tolist(), 2):
            pair = mine.where((mine.library == one) | (mine.library == two))
            part = _pair(view, pair, pair.library == one, (view.libraries[one], view.libraries[two]))
            if part is not None:
                found[f"library: {part[0]} on {kind}"] = part[1]
    return found


def loop_parts(view: View) -> dict[str, Part]:
    """One library on two loops of the same hosts: what is the loop's."""
    cells = view.compared
    found = {}
    for library, name in enumerate(view.libraries):
        mine = cells.where(cells.library == library)
        for one, two in combinations(np.unique(mine.loop).tolist(), 2):
            pair = mine.where((mine.loop == one) | (mine.loop == two))
            part = _pair(view, pair, pair.loop == one, (view.loops[one], view.loops[two]))
            if part is not None:
                found[f"loop: {part[0]} of {name}"] = part[1]
    return found


def _pair(view: View, cells: Cells, exposed: Bools, names: tuple[str, str]) -> tuple[str, Part] | None:
    """Two sides that ran on the same hosts, the higher risk first."""
    found = over_hosts(" against ".join(names), effects_by_host(view, cells, exposed))
    if found is not None and found.estimate.value < 0:
        found = over_hosts(" against ".join(reversed(names)), effects_by_host(view, cells, ~exposed))
    if found is None:
        return None
    return found.name, part_of(found, view.margin, directed=False, evidence=DESCRIBED)


def _decide(evidence: Evidence) -> Finding:
    view = evidence.view
    looks = [*by_operation(view), *by_delay(view)]
    return undiluted(view, lambda part: client(part, parted=False), client(view), looks)


def _minutes(view: View) -> dict[str, Floats]:
    """Per client, one difference from the others a minute."""
    cells = view.compared
    arms = client_arms(view)
    if len(arms) < 2:
        return {}
    return {arm.name: by_minute(view, cells, arm.exposed, cells.delay) for arm in arms}


CLAIM: Final = Claim(
    name="client",
    title="Client library or loop",
    statement="the client library or event loop raises the risk",
    weight=0.1,
    decide=_decide,
    while_live=Watched(minutes=_minutes, joined="any"),
)
