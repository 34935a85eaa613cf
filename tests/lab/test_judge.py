"""The judge's sentences, from what was said alone."""

from __future__ import annotations

import pytest

from lab.judge import Expected, Seen, is_said, misses

REFUSED = Expected(right=frozenset({"auth"}), words=("4401",), never=("age limit",))


def test_a_verdict_that_says_what_is_right_misses_nothing() -> None:
    assert misses(REFUSED, Seen(frozenset({"auth"}), "Found: tokens are refused (close 4401).")) == []


def test_what_may_be_confirmed_beside_it_is_not_held_against_a_verdict() -> None:
    assert misses(REFUSED, Seen(frozenset({"auth", "intermittent"}), "Close 4401.")) == []


def test_claims_that_are_missing_or_wrong_and_words_that_are_missing_or_wrong_are_named() -> None:
    seen = Seen(frozenset({"server"}), "Found: it comes from the server's side (an age limit).")
    assert misses(REFUSED, seen) == [
        "auth is missing",
        "server is not so",
        "“4401” is not said",
        "“age limit” is said",
    ]


def test_in_a_control_nothing_may_be_confirmed() -> None:
    assert misses(Expected(also=frozenset()), Seen(frozenset({"intermittent"}), "")) == ["intermittent is not so"]


def test_one_of_several_words_is_enough() -> None:
    expected = Expected(words=("issuer|self-signed",))
    assert misses(expected, Seen(frozenset(), "Self-signed certificate in certificate chain")) == []
    assert misses(expected, Seen(frozenset(), "Failed.")) == ["“issuer” or “self-signed” is not said"]


def test_what_must_not_be_said_must_not_be_evidence_either() -> None:
    seen = Seen(frozenset({"auth"}), "Found: close 4401.", evidence="The peer ends sessions at an age limit of 5 s.")
    assert misses(REFUSED, seen) == ["“age limit” is said"]


def test_a_void_run_tells_nothing_but_a_token_in_a_file_is_wrong_all_the_same() -> None:
    seen = Seen(frozenset(), "", leaks=("report.html",), impaired="A busy core.")
    assert misses(REFUSED, seen) == ["void: A busy core.", "report.html holds a token"]
    assert misses(REFUSED, Seen(frozenset(), "", void="Rows are missing.")) == ["void: Rows are missing."]


@pytest.mark.parametrize("text", ["HTTP 404.", "404: not found", "(status 404)", "404, 101 times"])
def test_a_status_is_said_where_it_stands_alone(text: str) -> None:
    assert is_said("404", text)


@pytest.mark.parametrize("text", ["1,404 attempts", "404,010 attempts", "14.404 %", "4041", "40.4"])
def test_a_status_is_not_said_by_a_larger_number(text: str) -> None:
    assert not is_said("404", text)


def test_each_client_must_have_lost_nearly_all_of_its_waits_where_the_truth_is() -> None:
    expected = Expected(rungs=("unread", "generator"))
    right = Seen(frozenset(), "", lost={"a": {"unread": 5, "generator": 5}, "b": {"unread": 9, "unknown": 1}})
    assert misses(expected, right) == []
    wrong = Seen(frozenset(), "", lost={"a": {"unread": 8, "silent_process": 2}, "b": {}, "c": {"unread": 1}})
    assert misses(expected, wrong) == ["a lost 2 silent_process, 8 unread", "b lost nothing"]
    assert misses(Expected(), wrong) == []


def test_where_the_fault_is_the_generators_own_the_run_must_be_void_for_it_and_its_claims_count() -> None:
    expected = Expected(right=frozenset({"client_loop"}), is_generators=True)
    assert misses(expected, Seen(frozenset({"client_loop"}), "", impaired="A blocked loop.")) == []
    assert misses(expected, Seen(frozenset({"server"}), "", impaired="A blocked loop.")) == [
        "client_loop is missing",
        "server is not so",
    ]
    assert misses(expected, Seen(frozenset({"client_loop"}), "")) == ["the generator is not said to be impaired"]
