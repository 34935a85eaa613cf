"""Auth: are tokens refused? An exact rule: the server says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.claim import Claim
from analysis.comparison.rated import few_words, rated
from analysis.comparison.rule import points, rate_words
from analysis.comparison.split import bound, by_instance, counted, shares
from analysis.comparison.view import View
from analysis.model import Finding
from analysis.stats.groups import sums
from analysis.stats.needs import about
from analysis.stats.rates import Rate


def auth(view: View) -> Finding:
    """Refusals per connect, over all and on the worst host; refusals on and of open sessions beside them.

    Ruled out only if no arm, host or named instance that has attempts enough may be beyond the margin (`split.py`).

    A refusal is complete when it comes, so that a run of any length counts all of them. Where nothing was shown that
    could be refused, nothing is said of it.
    """
    cells = view.whole
    is_connect = view.of_kind(cells, "connect")
    connects, others = cells.where(is_connect), cells.where(~is_connect)
    rates: dict[str, Rate] = {}
    # Of each group's refusals, those of tokens that were still good.
    fresh: dict[str, int] = {}
    if len(connects):
        rates["connects"] = view.census(connects, connects.auth)
        fresh["connects"] = int(connects.auth_fresh.sum())
    if others.auth.any():
        rates["open sessions"] = view.census(others, others.auth)
        fresh["open sessions"] = int(others.auth_fresh.sum())
    held = view.tables.sessions
    if held["auth"].any():
        rates["sessions"] = Rate(events=int(held["auth"].sum()), n=int(held["n"].sum()), design_effect=1.0)
        fresh["sessions"] = int(held["auth_fresh"].sum())
    refused = sums(connects.host, connects.auth, len(view.hosts)) > 0
    if len(view.hosts) > 1:
        for h in np.flatnonzero(refused):
            mine = connects.where(connects.host == h)
            host, platform = view.hosts[int(h)]
            name = f"connects of {platform} {host}"
            rates[name] = view.census(mine, mine.auth)
            fresh[name] = int(mine.auth_fresh.sum())
    if not rates:
        return Finding(
            state="undecided",
            n=int(cells.n.sum()),
            evidence="No session was opened in this run.",
            needs="Connects: about 740 without a refusal rule it out.",
        )
    if not view.settings.has_credentials and not any(rate.events for rate in rates.values()):
        return Finding(
            state="undecided",
            n=int(cells.n.sum()),
            evidence="Sessions came without credentials: there was nothing to refuse.",
            needs="Credentials (--token-source), where the server has any to check.",
        )
    judged = rated(rates, view.margin, n=rates["connects"].n if "connects" in rates else int(cells.n.sum()))
    base, worst = judged.finding, judged.worst
    young = f" {fresh[worst]} of them more than a minute before their token's expiry." if fresh[worst] else ""
    reading = f"Refused: {rate_words(rates[worst])} of the {worst}.{young}"
    if judged.p_value <= view.settings.alpha:
        return replace(base, state="confirmed", evidence=reading)
    if judged.all_below:
        asked = cells if others.auth.any() else connects
        kinds = () if others.auth.any() else ("connect",)
        split = [*shares(view, asked, counted(asked, asked.auth)), *by_instance(view, ["auth"], kinds=kinds)]
        parts = bound(split, view.margin)
        if parts.beyond:
            return parts.held_open(base, view.margin, reading)
        words = f"{reading} That is below {points(view.margin)} %.{few_words(parts.few)}"
        return replace(base, state="ruled_out", evidence=words)
    missing = 740 - rates["connects"].n if "connects" in rates else 740
    needs = f"About {about(missing)} more connects." if missing > 0 else "About twice as many connects."
    return replace(base, evidence=reading, needs=needs)


CLAIM: Final = Claim(
    name="auth",
    title="Authentication",
    statement="tokens are refused",
    weight=0.03,
    decide=lambda evidence: auth(evidence.view),
    of_refusals=True,
)
