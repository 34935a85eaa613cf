"""The paths of the claim `server` by silence: requests that it had, since it answered the ping behind them.

Or since the kernel at its end acknowledged them, where no pong came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.server_answers import by_operation
from analysis.claims.server_path import Path, bounded
from analysis.claims.spared import spared_of
from analysis.comparison.cells import Cells
from analysis.comparison.rated import rated
from analysis.comparison.rule import rate_effect, rate_words
from analysis.comparison.split import bound, by_instance, counted, shares
from analysis.comparison.view import View
from analysis.stats.groups import Bools, Ints, combined, sums

# A session that falls mute explains the silence if most of the silence is on such sessions.
MUTE_SHARE: Final = 0.5
# The way is losing where, beside what is silent, more than this share was lost on it or had to be sent again; or where
# of more than that share nobody can say where it was lost.
LOSING_RATIO: Final = 0.05
UNTOLD_RATIO: Final = 0.25


def unanswered(view: View) -> Path | None:
    """Requests that the server had and did not answer: it answered the ping behind them. None: nobody was asked.

    TCP keeps the order, so that neither the way nor this client is to blame (`scenarios.session.peer_check`).
    """
    cells = view.cells.where(~view.flagged)
    if not cells.checked.any():
        return None
    return _silence(
        view,
        cells,
        cells.unanswered - cells.acknowledged,
        name="silence while it answers pings",
        words="ran out while a ping on the same connection was answered: the server's side (it, or a proxy in front of "
        "it) had them and kept silent",
        more=mute_words(view),
    )


def acknowledged(view: View) -> Path | None:
    """What the kernel at the other end acknowledged, and nobody answered: no pong came either. None: there is none.

    Connects that are silent before the upgrade are among them: nobody can be pinged there, and a kernel can be asked.
    """
    cells = view.cells.where(~view.flagged)
    if not cells.acknowledged.any():
        return None
    is_losing = _while_the_way_loses(cells)
    held_up = int(cells.acknowledged[is_losing].sum())
    path = _silence(
        view,
        cells,
        np.where(is_losing, 0, cells.acknowledged),
        name="silence though it acknowledges",
        words="ran out though the peer's kernel, or that of a proxy in front of it, had acknowledged all that was "
        "sent, the ping behind it as well: no pong and no answer came from its process",
        more=f" {held_up:,} more ran out so while the way lost what others at the same site had sent: what the server "
        "said may have been lost as well."
        if held_up
        else "",
    )
    # What may be the way's is not counted; that it is not the server's is not said.
    return replace(path, below=False) if held_up and path.below else path


def _while_the_way_loses(cells: Cells) -> Bools:
    """(rows,) those of minutes and sites in which much was lost or sent again, beside what nobody answered.

    An answer that is lost is kept back by its sender's kernel until its timer ends, and all behind it: that looks like
    a process that keeps silent, and no kernel on this side knows better. But a way that loses answers loses requests.
    """
    place, places = combined(cells.site + 1, cells.minute - cells.minute.min())
    counts = (cells.acknowledged, cells.repeated, cells.timeouts - cells.placed)
    silent, repeated, untold = (sums(place, count, places) for count in counts)
    is_losing = (repeated > LOSING_RATIO * silent) | (untold > UNTOLD_RATIO * silent)
    result: Bools = ((silent > 0) & is_losing)[place]
    return result


def _silence(view: View, cells: Cells, events: Ints, *, name: str, words: str, more: str = "") -> Path:
    """The path of one kind of silence, counted by kind of attempt as the server's own words are.

    Where some are spared it stays open (`spared_of`).

    Args:
        view: The prepared tables.
        cells: Where attempts were made, without what the format explains.
        events: (rows,) the silent ones among them.
        name: Of the path.
        words: What became of the attempts, after their share.
        more: Sentences after it.
    """
    rates = {}
    for code, kind in enumerate(view.kinds):
        mine = cells.where(cells.kind == code)
        rates[f"{kind}s"] = view.census(mine, events[cells.kind == code])
    operations = by_operation(view, cells, events)
    judged = rated({**rates, **operations}, view.margin, n=int(cells.n.sum()), may_be_few=operations)
    rates |= operations
    rate = rates[judged.worst]
    spared = spared_of(view, cells, events)
    path = Path(
        name=name,
        effect=rate_effect(rate),
        p_value=1.0 if spared else judged.p_value,
        below=judged.all_below,
        n=rate.n,
        evidence=f"Of the {judged.worst} {rate_words(rate)} {words}{f', but {spared}' if spared else ''}.{more}",
    )
    explained = {view.operations[o] for o in np.unique(view.cells.operation[view.flagged])}
    split = shares(view, cells, counted(cells, events))
    # Both kinds of silence are the instance's.
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
        f" {counts[1]:,} of {counts[0]:,} such connections were mute from a moment on, while pings were answered "
        f"({requests[1]:,} of {requests[0]:,} unanswered requests)."
    )
