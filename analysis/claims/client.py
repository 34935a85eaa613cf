"""Client: does the library or the event loop raise the risk, on the same platform?

Each client against the others on the same host, in the same minutes; the hosts are the sample.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from analysis import checks
from analysis.ceiling import below_ceiling
from analysis.comparison import Comparison, Condition, Rule, compare
from analysis.estimate import Estimate, Spread, widest
from analysis.groups import combined
from analysis.host_stage import one_sample, over_chunks, weighted_mean
from analysis.mantel_haenszel import Contrast, risk_difference
from analysis.model import Check, Finding
from analysis.view import View

RULE = Rule(
    joined="any",
    directed=True,
    confirmed="On the same host, at the same time and delay, one client fails more; {name}: {effect}.",
    ruled_out="On the same host, at the same time and delay, clients differ by less than the margin; {name}: {effect}.",
)
# Hosts whose variances differ by more than this are weighted by what they know.
UNEVEN: Final = 10.0
TWO = Rule(joined="any", directed=False, confirmed=RULE.confirmed, ruled_out=RULE.ruled_out)


def client(view: View) -> Finding:
    """Each client against the rest within host, time, delay and kind; mean over hosts."""
    cells = view.compared
    clients = [c for c in range(len(view.clients)) if (cells.client == c).any()]
    comparisons = []
    alone = []
    fewest = len(view.hosts)
    for c in clients:
        own = _by_host(view, c)
        if not own:
            alone.append(view.clients[c])
            continue
        fewest = min(fewest, len(own))
        if len(own) > 1:
            comparisons.append(_over_hosts(view, c, own, clients))
    two_sided = len(clients) == 2 and len(comparisons) == 2
    if two_sided:
        comparisons = [max(comparisons, key=lambda one: one.estimate.value)]
    rates = []
    for c in clients:
        mine = cells.where(cells.client == c)
        rates.append(view.rate(mine, mine.unexplained, mine.n_clean))
    return compare(
        view,
        comparisons,
        [
            _hosts(fewest, clients),
            checks.loops_measured(view),
            checks.budgets_alike(view, "client", "clients"),
            *_interleaved(view, comparisons, clients),
        ],
        TWO if two_sided else RULE,
        ceiling=len(clients) > 1 and below_ceiling(rates, view.margin),
        incomplete=", ".join(alone),
        nothing_to_compare="Two clients or more (for example --client websocket-client,websockets-asyncio) on each of "
        "at least three hosts.",
    )


def _interleaved(view: View, comparisons: list[Comparison], clients: list[int]) -> list[Condition]:
    if not comparisons:
        return []
    cells = view.compared
    return [
        checks.arms_interleaved(1.0, cells, cells.client == c, arms="clients", where=view.clients[c])
        for c in (clients[:1] if len(clients) == 2 else clients)
    ]


def _by_host(view: View, c: int) -> dict[int, Contrast]:
    """The client's effect on every host that ran others beside it."""
    found = {}
    for h in range(len(view.hosts)):
        cells = view.compared.where(view.compared.host == h)
        when = view.clock.bin(cells.minute, view.unit)
        stratum, _ = combined(when, cells.delay, cells.operation)
        contrast = risk_difference(
            stratum,
            view.clock.chunk(cells.minute),
            cells.client == c,
            cells.n_clean,
            cells.unexplained,
            chunks=view.clock.chunks,
            design_effect=view.attempts_a_connection,
        )
        if contrast is not None:
            found[h] = contrast
    return found


def _over_hosts(view: View, c: int, own: dict[int, Contrast], clients: list[int]) -> Comparison:
    contrasts = list(own.values())
    values = np.array([contrast.estimate.value for contrast in contrasts])
    n = sum(contrast.n for contrast in contrasts)
    variances = np.array([contrast.estimate.spreads[1].se ** 2 for contrast in contrasts])
    uneven = variances.max() > UNEVEN * variances.min()
    hosts = weighted_mean(values, variances, n=n) if uneven else one_sample(values, n=n)
    assert hosts is not None
    informed = min(contrast.informed for contrast in contrasts)
    chunks = over_chunks(hosts.value, np.mean([contrast.scores for contrast in contrasts], axis=0), informed)
    floor = math.sqrt(float(variances.sum())) / len(contrasts)
    attempts = Estimate(value=hosts.value, spreads=(Spread(floor, math.inf),))
    others = [view.clients[other] for other in clients if other != c]
    rest = others[0] if len(others) == 1 else "the others"
    return Comparison(
        name=f"{view.clients[c]} against {rest}",
        estimate=widest(hosts, chunks, attempts),
        informed=informed,
        hosts=len(own),
    )


def _hosts(fewest: int, clients: list[int]) -> Condition:
    ok = fewest >= 2 and len(clients) > 1
    detail = "Every client ran beside others on two hosts or more."
    if len(clients) < 2:
        detail = "There is one client only."
    elif not ok:
        detail = "A client ran beside others on fewer than two hosts: it cannot be told from its process."
    return Condition(
        check=Check(name="clients on several hosts", ok=ok, detail=detail),
        need="two clients or more on each of at least three hosts",
    )
