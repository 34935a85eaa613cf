"""Format: are the first frames, the subprotocol or a message misread, or unanswered by type?

Three rules: causes that say so; message types that nobody ever answers on sessions that answer others;
clients that fail whenever frames come before the welcome, where other clients do not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.claim import Claim
from analysis.comparison.rated import few_words, rated
from analysis.comparison.rule import effect_words, points, rate_words
from analysis.comparison.split import bound, by_instance, counted, shares
from analysis.comparison.view import View
from analysis.model import Effect, Finding, Part
from analysis.stats.detectable import Precision
from analysis.stats.groups import Bools, Floats, combined, sums
from analysis.stats.holm import bonferroni
from analysis.stats.mantel_haenszel import risk_difference
from analysis.stats.rates import Rate

SILENT_OVERALL: Final = 0.9
SILENT_AT_LEAST: Final = 0.5
SILENT_ON_EVERY_HOST: Final = 0.8
LEAST_ON_A_HOST: Final = 5
ALIVE_BELOW: Final = 0.5


def flagged_by_format(view: View) -> Bools:
    """(cells,) rows that silence by type or misread prefaces explain: they leave the comparisons."""
    cells = view.cells
    flagged = np.isin(cells.operation, list(silent_operations(view)))
    for c in preface_blind_clients(view):
        flagged |= view.connects & (cells.client == c) & (cells.preface == 1)
    result: Bools = flagged
    return result


def silent_operations(view: View) -> dict[int, Rate]:
    """Operations that are hardly ever answered, on every host, while others are; with their rates."""
    cells = view.cells
    if len(cells) == 0:
        return {}
    continued = _continued(view)
    n = sums(cells.operation, cells.n_clean, len(view.operations)) - continued
    # An answer that came after its budget is an answer.
    unanswered = cells.residual - cells.late
    failed = sums(cells.operation, unanswered, len(view.operations)) - continued
    overall = np.divide(failed, n, out=np.zeros_like(n), where=n > 0)
    if not ((overall < ALIVE_BELOW) & (n > 0)).any():
        return {}
    silent = {}
    for operation in np.flatnonzero(overall > SILENT_OVERALL):
        mine = cells.where(cells.operation == operation)
        rate = view.rate(mine, mine.residual - mine.late, mine.n_clean)
        on_host = sums(mine.host, mine.n_clean, len(view.hosts))
        failed_on_host = sums(mine.host, mine.residual - mine.late, len(view.hosts))
        enough = on_host >= LEAST_ON_A_HOST
        everywhere = bool(enough.any()) and bool(
            (failed_on_host[enough] > SILENT_ON_EVERY_HOST * on_host[enough]).all()
        )
        if everywhere and rate.interval()[0] > SILENT_AT_LEAST:
            silent[int(operation)] = rate
    return silent


def _continued(view: View) -> Floats:
    """(operations,) requests that go on with the silence of the request before them on their connection.

    It answers no type of message then: that they are unanswered, too, says nothing of theirs.
    """
    by = view.tables.continued.groupby("operation")["n"].sum()
    return np.array([float(by.get(name, 0)) for name in view.operations])


def preface_blind_clients(view: View) -> dict[int, Rate]:
    """Clients that fail with frames before the welcome and not without, where others survive them."""
    cells = view.cells.where(view.connects)
    if len(cells) == 0 or not cells.preface.any():
        return {}
    group = cells.client * 2 + cells.preface
    size = 2 * len(view.clients)
    n, failed = sums(group, cells.n, size), sums(group, cells.bad, size)
    rate = np.divide(failed, n, out=np.full(size, np.nan), where=n > 0)
    without, with_preface = rate[0::2], rate[1::2]
    seen = n[1::2] >= LEAST_ON_A_HOST
    if not (seen & (with_preface < ALIVE_BELOW)).any():
        return {}
    blind = np.flatnonzero(seen & (with_preface > SILENT_ON_EVERY_HOST) & (without < ALIVE_BELOW))
    found = {}
    for c in blind:
        mine = cells.where((cells.client == c) & (cells.preface == 1))
        found[int(c)] = view.rate(mine, mine.bad, mine.n)
    return found


def format_(view: View) -> Finding:
    """Causes that say so, silence by type, and misread prefaces."""
    whole, rates = view.whole, _named_rates(view)
    judged = rated(rates, view.margin, n=int(view.cells.n.sum()))
    silent = silent_operations(view)
    blind = preface_blind_clients(view)
    parts = dict(judged.finding.parts)
    sentences = []
    ps = [judged.p_value]
    if judged.p_value <= view.settings.alpha:
        sentences.append(f"Misread or malformed: {rate_words(rates[judged.worst])} ({judged.worst}).")
    for operation, rate in silent.items():
        sentences.append(f"No {view.operations[operation]} is answered while others are: {rate_words(rate)} fail.")
        parts[f"silent {view.operations[operation]}"] = _exact(rate)
        ps.append(rate.p_above(SILENT_AT_LEAST))
    for c, rate in blind.items():
        sentences.append(
            f"{view.clients[c]} fails when frames come before the welcome ({rate_words(rate)}); others do not."
        )
        parts[f"{view.clients[c]} with frames before the welcome"] = _exact(rate)
        ps.append(rate.p_above(ALIVE_BELOW))
    p_value = bonferroni(min(ps), len(ps))
    base = replace(judged.finding, p_value=p_value, parts=parts)
    if silent or blind:
        largest = max([*silent.values(), *blind.values()], key=lambda rate: rate.n)
        low, high = largest.interval()
        base = replace(
            base,
            effect=Effect(name="rate", estimate=largest.estimate, low=low, high=high),
            precision=Precision(unknown="A whole type of message, or a client, fails: that is no matter of size."),
        )
    if p_value <= view.settings.alpha:
        return replace(base, state="confirmed", evidence=" ".join(sentences))
    worst = rates[judged.highest]
    excess = _excess_by_type(view)
    high_types = [name for name, effect in excess.items() if effect.high is None or effect.high >= view.margin]
    if judged.all_below and not high_types:
        words = (
            f"Misread or malformed: {rate_words(worst)}, below {points(view.margin)} %, and no message type stands out."
        )
        split = [*shares(view, whole, counted(whole, whole.format)), *by_instance(view, ["format"])]
        within = bound(split, view.margin)
        if within.beyond:
            return within.held_open(base, view.margin, words)
        return replace(base, state="ruled_out", evidence=f"{words}{few_words(within.few)}")
    if not judged.all_below:
        return replace(
            base,
            evidence=f"Misread or malformed: {rate_words(worst)}, across the margin of {points(view.margin)} %.",
            needs="More attempts: about 740 without such a failure rule it out.",
        )
    listed = "; ".join(f"{name}: {effect_words(excess[name])}" for name in high_types)
    return replace(
        base,
        evidence=f"No cause names the format, but a message type may fail more than others ({listed}).",
        needs="More attempts of every message type, drawn at random on the same sessions.",
    )


def _named_rates(view: View) -> dict[str, Rate]:
    """How often a cause says that a message was misread, in all and by operation, and at the end of sessions."""
    whole = view.whole
    rates = {"named by its cause": view.census(whole, whole.format)}
    for operation in range(len(view.operations)):
        mine = whole.where(whole.operation == operation)
        if mine.format.any():
            rates[f"named in {view.operations[operation]}"] = view.census(mine, mine.format)
    held = view.tables.sessions
    if held["format"].any():
        rates["named at a session's end"] = Rate(
            events=int(held["format"].sum()), n=int(held["n"].sum()), design_effect=1.0
        )
    return rates


def _exact(rate: Rate) -> Part:
    low, high = rate.interval()
    return Part(state="confirmed", effect=Effect(name="rate", estimate=rate.estimate, low=low, high=high), n=rate.n)


def _excess_by_type(view: View) -> dict[str, Effect]:
    """Each message type's failures against the other types' within host, time, client and delay."""
    exchanges = view.cells.where(~view.connects & ~view.flagged)
    found = {}
    when = view.clock.bin(exchanges.minute, view.unit)
    stratum, _ = combined(exchanges.host, when, exchanges.client, exchanges.delay)
    for operation in np.unique(exchanges.operation):
        contrast = risk_difference(
            stratum,
            view.clock.chunk(exchanges.minute),
            exchanges.operation == operation,
            exchanges.n_clean,
            exchanges.residual,
            chunks=view.clock.chunks,
            design_effect=view.attempts_a_connection,
        )
        if contrast is None:
            continue
        low, high = contrast.estimate.interval()
        found[view.operations[int(operation)]] = Effect(
            name="risk difference",
            estimate=contrast.estimate.value,
            low=low if np.isfinite(low) else None,
            high=high if np.isfinite(high) else None,
        )
    return found


CLAIM: Final = Claim(
    name="format",
    title="Format",
    statement="messages are misread, or unanswered by type",
    weight=0.03,
    decide=lambda evidence: format_(evidence.view),
    of_refusals=True,
)
