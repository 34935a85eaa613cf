"""The three lines of the answer, word for word, for each way in which a run can end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis.claims import registry
from analysis.model import Decision, Effect, Finding, Hypothesis
from analysis.verdict.answer import LABELS, answer_of, counts_line, state_words
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, UNAVAILABLE, verdict

BAD = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)
GOOD = Slo(state="met", checks=(MET,), why="")
ADDED = Effect(name="risk difference", estimate=0.0173, low=0.012, high=0.023)
OPEN = Finding(state="undecided", evidence="One host a side.", needs="Three hosts of each platform.")
CLEARED = Finding(state="ruled_out", effect=Effect(name="rate", estimate=0.0, low=0.0, high=0.003), evidence="Clean.")
UNDECIDED = "The hypothesis (the client's platform under network latency, the server being fine) is undecided."
REPEAT = "locust --headless --users 60 --run-time 5m"


def decided(*hypothesis: Hypothesis, **findings: Finding) -> Decision:
    """A decision with these findings, the others open."""
    claims = dict.fromkeys(registry.names(), OPEN) | findings
    return Decision(claims=claims, hypothesis=[*hypothesis, Hypothesis(state="undecided")][0])


def confirmed(evidence: str, effect: Effect | None = ADDED) -> Finding:
    return Finding(state="confirmed", effect=effect, n=900, p_value=0.001, evidence=evidence)


def void(why: str) -> dict[str, Any]:
    return {"slo": Slo(state="void", checks=(), why=why), "decision": decided()}


THE_HYPOTHESIS: dict[str, Any] = {
    "slo": BAD,
    "decision": decided(
        Hypothesis(state="confirmed", because=("intermittent and platform_x_latency are confirmed",)),
        intermittent=confirmed("Some fail."),
        platform_x_latency=confirmed("More on one platform."),
        **dict.fromkeys(("server", "network", "auth", "format"), CLEARED),
    ),
}
CLEAN: dict[str, Any] = {"slo": GOOD, "failures": [], "lost_at": {}, "decision": decided()}
EMPTY: dict[str, Any] = {**void("There are no attempts."), "attempts": 0, "timeouts": 0, "failures": [], "rates": []}
NOT_FOUND = replace(UNAVAILABLE, status=404, count=1000, share=1.0)
ENDINGS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "confirmed": (
        THE_HYPOTHESIS,
        "The client's platform under network latency. Windows clients with 300 ms added: 6.50 % of exchanges fail (26 "
        "of 400); Linux clients with 300 ms added: 0.25 % (1 of 400).",
        "Risk difference +1.73 points (95 %: +1.20 to +2.30), against a margin of 0.50 points. Ruled out: server, "
        "network, authentication, format. The hypothesis (the client's platform under network latency, the server "
        "being fine) is confirmed.",
        f"Another run that says otherwise: repeat it on other hosts or at another time. {REPEAT}",
    ),
    "clean": (
        CLEAN,
        "None does: all 1,000 attempts succeeded.",
        "At most 3.5 % of attempts fail (95 % limit), under the load of this run.",
        "A failure: while there is none, nothing can be learned of its cause. A longer run may have one. "
        "locust --headless --users 60 --run-time 10m",
    ),
    "void": (
        void("3 rows are missing."),
        "Nothing may be concluded, for the run is void: 3 rows are missing.",
        "Not at all: what was recorded decides nothing.",
        f"Three hosts of each platform. {REPEAT}",
    ),
    "empty": (
        EMPTY,
        "Nothing may be concluded, for the run is void: There are no attempts.",
        "Not at all: what was recorded decides nothing.",
        "A run in which sessions start: one user for a minute shows what keeps them from it. "
        "locust --headless --users 1 --run-time 1m",
    ),
    "unreadable": (
        {**EMPTY, "slo": void("part-00000.parquet is corrupt: its rows are missing.")["slo"]},
        "Nothing may be concluded, for the run is void: part-00000.parquet is corrupt: its rows are missing.",
        "Not at all: what was recorded decides nothing.",
        f"Three hosts of each platform. {REPEAT}",
    ),
    "short": (
        {
            **void("the run is too short for a trend."),
            "decision": decided(
                **dict.fromkeys(registry.names(), replace(OPEN, needs="A run of at least 20 minutes."))
            ),
        },
        "Nothing may be concluded, for the run is void: the run is too short for a trend.",
        "Not at all: what was recorded decides nothing.",
        "A run of at least 20 minutes. locust --headless --users 60 --run-time 20m",
    ),
    "one host": (
        {"slo": BAD, "decision": decided()},
        "Not known yet: 27 of 1,000 attempts failed (2.7 %), 27 of them by timeout, and no cause is confirmed.",
        f"Nothing is confirmed beyond the margin of 0.50 points. {UNDECIDED}",
        "For platform x latency: three hosts of each platform. "
        "python -m analysis plan --effect 0.01 --platforms Windows,Linux",
    ),
    "all 404": (
        {"slo": BAD, "decision": decided(), "failures": [NOT_FOUND]},
        "All 1,000 connects failed the same way: HTTP 404 Not Found at the upgrade (usually a wrong path, or a proxy "
        "that does not pass the Upgrade headers on).",
        f"Nothing is confirmed beyond the margin of 0.50 points. {UNDECIDED}",
        "That mended first: while they fail alike, a run says nothing else. A minute shows whether it is. "
        "locust --headless --users 60 --run-time 1m",
    ),
    "early end": (
        void("run-1: it ended after 18 s of 600 s (--accept-early judges it all the same)."),
        "Nothing may be concluded, for the run is void: run-1: it ended after 18 s of 600 s (--accept-early judges it "
        "all the same).",
        "Not at all: what was recorded decides nothing.",
        f"A run that goes on to its planned end. {REPEAT}",
    ),
    "server fault": (
        {
            "slo": BAD,
            "decision": decided(
                Hypothesis(state="ruled_out", because=("server is confirmed",)),
                server=confirmed("Instance instance-1 against the others: +7.8 points. More. And more."),
                auth=CLEARED,
            ),
        },
        "It comes from the server's side. Instance instance-1 against the others: +7.8 points. More.",
        "Risk difference +1.73 points (95 %: +1.20 to +2.30), against a margin of 0.50 points. Ruled out: "
        "authentication. The hypothesis (the client's platform under network latency, the server being fine) is ruled "
        "out (server is confirmed).",
        "The server's log beside this run: which of the lost waits came there, and what became of them. "
        "python -m analysis reports/run-1 --server-log FILE",
    ),
    "network fault": (
        {
            "slo": BAD,
            "decision": decided(
                Hypothesis(state="ruled_out", because=("network is confirmed",)),
                network=confirmed("41 requests were never acknowledged.", effect=None),
            ),
        },
        "What was sent was lost, held up or cut between the two machines. 41 requests were never acknowledged.",
        "The hypothesis (the client's platform under network latency, the server being fine) is ruled out (network is "
        "confirmed).",
        f"Another run that says otherwise: repeat it on other hosts or at another time. {REPEAT}",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_is_told_in_three_lines(ending: str) -> None:
    given, why, how_sure, what_next = ENDINGS[ending]
    answer = answer_of(verdict(**given))
    assert [label for label, _ in answer.lines()] == list(LABELS)
    assert answer.why == why
    assert answer.how_sure == how_sure
    assert f"{answer.what_next} {answer.command}".rstrip() == what_next


def test_other_confirmed_claims_are_named_beside_the_subject() -> None:
    both = decided(server=confirmed("It stalled."), latency=confirmed("It adds."))
    assert answer_of(verdict(BAD, decision=both)).why == (
        "It comes from the server's side. It stalled. Confirmed as well: latency."
    )


def test_what_the_plan_could_not_test_stands_apart_from_what_is_undecided() -> None:
    seen = replace(OPEN, effect=ADDED)
    answer = answer_of(verdict(BAD, decision=decided(server=seen, auth=CLEARED)))
    assert answer.undecided == ("Server",)
    assert "Platform" in answer.not_tested and not {"Server", "Authentication"} & set(answer.not_tested)
    clean = answer_of(verdict(**CLEAN))
    assert clean.undecided == clean.not_tested == ()
    none_began = answer_of({**verdict(BAD), "attempts": 0})
    assert none_began.undecided == none_began.not_tested == (), "it was not the plan that left claims untested"


def test_what_is_judged_comes_out_of_all_in_one_line() -> None:
    assert answer_of(verdict(BAD)).counts == (
        "Attempts: 1,000 judged = 1,060 in all - 50 control probes - 10 cut off by the end of the run."
    )
    others = {"probes": 0, "cut_off": 0, "test_mistakes": 0, "unreadable": 0}
    assert counts_line(others | {"all": 5, "judged": 5}) == "Attempts: 5 judged = 5 in all."


def test_states_are_words() -> None:
    assert [state_words(state) for state in ("confirmed", "ruled_out", "undecided")] == [
        *("confirmed", "ruled out", "undecided")
    ]
