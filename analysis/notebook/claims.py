"""Claims and failures of a verdict as data frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from analysis.claims import registry
from analysis.model import Effect, Finding
from analysis.verdict.answer import is_tested

NOT_TESTED: Final = "not_tested"
_FAILURES: Final = (
    *("kind", "phase", "cause", "outcome", "status", "code", "reason", "count", "share", "first_at", "last_at"),
)


def claims_frame(verdict: Mapping[str, Any]) -> pd.DataFrame:
    """A row a claim: `claim`, `title`, `state`, `effect`, `low`, `high`, `needs`.

    `state` is confirmed, ruled_out, undecided (tested, and the data do not settle it) or not_tested (this plan had
    nothing to decide it on). The effect and its 95 % interval are absolute shares, nan where none could be estimated;
    `needs` says what would settle it, empty where nothing is left to settle.
    """
    claims = verdict["claims"]
    rows = [
        {
            "claim": name,
            "title": title,
            "state": state,
            "effect": claims[name]["effect"]["estimate"],
            "low": claims[name]["effect"]["low"],
            "high": claims[name]["effect"]["high"],
            "needs": claims[name]["needs"],
        }
        for name, title, state in state_of(verdict)
    ]
    frame = pd.DataFrame(rows, columns=["claim", "title", "state", "effect", "low", "high", "needs"])
    return frame.astype({"effect": "float64", "low": "float64", "high": "float64"})


def state_of(verdict: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each claim's name, title and state; one that the run had nothing to decide on is `NOT_TESTED`."""
    titles = registry.titles()
    return [
        (name, titles.get(name, name), NOT_TESTED if _is_untested(claim) else str(claim["state"]))
        for name, claim in verdict["claims"].items()
    ]


def _is_untested(claim: Mapping[str, Any]) -> bool:
    return claim["state"] == "undecided" and not is_tested(claim)


def failures_frame(verdict: Mapping[str, Any]) -> pd.DataFrame:
    """A row a way in which attempts failed, the commonest first, as `failures` of the verdict has it.

    `count` attempts are `share` (0 to 1) of all attempts of the `kind`; `first_at` and `last_at` are moments in UTC.
    """
    frame = pd.DataFrame(verdict["failures"])
    return frame if len(frame) else pd.DataFrame(columns=list(_FAILURES))


def findings_of(verdict: Mapping[str, Any]) -> dict[str, Finding]:
    """The claims of a verdict as findings: their states and effects, which figures show."""
    return {
        name: Finding(state=claim["state"], effect=Effect(**claim["effect"]), evidence=claim["evidence"])
        for name, claim in verdict["claims"].items()
    }
