from dataclasses import replace

from analysis.report.server_log import section
from analysis.server_log.read import Counts
from tests.analysis.server_log.log_lines import START_S, record
from tests.analysis.server_log.test_account import accounted, lost, ready

COUNTS = Counts(
    lines=203, unreadable=1, events=203, first_s=START_S, last_s=START_S + 60, formats={"server.log": "json"}
)


def test_what_was_read_and_joined_is_said_in_sentences() -> None:
    connects, lines = ready()
    found = section(replace(accounted([*connects, *lost(2)], lines), counts=COUNTS))
    text = " ".join(found.sentences)
    assert "203 lines were read of server.log (json), 203 events are known; 1 could not be read." in text
    assert "They reach from 2026-09-21 14:14:00 to 2026-09-21 14:15:00 (UTC)." in text
    assert "40 of 42 connects are in the log (40 by connection id)." in text
    assert "The server's clock is " in text and "(by 40 connections)." in text
    assert "Of what must be in the log it has 100.0 % of the connects that became ready." in text


def test_rungs_and_shares_are_tables() -> None:
    connects, lines = ready()
    taken = record('127.0.0.1:40000 - "WebSocket /ws" [accepted]', 0.015)
    rungs, shares = section(accounted([*connects, *lost(2)], [*lines, taken])).tables
    assert rungs.rows == (("not seen", "1"), ("accepted", "1"))
    assert shares.rows[0][:3] == ("all", "the server never got it", "1 of 2")
    assert ("delay: 0 ms", "the server had it and was slow", "1 of 2") in [row[:3] for row in shares.rows]


def test_a_log_without_anything_known_says_so() -> None:
    counts = replace(COUNTS, events=0, first_s=None, last_s=None, unreadable=203, tried=("json", "nginx"))
    found = section(replace(accounted([], []), counts=counts))
    assert found.tables == ()
    assert found.sentences[0].startswith("The server's log tells nothing: none of 203 lines could be understood")
    empty = section(accounted([], []))
    assert empty.sentences[0].startswith("The server's log has no line")
    assert any("How far the clocks are apart is not known" in sentence for sentence in found.sentences)


def test_artefacts_and_files_that_are_cut_off_are_named() -> None:
    counts = replace(COUNTS, cut=["What is behind it is not known: x.gz cannot be read."])
    found = section(replace(accounted([], []), counts=counts, artefacts={"doubled_access_lines": 3}))
    text = " ".join(found.sentences)
    assert "is none, and is in no share: 3 access lines were written twice." in text
    assert "What is behind it is not known: x.gz" in text


def test_a_log_of_another_time_or_of_an_unnamed_zone_is_named_as_one() -> None:
    connects, _ = ready()
    said = "The runs reach from 2026-09-21 14:14:00 to 2026-09-21 14:14:39: the log is of another time, or its times"
    found = accounted([*connects, *lost(2)], [])
    for ahead_s, is_other in ((3600.0, True), (-3600.0, True), (60.0, False)):
        first_s = START_S + ahead_s
        counts = replace(COUNTS, first_s=first_s, last_s=first_s + 30.0)
        assert (said in section(replace(found, counts=counts)).sentences[0]) == is_other
    later = replace(COUNTS, first_s=START_S + 9e5, last_s=START_S + 9e5)
    joined = replace(found, joined_by={"connection": 1}, counts=later)
    assert "The runs reach" not in section(joined).sentences[0]
