"""The path of the claim `server` by limits: an age, or a silence, at which it ends everybody's sessions."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.claims.server_path import Path
from analysis.claims.session_limits import Holds, SessionLimit, bins_of, meets, session_limits
from analysis.claims.spared import are_spared
from analysis.comparison.rule import joined_words, rate_effect, rate_words
from analysis.comparison.view import View
from analysis.stats.groups import Floats, Ints, coded_as, counts_of, sums

# A limit is spoken of, and explains what it ended, where it is surely there.
LIMIT_ALPHA: Final = 0.01


def holds_of(view: View) -> Holds:
    """The sessions that were held open, on hosts that attempted anything."""
    frame = view.tables.holds
    host = view.host_codes(frame)
    frame, host = frame[host >= 0], host[host >= 0]

    def whole(column: str) -> Ints:
        return frame[column].fillna(-1).to_numpy(dtype=np.int64)

    return Holds(
        host=host,
        by_peer=frame["by_peer"].to_numpy(dtype=np.bool_),
        parity=whole("parity"),
        age=whole("duration_bin"),
        idle=whole("idle_bin"),
        silence=whole("silence_bin"),
        end_s=whole("end_s"),
        chunk=view.clock.chunk(whole("chunk_minute")),
        n=whole("n"),
    )


def limits(view: View) -> list[Path]:
    """An age, or a silence, at which the peer ends sessions."""
    holds = holds_of(view)
    return [_limit(view, limit, holds) for limit in session_limits(holds)]


def limits_of_the_server(view: View) -> list[SessionLimit]:
    """The limits that are surely there, and that nobody was spared."""
    holds = holds_of(view)
    return [one for one in session_limits(holds) if _limit(view, one, holds).p_value <= LIMIT_ALPHA]


def _limit(view: View, limit: SessionLimit, holds: Holds) -> Path:
    what = "of age" if limit.kind == "an age limit" else "without a word"
    window = f"{limit.start_s:g} to {limit.end_s:g} s {what}"
    words = f"The peer ends {rate_words(limit.rate)} of the sessions that reach {window}"
    if limit.controls is not None:
        words += f", and {rate_words(limit.controls)} of those of the same ages that were never silent as long"
    need = ""
    if limit.kind == "an age or idle limit":
        words += "; too few of the same ages were busy to tell whether their silence or their age ended them"
        need = "Busy sessions beside the idle ones (--scenario idle,steady): they tell an idle limit from an age limit."
    if not limit.spread:
        words += "; but they ended together, which may be one event"
        need = "Sessions that start at different times: those that start together have one age."
    p_value = limit.p_above(view.margin)
    met_by = _met_by(view, limit, holds) if p_value <= LIMIT_ALPHA else ""
    if met_by:
        words += f"; {met_by}"
        need = (
            "What ends the sessions there and not elsewhere: a proxy of the site, a timer of the client's (who closed, "
            "in a capture beside the client; or the server's log)."
        )
    enough = limit.hosts >= min(2, len(view.hosts)) and not met_by
    return Path(
        name=limit.kind,
        effect=rate_effect(limit.rate),
        p_value=p_value if enough else 1.0,
        below=False if met_by else None,
        n=limit.rate.n,
        evidence=f"{words}.",
        need=need,
        spared=bool(met_by),
    )


def _met_by(view: View, limit: SessionLimit, holds: Holds) -> str:
    """Who alone met a limit, in words; empty: everybody who reached it did.

    A server's limit spares no platform, client, delay or site. A limit that only one of several met is no better
    known, however few of the others reached it.
    """
    for what, (names, reached, hit) in _meetings(view, limit, holds).items():
        is_spared = are_spared(reached, hit)
        met = (hit > 0) & ~is_spared
        if is_spared.any() or met.sum() < min(2, len(names)):
            who = joined_words([name for name, is_met in zip(names, met.tolist(), strict=True) if is_met])
            count, others = (f"{int(hit[one].sum()):,} of {int(reached[one].sum()):,}" for one in (met, ~met))
            return f"only sessions of {what} {who} met it ({count}; {others} of all others)"
    return ""


def _meetings(view: View, limit: SessionLimit, holds: Holds) -> dict[str, tuple[tuple[str, ...], Floats, Floats]]:
    """By platform, site, client and delay: names, sessions that reached the limit, and those that it ended."""
    masks = meets(limit, holds)
    by_host = [sums(holds.host, np.where(mask, holds.n, 0), len(view.hosts)) for mask in masks]
    reached, hit = (sums(view.platform_of, counts, len(view.platforms)) for counts in by_host)
    found = {"platform": (view.platforms, reached, hit)}
    site_of = _site_of(view)
    known = site_of >= 0
    if known.any():
        reached, hit = (sums(site_of[known], counts[known], len(view.sites)) for counts in by_host)
        found["site"] = (view.sites, reached, hit)
    frame, beyond = view.tables.holds, view.tables.reached
    ended = frame[view.host_codes(frame) >= 0][holds.by_peer]
    of = "age" if limit.kind == "an age limit" else "silence"
    beyond = beyond[(beyond["of"] == of) & (beyond["bin"] >= bins_of(limit)[1])]
    delays = tuple(f"{delay / 1000:g} ms" for delay in view.delays_us)
    for what, names, codes in (("client", view.clients, view.client_codes), ("delay", delays, view.delay_codes)):
        mine, theirs = codes(ended), codes(beyond)
        of_ended = [np.where(mine >= 0, mask[holds.by_peer], 0) * holds.n[holds.by_peer] for mask in masks]
        reached, hit = (sums(np.maximum(mine, 0), counts, len(names)) for counts in of_ended)
        n = np.where(theirs >= 0, counts_of(beyond, "n"), 0)
        found[what] = (names, reached + sums(np.maximum(theirs, 0), n, len(names)), hit)
    return found


def _site_of(view: View) -> Ints:
    """(hosts,) site code of each host that was at one site only; -1: unknown, or several."""
    frame = view.tables.sites.dropna(subset=["site"])
    host, site = view.host_codes(frame), coded_as(frame["site"], view.sites)
    kinds = sums(np.maximum(host, 0), np.where(host >= 0, 1, 0), len(view.hosts))
    site_of = np.full(len(view.hosts), -1, dtype=np.int64)
    site_of[host[host >= 0]] = site[host >= 0]
    return np.where(kinds == 1, site_of, -1)
