"""Hand-made verdicts for the tests of what is written from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from analysis.claims import registry
from analysis.model import Check, Criteria, Decision, Effect, Finding, Hypothesis, Part
from analysis.reduction.failures import Failure
from analysis.verdict import document as verdict_json
from analysis.verdict.generator_health import GeneratorHealth
from analysis.verdict.service_levels import Slo
from analysis.verdict.slo_check import SloCheck

MET = SloCheck(
    name="success_ratio", value=0.97, low=0.965, high=0.974, limit=0.95, state="met", n=900, why="Most succeeded."
)
BREACHED = SloCheck(
    name="timeouts", value=27.0, low=10.0, high=60.0, limit=0.0, state="breached", n=900, why="27 of 900 timed out."
)


SILENT = Failure(
    kind="exchange",
    phase="exchange",
    cause="silent_peer",
    outcome="timeout",
    status=None,
    code=None,
    reason=None,
    count=27,
    share=0.03,
    first_at=1_767_603_600,
    last_at=1_767_603_660,
)
UNAVAILABLE = replace(
    SILENT, kind="connect", phase="upgrade", cause="http_status", outcome="failed", status=503, count=3, share=0.05
)
FAILURES = (SILENT, UNAVAILABLE)


RATES = [
    {"platform": platform, "delay_s": delay_s, "client": "c/l", "kind": kind, "n": n, "failed": bad, "timeouts": bad}
    for platform, delay_s, kind, n, bad in (
        ("Linux", 0.0, "connect", 100, 0),
        ("Linux", 0.3, "exchange", 400, 1),
        ("Windows", 0.0, "connect", 100, 0),
        ("Windows", 0.3, "exchange", 400, 26),
    )
]


def decision() -> Decision:
    """The server is confirmed, authentication ruled out, the rest needs more hosts."""
    effect = Effect(name="risk difference", estimate=0.012, low=0.008, high=0.017)
    clean = Effect(name="rate", estimate=0.0, low=0.0, high=0.003)
    undecided = Finding(
        state="undecided",
        evidence="One host a side.",
        needs="Three hosts of each platform.",
        checks=(Check(name="hosts on each side", ok=False, detail="1 Windows"),),
    )
    claims = dict.fromkeys(registry.names(), undecided) | {
        "server": Finding(
            state="confirmed",
            effect=effect,
            n=900,
            p_value=0.001,
            evidence="Everybody failed together.",
            parts={"synchrony": Part(state="confirmed", effect=effect, evidence="Two bursts.")},
        ),
        "auth": Finding(state="ruled_out", effect=clean, n=300, p_value=1.0, evidence="No token was refused."),
    }
    return Decision(claims=claims, hypothesis=Hypothesis(state="ruled_out", because=("server is confirmed",)))


def verdict(slo: Slo, **changes: Any) -> dict[str, Any]:
    """`verdict.json` of the decision above."""
    given: dict[str, Any] = {
        "runs": ["run-1"],
        "attempts": 1000,
        "timeouts": 27,
        "hosts": {"Windows": 1, "Linux": 2},
        "settings": Criteria(),
        "generator": GeneratorHealth(state="healthy", why="Nothing lagged."),
        "slo": slo,
        "decision": decision(),
        "data_quality": [],
        "accepted_ends": [],
        "failures": FAILURES,
        "rates": RATES,
        "counts": {"all": 1060, "probes": 50, "cut_off": 10, "test_mistakes": 0, "unreadable": 0, "judged": 1000},
        "command": ["locust", "--headless", "--users", "60", "--run-time", "5m"],
        "void_because": slo.why if slo.state == "void" else "",
        "lost_at": {"unacknowledged": 3, "silent_application": 40, "not_asked": 1},
    }
    return verdict_json.compose(**given | changes)
