"""What the server's log adds to the claims: its numbers as evidence, and a decision where it states one.

A log decides alone only what it says in as many words: that it refused, that a limit was reached, that its process was
restarted. That it got a request and was slow, or never got it, stands beside what the claims found by themselves: a
line may be missing, and clocks differ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from analysis.claims import registry
from analysis.comparison.words import interval_words
from analysis.model import Criteria, Decision, Effect, Finding, Hypothesis, Part
from analysis.server_log.account import OWN_RUNGS, Account
from analysis.server_log.ladder import WORDS, Said
from analysis.stats.rates import Rate

PART: Final = "its log"
_OF_SERVER: Final[tuple[Said, ...]] = (
    "was_slow",
    "not_taken_up",
    "not_sent",
    "not_served",
    "refused",
    "quota",
    "restart",
)


def with_log(decision: Decision, found: Account, settings: Criteria) -> Decision:
    """The decision with the log's evidence in the claims that it speaks of.

    Args:
        decision: What the statistics say.
        found: What the log says.
        settings: Margin and error rate.
    """
    if not found.told or not decision.claims:
        return decision
    lost = [(rung, told.said) for _, _, rung, told in found.told]
    under_way = [rung in OWN_RUNGS for rung, said in lost if said in ("never_got_it", "reply_lost")]
    own = sum(under_way)
    claims = dict(decision.claims)
    n = len(found.told)
    for name, count, words in (
        (
            "network",
            len(under_way) - own,
            "were lost on the way by the server's log (it never got them, or its answer never came)",
        ),
        ("client_loop", own, "reached the server or were answered by its log, and lay in this client"),
    ):
        if count and name in claims:
            claims[name] = _beside(claims[name], f"Of {n:,} failed waits {count:,} {words}.")
    of_server = [f"{count:,} x {WORDS[said]}" for said in _OF_SERVER if (count := found.says.get(said, 0))]
    if of_server and "server" in claims:
        claims["server"] = _beside(claims["server"], f"By its log, of {n:,} failed waits: {'; '.join(of_server)}.")
        claims["server"] = _stated(claims["server"], found, settings)
    hypothesis = decision.hypothesis
    before = decision.claims.get("server")
    if before is not None and before.state != "confirmed" and claims["server"].state == "confirmed":
        reasons = hypothesis.because if hypothesis.state == "ruled_out" else ()
        hypothesis = Hypothesis(state="ruled_out", because=(*reasons, "server is confirmed"))
    return replace(decision, claims=claims, hypothesis=hypothesis)


def _stated(finding: Finding, found: Account, settings: Criteria) -> Finding:
    """The claim `server`, confirmed by what the log states, if that is beyond the margin at the claim's error rate."""
    if not found.stated:
        return finding
    worst = max(rate.design_effect for rate in found.stated.values())
    events = sum(rate.events for rate in found.stated.values())
    rate = Rate(events=events, n=found.attempts, design_effect=worst)
    low, high = rate.interval()
    effect = Effect(name="rate", estimate=rate.estimate, low=low, high=high)
    p_value = rate.p_above(settings.margin)
    is_beyond = p_value <= settings.alpha * registry.weights()["server"]
    part = Part(
        state="confirmed" if is_beyond else "undecided",
        effect=effect,
        n=rate.n,
        p_value=p_value,
        evidence="What the server's log states: a refusal, a limit, a restart.",
    )
    finding = replace(finding, parts={**finding.parts, PART: part})
    if not is_beyond or finding.state == "confirmed":
        return finding
    share = interval_words(rate.estimate or 0.0, low, high, is_rate=True)
    evidence = f"The server's log states it of {share} of all attempts. {finding.evidence}"
    return replace(finding, state="confirmed", effect=effect, n=rate.n, p_value=p_value, evidence=evidence, needs="")


def _beside(finding: Finding, sentence: str) -> Finding:
    return replace(finding, evidence=f"{finding.evidence} {sentence}".strip())
