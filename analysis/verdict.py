"""The verdict: nine claims, one error rate, and the hypothesis that they join to."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from scipy.stats import norm

from analysis.causes import cause_shares
from analysis.claims.auth import auth
from analysis.claims.client import client
from analysis.claims.client_loop import client_loop
from analysis.claims.format import flagged_by_format, format_, silent_operations
from analysis.claims.intermittent import intermittent
from analysis.claims.latency import latency, shape
from analysis.claims.platform import platform
from analysis.claims.platform_x_latency import platform_x_latency
from analysis.claims.server import server
from analysis.cohorts import cohorts_of
from analysis.comparison import joined_words
from analysis.detectable import detectable
from analysis.held import not_ruled_out
from analysis.holm import CLAIM_WEIGHTS, weighted_holm
from analysis.leads import leads
from analysis.live import live_finding
from analysis.mitigations import mitigation_effects
from analysis.model import CLAIMS, CredentialCheck, Decision, Finding, Hypothesis, Settings, State
from analysis.moments import may_be_a_line, together
from analysis.server_paths import spared_of_answers, spared_of_silence
from analysis.synchrony import Synchrony
from analysis.tables import Tables
from analysis.undiluted import (
    Claim,
    Look,
    by_arm,
    by_client,
    by_delay,
    by_host,
    by_operation,
    by_operation_and_arm,
    undiluted,
)
from analysis.view import View, view_of, with_flagged, with_spared

# The hypothesis says "and not from": each of these confirmed refutes it.
EXCLUDED: Final = ("server", "auth", "format")
NOTHING_FAILED: Final = "Nothing failed: there is no cause to look for."
HOLM_NEEDS: Final = "About {times:.1f} times as much data: beyond the margin by itself, not beside the other claims."


def decide(tables: Tables, settings: Settings, *, live: bool = False, nothing_failed: bool | None = None) -> Decision:
    """Decide every claim on the runs' small tables.

    Args:
        tables: As `reduce` makes them; any of them may be empty.
        settings: Margin, error rate, rehearsal.
        live: The verdict is watched while the run grows: comparisons by a rule that holds at every minute
            at once (`live.py`), claims that need hosts or bursts only at the end.
        nothing_failed: Whether nothing at all failed, by all rows; None: as far as the tables show it.

    Returns:
        Decision: all nine claims, whatever the tables hold; nothing is raised for what is missing.
    """
    prepared = view_of(tables, settings)
    if len(prepared.cells) == 0:
        return _nothing(prepared)
    flagged = flagged_by_format(prepared)
    view = with_flagged(prepared, flagged)
    view = with_spared(view, silence=spared_of_silence(view), answers=spared_of_answers(view))
    silent = frozenset(view.operations[code] for code in silent_operations(prepared))
    bursts = together(view, silent)
    own = together(view, silent, residual_only=True) if len(view.platforms) > 1 else None
    findings = {
        "intermittent": intermittent(view),
        **compared(view, own),
        "client_loop": client_loop(view),
        "server": server(view, bursts, silent),
        "auth": auth(view),
        "format": format_(view),
    }
    if live:
        findings = {name: live_finding(view, name, finding) for name, finding in findings.items()}
    if nothing_has_failed(view) if nothing_failed is None else nothing_failed:
        findings = {name: _no_need(finding) for name, finding in findings.items()}
    claims = not_ruled_out(view, _joined(stepped_down(findings, settings.alpha)))
    claims = with_detectable(claims, settings)
    of_the_server = None if bursts is None or may_be_a_line(view, bursts, silent) else bursts
    return Decision(
        claims=claims,
        hypothesis=hypothesis(claims),
        causes=cause_shares(view, of_the_server, silent),
        mitigations=mitigation_effects(view),
        leads=leads(view),
        credentials=credential_checks(tables),
        spared=view.spared,
        data_quality=_data_quality(view, live=live),
    )


def compared(view: View, own: Synchrony | None) -> dict[str, Finding]:
    """The claims that are comparisons, of the whole run and of its parts.

    Args:
        view: The prepared tables.
        own: Synchrony of the platforms' residual failures; None with one platform.
    """
    operations, arms, clients = by_operation(view), by_arm(view), by_client(view)
    crossed = by_operation_and_arm(view)
    asked: dict[str, tuple[Finding, Claim, list[Look]]] = {
        "latency": (latency(view), latency, [*operations, *arms, *crossed, *clients, *by_host(view)]),
        "platform": (
            platform(view, own),
            lambda part: platform(part, own, parted=False),
            [*operations, *by_delay(view), *clients],
        ),
        "platform_x_latency": (
            platform_x_latency(view, own),
            lambda part: platform_x_latency(part, own, parted=False),
            [*operations, *arms, *crossed, *clients],
        ),
        "client": (client(view), lambda part: client(part, parted=False), [*operations, *by_delay(view)]),
    }
    found = {name: undiluted(view, claim, whole, looks) for name, (whole, claim, looks) in asked.items()}
    by_delay_words = shape(view)
    latent = found["latency"]
    return {**found, "latency": replace(latent, evidence=f"{latent.evidence} {by_delay_words}".strip())}


def _nothing(view: View) -> Decision:
    """The verdict on attempts that the run's end cut off: refusals were complete when they came, nothing else was."""
    tables = view.tables
    dropped = int(tables.totals["dropped_tail"].sum()) if len(tables.totals) else 0
    evidence, needs = "There are no attempts.", "A run with attempts."
    if dropped:
        evidence = f"All {dropped} attempts began so near the run's end that a slow one would have been cut off."
        needs = "A run that is longer than its longest budget, better by 10 minutes."
    claims = dict.fromkeys(CLAIMS, Finding(state="undecided", evidence=evidence, needs=needs))
    if len(view.whole):
        said = {"server": server(view, None, frozenset()), "auth": auth(view), "format": format_(view)}
        claims |= {name: finding for name, finding in said.items() if finding.state == "confirmed"}
        claims = stepped_down(claims, view.settings.alpha)
    claims = with_detectable(claims, view.settings)
    return Decision(
        claims=claims,
        hypothesis=hypothesis(claims),
        credentials=credential_checks(tables),
        data_quality=tables.notes,
    )


def with_detectable(claims: dict[str, Finding], settings: Settings) -> dict[str, Finding]:
    """Each claim with the smallest effect that it would have shown, at its own share of the family's error rate.

    A decision holds plain numbers only: the precision, whose spreads may be infinite, has served its turn.
    """
    return {
        name: replace(
            finding,
            precision=None,
            detectable=detectable(
                finding.precision, level=settings.alpha * CLAIM_WEIGHTS[name], margin=settings.margin
            ),
        )
        for name, finding in claims.items()
    }


def nothing_has_failed(view: View) -> bool:
    """Whether no attempt failed and no session was ended before its time: then no claim needs anything."""
    tables = view.tables
    refused = tables.cut[["auth", "format", "explicit"]].to_numpy().sum() + tables.sessions["failed"].sum()
    return not (view.cells.bad.any() or refused)


def _no_need(finding: Finding) -> Finding:
    return replace(finding, needs=NOTHING_FAILED) if finding.state == "undecided" else finding


def credential_checks(tables: Tables) -> tuple[CredentialCheck, ...]:
    """What became of the tokens that had to be refused, by the way in which they were broken."""
    counts = tables.credential_checks.groupby(["token_kind", "result"])["n"].sum().unstack(fill_value=0)
    return tuple(
        CredentialCheck(
            kind=str(kind),
            accepted=int(row.get("accepted", 0)),
            refused=int(row.get("refused", 0)),
            not_checked=int(row.get("not checked", 0)),
        )
        for kind, row in counts.iterrows()
    )


def stepped_down(findings: dict[str, Finding], alpha: float) -> dict[str, Finding]:
    """Leave confirmed only what passes the family's weighted Holm step."""
    p_values = {
        name: finding.p_value if finding.state == "confirmed" and finding.p_value is not None else 1.0
        for name, finding in findings.items()
    }
    adjusted = weighted_holm(p_values, CLAIM_WEIGHTS)
    return {
        name: replace(
            finding,
            state="undecided",
            evidence=f"{finding.evidence} Beside eight other claims that is not enough (p {adjusted[name]:.3f}).",
            needs=HOLM_NEEDS.format(times=times_more(p_values[name], alpha * CLAIM_WEIGHTS[name])),
        )
        if finding.state == "confirmed" and adjusted[name] > alpha
        else finding
        for name, finding in findings.items()
    }


def times_more(p_value: float, level: float) -> float:
    """How many times the data would take a one-sided p-value to a level, if the effect is what it seems."""
    return float((norm.isf(level) / norm.isf(p_value)) ** 2)


def _joined(claims: dict[str, Finding]) -> dict[str, Finding]:
    """Latency is what all platforms share: an interaction with a clean platform rules it out."""
    found = claims["latency"]
    clean = [name for name, part in found.parts.items() if part.state == "ruled_out"]
    if claims["platform_x_latency"].state == "confirmed" and clean and found.state == "undecided":
        words = f"Latency alone does not raise the risk: not so {clean[0]}, and the platforms differ in it."
        claims = {**claims, "latency": replace(found, state="ruled_out", evidence=words, needs="")}
    return {name: claims[name] for name in CLAIMS}


def hypothesis(claims: dict[str, Finding]) -> Hypothesis:
    """The client's platform under network latency, intermittently, and not the server, tokens or format.

    Confirmed only if every part is (intersection-union: no correction); refuted by any one part.
    """
    states = {name: finding.state for name, finding in claims.items()}
    against = [
        f"{name} is ruled out" for name in ("intermittent", "platform_x_latency") if states[name] == "ruled_out"
    ] + [f"{name} is confirmed" for name in EXCLUDED if states[name] == "confirmed"]
    if against:
        return Hypothesis(state="ruled_out", because=tuple(against))
    missing = [
        f"{name} is {_word(states[name])}"
        for name in ("intermittent", "platform_x_latency")
        if states[name] != "confirmed"
    ] + [f"{name} is not ruled out" for name in EXCLUDED if states[name] != "ruled_out"]
    if states["client_loop"] == "confirmed":
        missing.append("client_loop is confirmed")
    if missing:
        return Hypothesis(state="undecided", because=tuple(missing))
    because = ("intermittent and platform_x_latency are confirmed", "server, auth and format are ruled out")
    return Hypothesis(state="confirmed", because=because)


def _word(state: State) -> str:
    return state.replace("_", " ")


def _data_quality(view: View, *, live: bool) -> tuple[str, ...]:
    """What was missing or dropped, and the units that the comparisons chose."""
    sides = cohorts_of(view)
    notes = list(view.tables.notes)
    left_out = "Left out of the comparison of platforms"
    if sides.small:
        notes.append(f"{left_out}, having done hardly anything: {joined_words(sides.small)}.")
    if sides.beside:
        notes.append(f"{left_out}, as an arm beside a platform's own loop: {joined_words(sides.beside)}.")
    unit = "one minute" if view.unit == 1 else f"{view.unit} minutes"
    notes.append(f"Compared within {unit}; errors from {view.clock.chunks} parts of the run.")
    if live:
        notes.append(
            "Watched while it grows: comparisons by a confidence sequence over minutes, so far; "
            "platform, interaction and server at the end only."
        )
    return tuple(notes)
