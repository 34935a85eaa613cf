"""The path of the claim `server` by its own words: error frames, closes with a code, HTTP 500 and above; and quotas."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.claims.server_path import Path, bounded
from analysis.claims.spared import spared_of, spared_of_ends
from analysis.comparison.cells import Cells
from analysis.comparison.rated import rated
from analysis.comparison.rule import rate_effect, rate_words
from analysis.comparison.run_minutes import LEAST_CHUNKS
from analysis.comparison.split import bound, by_instance, counted, shares
from analysis.comparison.view import View
from analysis.reduction.connects import WINDOW_S
from analysis.stats.groups import Ints
from analysis.stats.ordinal import ordinal_contrast
from analysis.stats.rates import Rate

# A quota is a step: next to nothing is refused before a user's n-th connect, and most from there on.
QUOTA_LEAST: Final = 5
# Less than this reads as "+0.0 points".
LEAST_RISE: Final = 0.0005
QUOTA_BELOW: Final = 0.02
QUOTA_ABOVE: Final = 0.8


def explicit(view: View) -> Path:
    """The server's own words: error frames, closes with a code, HTTP 500 and above; seen by everybody alike.

    RFC 9110 (15.6) and RFC 6455 (7.4.1, code 1011) give them this meaning: the server is aware that it
    erred. They are counted, by kind of attempt, so that refused connects are not diluted by exchanges.
    """
    cells = view.whole
    rates = {}
    for code, kind in enumerate(view.kinds):
        mine = cells.where(cells.kind == code)
        rates[f"{kind}s"] = view.census(mine, mine.explicit)
    operations = by_operation(view, cells, cells.explicit)
    rates |= operations
    held = view.tables.sessions
    if held["explicit"].any():
        rates["sessions"] = Rate(events=int(held["explicit"].sum()), n=int(held["n"].sum()), design_effect=1.0)
    below = rated(rates, view.margin, n=int(cells.n.sum()), may_be_few=operations).all_below
    # A proxy of one site, or a client that provokes them, brings such answers to some only.
    spared, spared_end = spared_of(view, cells, cells.explicit), spared_of_ends(view)
    of_all = {name: rate for name, rate in rates.items() if not (name == "sessions" and spared_end)}
    judged = rated(of_all, view.margin, n=int(cells.n.sum()), may_be_few=operations)
    rate, p_value = rates[judged.worst], judged.p_value
    words = f"The server itself refused or broke {rate_words(rate)} of the {judged.worst}"
    if not spared:
        words += ", alike for all who asked."
    else:
        ordinal = _ordinal(view)
        p_value = max(p_value, ordinal[0])
        words += f", but {spared}" + (f"; {ordinal[1]}." if ordinal[1] else ".")
    if spared_end:
        words += f" It ended {rate_words(rates['sessions'])} of the sessions held, but {spared_end}."
    words += quota_words(view)
    path = Path(
        name="explicit answers",
        effect=rate_effect(rate),
        p_value=p_value,
        below=below,
        n=rate.n,
        evidence=words,
        need="What ends sessions there and not elsewhere: the server's log at these ends." if spared_end else "",
    )
    split = [*shares(view, cells, counted(cells, cells.explicit)), *by_instance(view, ["explicit"])]
    return bounded(path, bound(split, view.margin), view.margin)


def by_operation(view: View, cells: Cells, events: Ints) -> dict[str, Rate]:
    """The rate of each operation whose attempts failed so, where a kind of attempt has several: none is diluted."""
    found = {}
    for code, kind in enumerate(view.kinds):
        operations = np.unique(cells.operation[cells.kind == code])
        for operation in operations.tolist() if len(operations) > 1 else ():
            inside = (cells.kind == code) & (cells.operation == operation)
            found[f"{view.operations[operation]} {kind}s"] = view.census(cells.where(inside), events[inside])
    return found


def _ordinal(view: View) -> tuple[float, str]:
    """p-value and words for "a subject's later connects are refused more" (a quota)."""
    frame, host = view.tables.subjects, view.hosts_of("subjects")
    known = host >= 0
    bins = frame["bin"].to_numpy(dtype=np.int64)[known]
    contrast = ordinal_contrast(
        host[known],
        np.unique(bins, return_inverse=True)[1].astype(np.int64),
        view.clock.chunk(bins * 5),
        frame["ordinal"].to_numpy(dtype=np.int64)[known],
        frame["n"].to_numpy(dtype=np.int64)[known],
        frame["explicit"].to_numpy(dtype=np.int64)[known],
        chunks=view.clock.chunks,
    )
    if contrast is None or contrast.informed < LEAST_CHUNKS:
        return 1.0, ""
    value = contrast.estimate.value
    if value < LEAST_RISE:
        return 1.0, ""
    return contrast.estimate.p_above(
        view.margin
    ), f"a user's later connects fail more often ({100 * value:+.1f} points)"


def quota_words(view: View) -> str:
    """From which connect of a user on the server refuses, where there is such a number; else nothing."""
    frame = view.tables.subjects
    by = frame.groupby("ordinal")[["n", "explicit"]].sum().sort_index()
    if by["explicit"].sum() < QUOTA_LEAST:
        return ""
    below = by.cumsum().shift(fill_value=0)
    above = by.sum() - below
    share_below = below["explicit"] / below["n"].clip(lower=1)
    share_above = above["explicit"] / above["n"].clip(lower=1)
    is_step = (share_below <= QUOTA_BELOW) & (share_above >= QUOTA_ABOVE) & (by.index > 1) & (by["explicit"] > 0)
    if not is_step.any():
        return ""
    at = int(np.flatnonzero(is_step.to_numpy())[0])
    (asked, refused), (before, early) = (
        frame[["n", "explicit"]].to_numpy(dtype=np.int64)[at] for frame in (above, below)
    )
    return (
        f" A quota: from the {ordinal_word(int(by.index[at]))} connection of a user within {WINDOW_S // 60} minutes on "
        f"({refused:,} of {asked:,} refused, before it {early:,} of {before:,})."
    )


def ordinal_word(number: int) -> str:
    """1st, 2nd, 3rd, 11th, 21st ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
