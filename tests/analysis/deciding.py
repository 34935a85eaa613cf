"""Single claims as `decide` decides them, without the time that the others take."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from analysis.claims import registry
from analysis.claims.claim import Evidence
from analysis.model import Criteria, Decision, Finding
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide


def decided_alone(tables: Tables, *names: str, settings: Criteria | None = None, live: bool = False) -> Decision:
    """The decision in which only the claims that are named look at the data; the others are undecided.

    These keep their share of the error rate and use none of it, which is the hardest case: what is confirmed here is
    confirmed whatever they say.
    """
    assert set(names) <= set(registry.names())
    claims = tuple(claim if claim.name in names else replace(claim, decide=_silent) for claim in registry.CLAIMS)
    with patch.object(registry, "CLAIMS", claims):
        return decide(tables, settings or Criteria(), live=live)


def found_alone(tables: Tables, name: str) -> Finding:
    """What the decision says of the one claim that looks at the data."""
    return decided_alone(tables, name).claims[name]


def _silent(_: Evidence) -> Finding:
    return Finding(state="undecided", evidence="Not looked at.", needs="A look.")
