from dataclasses import replace

import pytest

from analysis.claims import registry
from analysis.model import Criteria, Decision, Finding, Hypothesis, State
from analysis.server_log.account import Account
from analysis.server_log.evidence import PART, with_log
from analysis.server_log.ladder import Said, Told
from analysis.stats.rates import Rate
from tests.analysis.server_log.log_lines import WHO
from tests.analysis.server_log.test_account import accounted

CRITERIA = Criteria()


def decision(server: State = "undecided") -> Decision:
    claims = {name: Finding(state="undecided", evidence="Before.", needs="More.") for name in registry.names()}
    claims["server"] = replace(claims["server"], state=server)
    return Decision(claims=claims, hypothesis=Hypothesis(state="undecided"))


def says(said: Said, n: int, *, lost_at: str | None = None, rate: Rate | None = None) -> Account:
    told = ((WHO, "connect", lost_at, Told("accepted", said)),) * n
    return replace(accounted([], []), attempts=1000, told=told, stated={said: rate} if rate else {})


@pytest.mark.parametrize("before", ["undecided", "ruled_out"])
@pytest.mark.parametrize("hypothesis", ["undecided", "confirmed"])
def test_a_quota_that_the_log_states_confirms_the_server_and_refutes_the_hypothesis(
    before: State, hypothesis: State
) -> None:
    stated = Rate(events=100, n=1000, design_effect=1.5)
    given = replace(decision(before), hypothesis=Hypothesis(state=hypothesis))
    found = with_log(given, says("quota", 100, rate=stated), CRITERIA)
    server = found.claims["server"]
    assert (server.state, server.needs) == ("confirmed", "")
    assert server.evidence.startswith("The server's log states it of 10.00 % (")
    assert server.parts[PART].state == "confirmed"
    assert found.hypothesis == Hypothesis(state="ruled_out", because=("server is confirmed",))


@pytest.mark.parametrize(
    "stated", [Rate(events=4, n=1000, design_effect=1.0), Rate(events=58, n=1000, design_effect=58.0)]
)
def test_few_refusals_and_one_event_decide_nothing(stated: Rate) -> None:
    found = with_log(decision(), says("restart", stated.events, rate=stated), CRITERIA)
    assert found.claims["server"].state == "undecided"
    assert found.claims["server"].parts[PART].state == "undecided"
    assert found.hypothesis.state == "undecided"


def test_a_slow_server_is_evidence_and_decides_nothing() -> None:
    found = with_log(decision(), says("was_slow", 500), CRITERIA)
    assert found.claims["server"].state == "undecided"
    assert found.claims["server"].evidence == (
        "Before. By its log, of 500 failed waits: 500 x the server had it and was slow."
    )


@pytest.mark.parametrize(
    ("lost_at", "claim"), [("unacknowledged", "network"), (None, "network"), ("unread", "client_loop")]
)
def test_an_answer_that_never_arrived_was_lost_on_the_way_or_lies_here(lost_at: str | None, claim: str) -> None:
    found = with_log(decision(), says("reply_lost", 7, lost_at=lost_at), CRITERIA)
    assert "Of 7 failed waits 7 " in found.claims[claim].evidence
    others = {"network", "client_loop", "server"} - {claim}
    assert all(found.claims[name] == decision().claims[name] for name in others)


def test_what_is_confirmed_already_keeps_its_own_words() -> None:
    stated = Rate(events=100, n=1000, design_effect=1.5)
    found = with_log(decision("confirmed"), says("quota", 100, rate=stated), CRITERIA)
    assert found.claims["server"].evidence.startswith("Before.")


def test_a_log_that_says_nothing_changes_nothing() -> None:
    assert with_log(decision(), says("unclear", 0), CRITERIA) == decision()


def test_what_refutes_the_hypothesis_already_stays_a_reason() -> None:
    given = replace(decision(), hypothesis=Hypothesis(state="ruled_out", because=("auth is confirmed",)))
    found = with_log(given, says("quota", 100, rate=Rate(events=100, n=1000, design_effect=1.5)), CRITERIA)
    assert found.hypothesis.because == ("auth is confirmed", "server is confirmed")
