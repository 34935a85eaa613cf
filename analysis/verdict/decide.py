"""The verdict: claims, one error rate for all of them, and the hypothesis that they join to."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Final

from scipy.special import ndtri

from analysis.claims import registry
from analysis.claims.claim import Claim, Evidence
from analysis.claims.format import flagged_by_format, silent_operations
from analysis.claims.held import not_ruled_out
from analysis.claims.server_moments import may_be_a_line, together
from analysis.claims.spared import spared_of_answers, spared_of_silence, spared_of_way
from analysis.comparison.cohorts import cohorts_of
from analysis.comparison.rule import joined_words
from analysis.comparison.shared_conditions import SHARED_LEAST
from analysis.comparison.view import View, view_of, with_flagged, with_spared
from analysis.model import CredentialCheck, Criteria, Decision, Finding, Hypothesis, State
from analysis.reduction.tables import Tables
from analysis.stats.detectable import detectable
from analysis.stats.groups import Bools, overlap, sums
from analysis.stats.holm import weighted_holm
from analysis.verdict.causes import cause_shares
from analysis.verdict.leads import leads
from analysis.verdict.live import live_finding
from analysis.verdict.mitigations import mitigation_effects

# The hypothesis says "and not from": each of these confirmed refutes it.
EXCLUDED: Final = ("server", "network", "auth", "format")
NOTHING_FAILED: Final = "Nothing failed: there is no cause to look for."
HOLM_NEEDS: Final = "About {times:.1f} times as much data: beyond the margin by itself, not beside the other claims."


def decide(tables: Tables, settings: Criteria, *, live: bool = False, nothing_failed: bool | None = None) -> Decision:
    """Decide every claim on the runs' small tables.

    Args:
        tables: As `reduce` makes them; any of them may be empty.
        settings: Margin, error rate, rehearsal.
        live: The verdict is watched while the run grows: comparisons by a rule that holds at every minute
            at once (`live.py`), claims that need hosts or bursts only at the end.
        nothing_failed: Whether nothing at all failed, by all rows; None: as far as the tables show it.

    Returns:
        Decision: all claims, whatever the tables hold; nothing is raised for what is missing.
    """
    prepared = view_of(tables, settings)
    if len(prepared.cells) == 0:
        return _nothing(prepared)
    flagged = flagged_by_format(prepared)
    view = with_flagged(prepared, flagged)
    view = with_spared(view, silence=spared_of_silence(view), answers=spared_of_answers(view), way=spared_of_way(view))
    silent = frozenset(view.operations[code] for code in silent_operations(prepared))
    bursts = together(view, silent)
    own = together(view, silent, residual_only=True) if len(view.platforms) > 1 else None
    evidence = Evidence(view=view, together=bursts, apart=own, silent=silent)
    errors: list[str] = []
    findings = {claim.name: _decided(claim, evidence, errors) for claim in registry.CLAIMS}
    if live:
        findings = {claim.name: live_finding(view, claim, findings[claim.name]) for claim in registry.CLAIMS}
    if nothing_has_failed(view) if nothing_failed is None else nothing_failed:
        findings = {name: _no_need(finding) for name, finding in findings.items()}
    claims = not_ruled_out(view, _joined(stepped_down(findings, settings.alpha)))
    claims = with_detectable(claims, settings)
    of_the_server = None if bursts is None or may_be_a_line(view, bursts, silent) else bursts
    return Decision(
        claims=claims,
        hypothesis=hypothesis(claims, one_line=share_sites(view), no_credentials=not settings.has_credentials),
        causes=cause_shares(view, of_the_server, silent),
        mitigations=mitigation_effects(view),
        leads=leads(view),
        credentials=credential_checks(tables),
        spared=view.spared,
        spared_way=view.spared_way,
        data_quality=(*_data_quality(view, live=live), *errors),
        errors=tuple(errors),
    )


def _decided(claim: Claim, evidence: Evidence, errors: list[str]) -> Finding:
    """What a claim says; one that falls over is undecided, its error is noted, and the others stand."""
    try:
        return claim.decide(evidence)
    except Exception as error:  # whatever is wrong in one claim must not cost the others
        errors.append(f"{claim.title} could not be decided: the analysis failed ({type(error).__name__}: {error}).")
        return Finding(
            state="undecided",
            evidence="The analysis failed here; the other claims stand.",
            needs="A report to wsoak's authors, with the error in data_quality.",
        )


def _nothing(view: View) -> Decision:
    """The verdict on attempts that the run's end cut off: refusals were complete when they came, nothing else was."""
    tables = view.tables
    dropped = int(tables.totals["dropped_tail"].sum()) if len(tables.totals) else 0
    evidence, needs = "There are no connects or exchanges.", "A run with connects or exchanges."
    if dropped:
        evidence = f"All {dropped} attempts began so near the run's end that a slow one would have been cut off."
        needs = "A run that is longer than its longest budget, better by 10 minutes."
    claims = dict.fromkeys(registry.names(), Finding(state="undecided", evidence=evidence, needs=needs))
    errors: list[str] = []
    if len(view.whole):
        refusals = Evidence(view=view)
        said = {one.name: _decided(one, refusals, errors) for one in registry.CLAIMS if one.of_refusals}
        claims |= {name: finding for name, finding in said.items() if finding.state == "confirmed"}
        claims = stepped_down(claims, view.settings.alpha)
    claims = with_detectable(claims, view.settings)
    return Decision(
        claims=claims,
        hypothesis=hypothesis(claims),
        credentials=credential_checks(tables),
        data_quality=(*tables.notes, *errors),
        errors=tuple(errors),
    )


def with_detectable(claims: dict[str, Finding], settings: Criteria) -> dict[str, Finding]:
    """Each claim with the smallest effect that it would have shown, at its own share of the family's error rate.

    A decision holds plain numbers only: the precision, whose spreads may be infinite, has served its turn.
    """
    weights = registry.weights()
    return {
        name: replace(
            finding,
            precision=None,
            detectable=detectable(finding.precision, level=settings.alpha * weights[name], margin=settings.margin),
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
    weights = registry.weights()
    adjusted = weighted_holm(p_values, weights)
    return {
        name: replace(
            finding,
            state="undecided",
            evidence=f"{finding.evidence} Beside the other claims that is not enough (p {adjusted[name]:.3f}).",
            needs=HOLM_NEEDS.format(times=times_more(p_values[name], alpha * weights[name])),
        )
        if finding.state == "confirmed" and adjusted[name] > alpha
        else finding
        for name, finding in findings.items()
    }


def times_more(p_value: float, level: float) -> float:
    """How many times the data would take a one-sided p-value to a level, if the effect is what it seems."""
    return float((ndtri(level) / ndtri(p_value)) ** 2)


def _joined(claims: dict[str, Finding]) -> dict[str, Finding]:
    """Latency is what all platforms share: an interaction with a clean platform rules it out."""
    found = claims["latency"]
    clean = [name for name, part in found.parts.items() if part.state == "ruled_out"]
    if claims["platform_x_latency"].state == "confirmed" and clean and found.state == "undecided":
        words = f"Latency alone does not raise the risk: not so {clean[0]}, and the platforms differ in it."
        claims = {**claims, "latency": replace(found, state="ruled_out", evidence=words, needs="")}
    return claims


def share_sites(view: View) -> bool:
    """Whether at least half of the attempts of any two platforms left through the same sites, and all are known."""
    cells = view.cells
    if (cells.site < 0).any():
        return False
    n = [sums(cells.site[mine], cells.n[mine], len(view.sites)) for mine in _of_platforms(view)]
    return all(overlap(one, two) >= SHARED_LEAST for one, two in combinations(n, 2))


def _of_platforms(view: View) -> list[Bools]:
    return [view.cells.platform == code for code in range(len(view.platforms))]


def hypothesis(claims: dict[str, Finding], *, one_line: bool = False, no_credentials: bool = False) -> Hypothesis:
    """The client's platform under network latency, intermittently, and not the server, network, tokens or format.

    Confirmed only if every part is (intersection-union: no correction); refuted by any one part.

    Args:
        claims: All of them.
        one_line: The platforms share their sites: what the way does to one of them it does to the other, so that it
            cannot make them differ, and need not be ruled out as well.
        no_credentials: Sessions came with nothing that could be refused: it is not asked whether it was.
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
    ]
    untested = no_credentials and claims["auth"].effect is None
    spoken_for = frozenset(name for name, is_so in (("network", one_line), ("auth", untested)) if is_so)
    missing += [
        f"{name} is not ruled out" for name in EXCLUDED if states[name] != "ruled_out" and name not in spoken_for
    ]
    if states["client_loop"] == "confirmed":
        missing.append("client_loop is confirmed")
    if missing:
        return Hypothesis(state="undecided", because=tuple(missing))
    out = [name for name in EXCLUDED if states[name] == "ruled_out"]
    because = ["intermittent and platform_x_latency are confirmed", f"{joined_words(out)} are ruled out"]
    if "network" not in out:
        because.append("the platforms share their sites, so that the network cannot make them differ")
    if untested:
        because.append("no credentials were shown that could be refused")
    return Hypothesis(state="confirmed", because=tuple(because))


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
    unit = "minute" if view.unit == 1 else f"{view.unit} minutes"
    notes.append(
        f"Compared is what happened in the same {unit}; intervals come from how {view.clock.chunks} parts of the run "
        "differ."
    )
    if live:
        notes.append(
            "Watched while it grows: comparisons by a confidence sequence over minutes, so far; "
            "platform, interaction and server at the end only."
        )
    return tuple(notes)
