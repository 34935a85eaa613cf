"""The path of the claim `server` by silence: requests that it had, since it answered the ping behind them."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.claims.server_answers import by_operation
from analysis.claims.server_path import Path, bounded
from analysis.comparison.rated import rated
from analysis.comparison.rule import rate_effect, rate_words
from analysis.comparison.split import bound, by_instance, counted, shares
from analysis.comparison.view import View

# A session that falls mute explains the silence if most of the silence is on such sessions.
MUTE_SHARE: Final = 0.5


def unanswered(view: View) -> Path | None:
    """Requests that the server had and did not answer: it answered the ping behind them. None: nobody was asked.

    TCP keeps the order, so that neither the way nor this client is to blame (`scenarios.session.peer_check`). They are
    counted, by kind of attempt, as the server's own words are. Where some are spared (`spared_of_silence`)
    this path stays open.
    """
    cells = view.cells.where(~view.flagged)
    if not cells.checked.any():
        return None
    rates = {}
    for code, kind in enumerate(view.kinds):
        mine = cells.where(cells.kind == code)
        rates[f"{kind}s"] = view.census(mine, mine.unanswered)
    operations = by_operation(view, cells, cells.unanswered)
    judged = rated({**rates, **operations}, view.margin, n=int(cells.n.sum()), may_be_few=operations)
    rates |= operations
    rate = rates[judged.worst]
    spared = view.spared
    path = Path(
        name="silence while it answers pings",
        effect=rate_effect(rate),
        p_value=1.0 if spared else judged.p_value,
        below=judged.all_below,
        n=rate.n,
        evidence=f"Of the {judged.worst} {rate_words(rate)} ran out while the server answered a ping on the same "
        f"connection: it had them and kept silent{f', but {spared}' if spared else ''}.{mute_words(view)}",
    )
    explained = {view.operations[o] for o in np.unique(view.cells.operation[view.flagged])}
    split = shares(view, cells, counted(cells, cells.unanswered))
    named = by_instance(view, ["unanswered"], but=explained)
    return bounded(path, bound([*split, *named], view.margin), view.margin)


def mute_words(view: View) -> str:
    """Whether the unanswered requests are those of connections that are mute from a moment on; else nothing."""
    frame = view.tables.mute
    of_connections = frame["operation"] == ""
    is_mute = frame["is_mute"].astype(bool)
    counts = [int(frame.loc[chosen, "n"].sum()) for chosen in (of_connections, of_connections & is_mute)]
    requests = [int(frame.loc[chosen, "n"].sum()) for chosen in (~of_connections, ~of_connections & is_mute)]
    if not requests[1] or requests[1] < MUTE_SHARE * requests[0]:
        return ""
    return (
        f" {counts[1]} of {counts[0]} such connections were mute from a moment on, while pings were answered "
        f"({requests[1]} of {requests[0]} unanswered requests)."
    )
