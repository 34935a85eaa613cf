from dataclasses import replace
from typing import Any

from analysis.claims import registry
from analysis.model import CredentialCheck, Decision, Finding, Hypothesis
from analysis.report.summary import summary_md
from analysis.report.wording import (
    after_the_answer,
    detectable_text,
    effect_text,
    failed,
    found,
    headline,
    log_without_events,
    lost,
    lower_first,
    not_tested,
    sentences,
    server_log,
    statements,
    undecided,
)
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, decision, verdict

BAD = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)
GOOD = Slo(state="met", checks=(MET,), why="")


def test_every_claim_and_the_hypothesis_have_a_statement() -> None:
    assert set(statements()) == {*registry.names(), "hypothesis"}
    assert all(statements().values())


def test_headline_says_what_was_breached_and_how_much_was_seen() -> None:
    text = headline(verdict(BAD), BAD)
    assert text == "Service levels breached (1,000 attempts, 27 timeouts): 27 of 900 timed out."
    assert headline(verdict(GOOD), GOOD).startswith("Service levels met: 1,000 attempts, 27 timeouts")


def test_headline_says_that_a_run_is_judged_though_it_ended_early() -> None:
    early = {**verdict(GOOD), "accepted_ends": ["The run ended after 18 s of 600 s, which --accept-early allows."]}
    assert headline(early, GOOD).endswith("The run ended after 18 s of 600 s, which --accept-early allows.")


def test_void_headline_concludes_nothing() -> None:
    slo = Slo(state="void", checks=(), why="3 rows are missing.")
    assert headline(verdict(slo), slo).startswith("Void, nothing may be concluded: 3 rows are missing (")


def test_where_timeouts_were_lost_is_said_the_commonest_first() -> None:
    assert lost(verdict(BAD)) == (
        "Lost: 40 had by the server, which answered pings only; 3 never acknowledged by the peer's machine; "
        "1 where, was not asked."
    )
    assert lost({"lost_at": {}}) == ""


def test_found_names_effects_and_what_is_ruled_out() -> None:
    text = found(verdict(BAD))
    assert "it comes from the server's side (synchrony), +1.20 points (+0.80 to +1.70)" in text
    assert "ruled out within 0.50 points: authentication" in text
    assert "the hypothesis (platform under latency) is ruled out" in text


def test_nothing_confirmed_is_said() -> None:
    nothing = Decision(claims={}, hypothesis=Hypothesis(state="undecided"))
    assert found(verdict(GOOD, decision=nothing)) == "Found: no cause is confirmed."


def test_undecided_claims_with_one_need_are_named_together() -> None:
    text = not_tested(verdict(BAD))
    assert text.startswith("Not tested by this plan: intermittent, latency, platform")
    assert text.count("needs three hosts of each platform") == 1


def test_what_was_tested_and_is_undecided_stands_apart_from_what_this_plan_could_not_test() -> None:
    given = verdict(BAD)
    given["claims"]["latency"]["effect"] = given["claims"]["auth"]["effect"]
    assert undecided(given).startswith("Undecided: latency (needs ")
    assert "latency, platform" not in not_tested(given)
    assert undecided(verdict(BAD)) == ""
    none_began = {**verdict(BAD), "attempts": 0}
    assert not_tested(none_began) == undecided(none_began) == "", "it was not the plan"


def test_a_run_in_which_nothing_failed_has_no_cause_to_look_for() -> None:
    clean = verdict(GOOD, failures=[], lost_at={})
    assert found(clean) == "Nothing failed: there is no cause to look for."
    assert failed(clean) == undecided(clean) == not_tested(clean) == ""
    assert sentences(clean, GOOD)[3:-1] == [headline(clean, GOOD), found(clean)]


def test_what_the_target_said_is_told_commonest_first() -> None:
    assert failed(verdict(BAD)) == (
        "Failures: 27 x no answer during an exchange (3 % of exchanges); "
        "3 x HTTP 503 Service Unavailable at the upgrade (5 % of connects)."
    )


def test_broken_tokens_that_are_accepted_come_first() -> None:
    checks = (
        CredentialCheck(kind="forged", accepted=40, refused=20, not_checked=2),
        CredentialCheck(kind="expired", accepted=0, refused=60, not_checked=0),
    )
    text = headline(verdict(GOOD, decision=replace(decision(), credentials=checks)), GOOD)
    assert text.startswith("The server accepts what it had to refuse: forged tokens are accepted (40 of 62). Service")


def test_auth_probes_that_nobody_looked_at_prove_nothing() -> None:
    checks = (CredentialCheck(kind="forged", accepted=0, refused=3, not_checked=148),)
    text = found(verdict(GOOD, decision=replace(decision(), credentials=checks)))
    assert "Of 151 auth probes 148 prove nothing: no token was checked." in text


def test_a_void_run_does_not_say_that_nothing_failed() -> None:
    void = Slo(state="void", checks=(), why="3 rows are missing.")
    assert found(verdict(void, failures=[])) == ""


def test_a_level_beyond_its_limit_is_not_met_without_its_reason() -> None:
    trend = replace(MET, name="stability", value=0.02, low=-0.01, limit=0.01, why="It changed by +2.00 points.")
    slo = Slo(state="met", checks=(MET, trend), why="")
    assert "it changed by +2.00 points" in headline(verdict(slo), slo)
    assert "| ✅ met: it changed by +2.00 points. |" in summary_md(verdict(slo), slo)


def test_leads_stand_apart_from_what_is_confirmed() -> None:
    text = found(verdict(BAD, decision=replace(decision(), leads=("120 sessions ended in the same second.",))))
    assert text.endswith("Stands out: 120 sessions ended in the same second.")


def test_nothing_undecided_is_said() -> None:
    decided = dict.fromkeys(registry.names(), Finding(state="ruled_out"))
    all_decided = Decision(claims=decided, hypothesis=Hypothesis(state="ruled_out"))
    assert undecided(verdict(GOOD, decision=all_decided)) == "Undecided: nothing."
    assert not_tested(verdict(GOOD, decision=all_decided)) == ""


def test_effect_that_was_not_estimated_is_a_dash() -> None:
    assert effect_text(verdict(BAD)["claims"]["platform"]["effect"]) == "–"
    assert effect_text(verdict(BAD)["claims"]["auth"]["effect"]) == "0.00 % (0.00 to 0.30)"


def test_first_letter_is_lowered_unless_it_is_an_acronym() -> None:
    assert lower_first("Three hosts") == "three hosts"
    assert lower_first("HTTP probes") == "HTTP probes"
    assert lower_first("") == ""


def test_what_could_have_been_found_is_said_in_points_or_percent_and_a_dash_where_it_cannot_be() -> None:
    effect = {"name": "risk difference"}
    claim = {"effect": effect, "smallest_detectable": 0.0123, "smallest_confirmable": 0.0173}
    assert detectable_text(claim) == "1.2 points; confirmed from 1.7"
    assert detectable_text(claim | {"smallest_confirmable": None}) == "1.2 points"
    assert detectable_text(claim | {"effect": {"name": "rate"}}).startswith("1.2 %")
    assert detectable_text(claim | {"smallest_detectable": None}) == "–"


def log(**given: Any) -> dict[str, Any]:
    files = [{"name": "app.log", "format": "no known format"}]
    return {"files": files, "tried": ["json", "text", "nginx"], "lines": 1200, "unreadable": 1200, "events": 0, **given}


def test_a_log_of_which_no_line_is_understood_says_so_by_which_formats_and_what_to_do() -> None:
    # Not "of 7 failed waits: 7 x the log does not tell".
    given = {**verdict(BAD), "server_log": log(waits=7, says={"unclear": 7})}
    assert server_log(given) == (
        "The server's log tells nothing: none of 1,200 lines could be understood (app.log) by the formats json, text "
        "and nginx. Name its format with --server-log-format, or describe it in a TOML file of your own "
        "(docs/server-log.md)."
    )
    assert server_log(given) in after_the_answer(given, BAD)


def test_a_log_without_a_line_and_one_that_is_of_something_else_are_told_apart() -> None:
    assert log_without_events(log(events=1)) == ""
    assert log_without_events(log(lines=0)) == "The server's log has no line (app.log): nothing is told by it."
    other = log_without_events(log(tried=["nginx"], unreadable=1199))
    assert "1 line of 1,200 could be understood (app.log) by the format nginx, and nothing of any connection" in other
    many = log_without_events(log(files=[{"name": f"{at}.log"} for at in range(9)]))
    assert "(0.log, 1.log, 2.log, and 6 more)" in many
