"""Client loop: were attempts lost because the client's own event loop was blocked?

An exact rule: a lag of half the budget explains a failure by itself, and so does a rung that says that the kernel
held what this client had not read or not sent. Lag is never correlated with failing, for an attempt that waits longer
sees more of it; and no lag, however long, is to blame where the kernel says that nothing lay unread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from analysis.claims.claim import Claim
from analysis.comparison.cells import Cells
from analysis.comparison.host_conditions import loops_measured
from analysis.comparison.rated import few_words, rated
from analysis.comparison.rule import points, rate_words
from analysis.comparison.split import bound, counted, shares
from analysis.comparison.view import View
from analysis.model import Finding
from analysis.stats.detectable import Precision
from analysis.stats.needs import about
from analysis.stats.rates import Rate, attempts_to_bound

# Two limits that hold together at 95 % (Bonferroni).
_OF_TWO: Final = 0.975


def client_loop(view: View) -> Finding:
    """The worst host's rate of failures that its own loop explains; ruled out in every part of the run (`split.py`)."""
    cells = view.cells
    measured = loops_measured(view)
    own: dict[str, Rate] = {}
    any_lag: dict[str, Rate] = {}
    cleared: dict[str, bool] = {}
    for h, (host, platform) in enumerate(view.hosts):
        mine = cells.where(cells.host == h)
        name = f"{platform} {host}"
        own[name] = view.census(mine, mine.client_loop)
        any_lag[name] = view.census(mine, mine.any_lag_bad)
        cleared[name] = any_lag[name].events == 0 and _most_by_rungs(view, mine) < view.margin
    kernel = kernel_words(view)
    judged = rated(own, view.margin, n=int(cells.n.sum()))
    base, worst = replace(judged.finding, checks=(measured.check,)), judged.worst
    if measured.check.ok is not True:
        return replace(
            base,
            evidence=measured.check.detail,
            needs=f"{measured.need.capitalize()}.",
            precision=Precision(unknown=measured.check.detail),
        )
    if judged.p_value <= view.settings.alpha:
        unread = ", or what its kernel held was not read or sent," if cells.here.any() else ""
        words = (
            f"The loop of {worst} was blocked for half the budget or more{unread} in {rate_words(own[worst])} of its "
            f"attempts.{kernel}"
        )
        return replace(base, state="confirmed", evidence=words)
    late = rated(any_lag, view.margin, n=int(cells.n.sum()))
    if all(cleared[name] or part.state == "ruled_out" for name, part in late.finding.parts.items()):
        words = (
            f"On no host do failures with a late loop (0.1 s or more) reach {points(view.margin)} % of the attempts."
            f"{kernel}"
        )
        parts = bound(shares(view, cells, counted(cells, cells.any_lag_bad)), view.margin)
        if parts.beyond:
            return parts.held_open(base, view.margin, words)
        return replace(base, state="ruled_out", evidence=f"{words}{few_words(parts.few)}")
    lagging = late.highest
    if any_lag[lagging].events == 0:
        more = about(attempts_to_bound(any_lag[lagging], view.margin) or any_lag[lagging].n)
        return replace(
            base,
            evidence=f"On {lagging} no attempt failed with a late loop, but it made {any_lag[lagging].n:,} only."
            f"{kernel}",
            needs=f"{more} attempts on each host.",
        )
    return replace(
        base,
        evidence=f"On {lagging} {rate_words(any_lag[lagging])} of the attempts failed while the loop was late, "
        f"but the lag does not explain them by itself.{kernel}",
        needs="Fewer users a worker (or more cores), so that no loop is late by 0.1 s; or more attempts on each host.",
    )


def _most_by_rungs(view: View, cells: Cells) -> float:
    """The upper limit (95 %) of the rate of attempts that ran out in this machine, by where each timeout was lost.

    Of a few attempts little is known; but where each that ran out was asked about, those in this machine are at most
    so many of the timeouts, which are at most so many of the attempts. A timeout whose place is not known may be here.
    """
    timeouts = int(cells.timeouts.sum())
    may_be_here = timeouts - int(cells.placed.sum()) + int(cells.here.sum())
    share = Rate(events=may_be_here, n=timeouts, design_effect=1.0).interval(_OF_TWO)[1]
    return share * view.census(cells, cells.timeouts).interval(_OF_TWO)[1]


def kernel_words(view: View) -> str:
    """How many timeouts the kernel knows to have been lost in this machine, as a sentence; empty: none was asked for.

    With one host, too, they are a share of what was asked, and not a comparison.
    """
    placed, here = int(view.cells.placed.sum()), int(view.cells.here.sum())
    if not placed:
        return ""
    high = 100 * Rate(events=here, n=placed, design_effect=1.0).interval()[1]
    limit = f"{high:.2g}" if high < 99.5 else "100"
    them = "none had" if not here else f"{here} had"
    return (
        f" Of {placed:,} timeouts whose place is known {them} bytes waiting in this machine, or a loop that stood "
        f"still (at most {limit} %)."
    )


CLAIM: Final = Claim(
    name="client_loop",
    title="Client loop blocked",
    statement="the client's own event loop was blocked",
    weight=0.03,
    decide=lambda evidence: client_loop(evidence.view),
)
