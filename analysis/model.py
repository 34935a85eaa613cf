"""The words of the verdict: settings in, findings out. `verdict.json` is these, written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from analysis.stats.detectable import Detectable, Precision

State = Literal["confirmed", "ruled_out", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What was decided before the data were looked at.

    Attributes:
        margin: Equivalence margin delta, an absolute difference of risks (0 to 1).
        alpha: Error rate of the whole family of claims.
        rehearsal: Platforms may be labels put on for a rehearsal (`simulated` rows count).
        allow_less_load: A run is judged although its load was not the planned one.
        has_credentials: Sessions came with something that could be refused: a token, a secret header, a certificate.
    """

    margin: float = 0.005
    alpha: float = 0.05
    rehearsal: bool = False
    allow_less_load: bool = False
    has_credentials: bool = True


@dataclass(frozen=True, kw_only=True)
class Effect:
    """An estimate with its 95 % interval; null bounds: no interval could be had.

    Attributes:
        name: "risk difference", "rate", ...
        reversed: The interval lies beyond the margin on the side that the claim does not speak of.
    """

    name: str
    estimate: float | None
    low: float | None
    high: float | None
    reversed: bool = False


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition that a comparison rests on (a tick or a cross in the report).

    `ok` is None where the data cannot tell; that counts as not ok for a confirmation.
    """

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One path or cohort of a claim."""

    state: State
    effect: Effect | None = None
    n: int = 0
    p_value: float | None = None
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the data say of one claim.

    Attributes:
        state: `confirmed` beyond the margin, `ruled_out` inside it, else `undecided`.
        n: Attempts that the claim rests on.
        p_value: One-sided, against an effect of at most the margin; None: no test was possible.
        evidence: One sentence for people.
        needs: What would settle it; empty unless undecided.
        ceiling: The state comes from the no-assumption bound.
        precision: How well what decides the claim is known, while it is decided; None: by no number with an error.
        detectable: What the claim could have found (`verdict.decide` says it, by the precision).
    """

    state: State
    effect: Effect | None = None
    n: int = 0
    p_value: float | None = None
    evidence: str = ""
    needs: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    ceiling: bool = False
    precision: Precision | None = None
    detectable: Detectable | None = None


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """The seed's hypothesis, joined from the claims."""

    state: State
    because: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CauseShare:
    """One cause's share of all residual and explained timeouts and failures, with its interval."""

    name: str
    share: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class MitigationEffect:
    """One mitigation arm against none, paired in blocks: what it saves and what it costs."""

    mitigation: str
    saved: Effect
    added_p50_s: Effect | None
    added_p99_s: Effect | None
    added_connects: Effect | None
    n: int
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class CredentialCheck:
    """What became of tokens that were broken in one way and had to be refused.

    Attributes:
        kind: How they were broken: missing, expired, forged, wrong_audience.
        accepted: Connects that became ready with one.
        refused: Connects that were refused.
        not_checked: Connects that ended otherwise: nothing was checked.
    """

    kind: str
    accepted: int
    refused: int
    not_checked: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """All that the statistics say of the runs named (`verdict.decide`)."""

    claims: dict[str, Finding]
    hypothesis: Hypothesis
    causes: tuple[CauseShare, ...] = ()
    mitigations: tuple[MitigationEffect, ...] = ()
    data_quality: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()  # what stands out and decides no claim, in sentences
    credentials: tuple[CredentialCheck, ...] = ()
    spared: str = ""  # who was spared a server that had the request and keeps silent (`View.spared`)
    spared_way: str = ""  # who was spared what others lost on the way (`View.spared_way`)
    errors: tuple[str, ...] = ()  # claims that could not be decided because the analysis failed, in sentences
