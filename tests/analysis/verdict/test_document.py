import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from analysis.claims import registry
from analysis.model import CauseShare, Criteria, Decision, Effect, Finding, Hypothesis, Part
from analysis.stats.detectable import Detectable
from analysis.verdict import document as verdict_json
from analysis.verdict.generator_health import GeneratorHealth
from analysis.verdict.service_levels import Slo
from analysis.verdict.slo_check import SloCheck

SCHEMA = json.loads(verdict_json.SCHEMA_FILE.read_text())


def valid(verdict: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(verdict)


def composed(decision: Decision, *, checks: Sequence[SloCheck] = (), **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "runs": ["run"],
        "attempts": 100,
        "timeouts": 2,
        "hosts": {"Windows": 1, "Linux": 2},
        "settings": Criteria(),
        "generator": GeneratorHealth(state="healthy", why="Nothing lagged."),
        "slo": Slo(state="met", checks=tuple(checks), why=""),
        "decision": decision,
        "data_quality": ["sentence"],
    }
    return verdict_json.compose(**given | changes)


def decision() -> Decision:
    effect = Effect(name="risk difference", estimate=0.012, low=0.008, high=0.017)
    part = Part(state="confirmed", effect=effect)
    confirmed = Finding(
        state="confirmed",
        effect=effect,
        n=99,
        p_value=0.001,
        evidence="One.",
        parts={"path": part},
        detectable=Detectable(smallest=0.004, confirmable=0.009, why="The path."),
    )
    undecided = Finding(state="undecided", needs="more hosts")
    return Decision(
        claims=dict.fromkeys(registry.names(), undecided) | {"server": confirmed},
        hypothesis=Hypothesis(state="ruled_out", because=("server is confirmed",)),
        causes=(CauseShare(name="server", share=0.8, low=0.7, high=0.9),),
    )


def test_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_verdict_has_exactly_the_contract_s_shape() -> None:
    verdict = composed(decision())
    valid(verdict)
    assert list(verdict) == [
        "schema_version", "runs", "scope", "attempts", "timeouts", "margin", "alpha", "hosts", "generator", "load",
        "slo", "claims", "hypothesis", "causes", "data_quality", "failures", "lost_at", "credentials", "leads",
        "probes", "accepted_ends", "p1", "rates", "counts", "command", "void_because", "answer",
    ]  # fmt: skip
    assert verdict["claims"]["server"] == {
        "state": "confirmed",
        "effect": {"name": "risk difference", "estimate": 0.012, "low": 0.008, "high": 0.017, "reversed": False},
        "n": 99,
        "p_value": 0.001,
        "evidence": "One.",
        "needs": "",
        "smallest_detectable": 0.004,
        "smallest_confirmable": 0.009,
        "detectable_why": "The path.",
        "parts": {
            "path": {
                "state": "confirmed",
                "effect": {
                    "name": "risk difference",
                    "estimate": 0.012,
                    "low": 0.008,
                    "high": 0.017,
                    "reversed": False,
                },
            }
        },
    }
    assert verdict["causes"] == [{"name": "server", "share": 0.8, "low": 0.7, "high": 0.9}]


def test_claim_that_nothing_decided_is_undecided() -> None:
    verdict = composed(Decision(claims={}, hypothesis=Hypothesis(state="undecided")))
    valid(verdict)
    assert set(verdict["claims"]) == set(registry.names())
    assert {claim["state"] for claim in verdict["claims"].values()} == {"undecided"}


def test_what_is_not_a_number_is_null() -> None:
    effect = Effect(name="rate", estimate=math.nan, low=-math.inf, high=math.inf)
    claims = {"latency": Finding(state="undecided", effect=effect, p_value=math.nan, needs="more")}
    verdict = composed(Decision(claims=claims, hypothesis=Hypothesis(state="undecided")))
    valid(verdict)
    found = verdict["claims"]["latency"]
    assert (found["effect"]["estimate"], found["effect"]["low"], found["effect"]["high"]) == (None, None, None)
    assert found["p_value"] is None


def test_what_a_claim_could_not_have_found_is_null_with_a_reason() -> None:
    none = Detectable(smallest=None, confirmable=None, why="One host a side.")
    claims = {"platform": Finding(state="undecided", needs="more hosts", detectable=none)}
    verdict = composed(Decision(claims=claims, hypothesis=Hypothesis(state="undecided")))
    valid(verdict)
    found = verdict["claims"]["platform"]
    assert (found["smallest_detectable"], found["smallest_confirmable"]) == (None, None)
    assert found["detectable_why"] == "One host a side."
    assert verdict["claims"]["latency"]["smallest_detectable"] is None
    assert verdict["claims"]["latency"]["detectable_why"]


def test_open_bound_of_a_service_level_is_null() -> None:
    check = SloCheck(
        name="max_duration_s", value=10.0, low=10.0, high=None, limit=30.0, state="met", n=5, why="It was short."
    )
    verdict = composed(decision(), checks=[check])
    valid(verdict)
    numbers = {"value": 10.0, "low": 10.0, "high": None, "limit": 30.0}
    assert verdict["slo"]["checks"] == [{"name": "max_duration_s", **numbers, "state": "met", "why": "It was short."}]


@pytest.mark.parametrize(
    "broken",
    [
        {"schema_version": 2},
        {"attempts": -1},
        {"runs": []},
        {"slo": {"state": "green", "checks": []}},
        {"generator": {"state": "healthy", "why": ""}},
        {"surprise": 1},
    ],
)
def test_schema_refuses_what_the_contract_does_not_have(broken: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        valid(composed(decision()) | broken)


def test_schema_refuses_an_undecided_claim_without_a_need() -> None:
    verdict = composed(decision())
    verdict["claims"]["auth"]["needs"] = ""
    with pytest.raises(jsonschema.ValidationError):
        valid(verdict)


def test_exit_status_is_the_contract_s() -> None:
    assert [verdict_json.exit_status(state) for state in ("met", "breached", "void")] == [0, 1, 3]


def test_written_verdict_is_read_back_whole(tmp_path: Path) -> None:
    verdict = composed(decision())
    verdict_json.write(tmp_path / "verdict.json", verdict)
    assert json.loads((tmp_path / "verdict.json").read_text()) == verdict
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.json"]
