"""The path of the claim `server` by tokens: fresh ones of users who are let in at other times are refused."""

from __future__ import annotations

from analysis.claims.server_path import Path, bounded
from analysis.comparison.rated import rated
from analysis.comparison.rule import rate_effect, rate_words
from analysis.comparison.split import bound, by_instance
from analysis.comparison.view import View
from analysis.stats.rates import Rate


def fresh_refusals(view: View) -> Path:
    """Tokens refused long before their expiry, of users who are let in at other times: the server's check fails."""
    connects = view.whole.where(view.of_kind(view.whole, "connect"))
    attempts = int(connects.n.sum())
    # Connections of one user share its token and nothing else.
    by_kind = view.tables.fresh_refusals.groupby("kind")[["n", "sometimes"]].sum()
    rates = {
        f"{'session' if kind == 'hold' else kind}s": Rate(events=int(x), n=int(n), design_effect=1.0)
        for kind, n, x in by_kind.itertuples()
    } or {"connects": Rate(events=0, n=attempts, design_effect=1.0)}
    judged = rated(rates, view.margin, n=attempts)
    rate = rates[judged.worst]
    path = Path(
        name="refusals of fresh tokens",
        effect=rate_effect(rate),
        p_value=judged.p_value,
        below=attempts > 0 and judged.all_below,
        n=rate.n,
        evidence=f"Tokens more than a minute before their expiry, of users who are let in at other times, are refused "
        f"in {rate_words(rate)} of the {judged.worst}.",
    )
    # A wrong token is as wrong for every instance: one that refuses more of them has a check that fails.
    parts = bound(by_instance(view, ["auth_fresh"]), view.margin, beside_the_rest=True)
    return bounded(path, parts, view.margin)
