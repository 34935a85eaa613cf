"""What the server itself says is its own, where everybody is told alike; and quotas."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from analysis.claims.server_answers import ordinal_word, quota_words
from analysis.comparison.view import view_of
from analysis.model import Criteria
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.simulation.sessions import Sessions
from tests.analysis.claims.server_tables import SHORT, answered, at_first_site, server, simulated
from tests.analysis.tables_by_hand import sketched, with_sessions


def test_errors_that_the_server_itself_names_to_everybody_are_the_servers() -> None:
    finding = server(answered(sketched(1)))
    assert finding.state == "confirmed"
    assert "alike for all" in finding.evidence


def test_ninety_seconds_on_one_host_are_enough_for_the_servers_own_words() -> None:
    assert server(answered(sketched(1, **SHORT), 0.1)).state == "confirmed"


def test_answers_that_only_one_host_or_platform_sees_may_be_a_proxys() -> None:
    for spared in ({"host": "Linux-1"}, {"platform": "Linux"}):
        finding = server(answered(sketched(1), 0.2, **spared))
        assert finding.state == "undecided", spared


def refused_at_one_site(sessions: Sessions) -> None:
    sessions.strike_connects(0.05 * at_first_site(sessions), "unavailable")


def closed_on_one_client(sessions: Sessions) -> None:
    sessions.strike_exchanges(0.03 * (sessions.client == 2)[:, None], "server_closed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strike", "words"), [(refused_at_one_site, "the site site-b"), (closed_on_one_client, "the client")]
)
def test_the_servers_own_words_that_one_site_or_one_client_gets_may_be_a_proxys(
    strike: Callable[[Sessions], None], words: str
) -> None:
    finding = server(simulated(strike))
    assert finding.state == "undecided"
    assert f"but {words}" in finding.evidence
    assert "alike for all" not in finding.evidence


def connects_by_ordinal(refused_from: int, share: float = 1.0) -> pd.DataFrame:
    """Connects of users that connected up to thirty times in five minutes, refused from one of them on."""
    rows = [
        {
            "host": host,
            "platform": host.split("-")[0],
            "bin": FIRST_MINUTE // 5 + window,
            "ordinal": ordinal,
            "n": 10,
            "explicit": int(10 * share) if ordinal >= refused_from else 0,
        }
        for host in ("Windows-0", "Linux-0")
        for window in range(6)
        for ordinal in range(1, 31)
    ]
    return pd.DataFrame(rows)


def test_a_quota_is_named_with_the_connection_from_which_it_refuses() -> None:
    words = quota_words(view_of(replace(sketched(1), subjects=connects_by_ordinal(21)), Criteria()))
    assert (
        "from the 21st connection of a user within 5 minutes on (1,200 of 1,200 refused, before it 0 of 2,400)" in words
    )
    finding = server(replace(answered(sketched(1)), subjects=connects_by_ordinal(21)))
    assert "A quota: from the 21st connection" in finding.evidence


def test_later_connects_that_fail_no_more_often_are_not_spoken_of() -> None:
    subjects = connects_by_ordinal(1)
    for share in (0.1, 0.0):
        alike = subjects.assign(explicit=(subjects["n"] * share).astype(int))
        finding = server(replace(answered(sketched(1)), subjects=alike))
        assert "later connects" not in f"{finding.evidence} {finding.parts}"


@pytest.mark.parametrize(("refused_from", "share"), [(1, 1.0), (21, 0.3), (99, 1.0)])
def test_refusals_without_a_step_are_no_quota(refused_from: int, share: float) -> None:
    subjects = connects_by_ordinal(refused_from, share)
    assert quota_words(view_of(replace(sketched(1), subjects=subjects), Criteria())) == ""


def test_ordinals_have_their_english_endings() -> None:
    assert [ordinal_word(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th")
    ]


@pytest.mark.parametrize("everybody", [True, False])
def test_sessions_that_the_server_ends_are_its_own_only_where_nobody_is_spared(everybody: bool) -> None:
    died = {"Windows": 200, "Linux": 200 if everybody else 0}
    tables = with_sessions(sketched(5, base_risk=0.0, minutes=60), died=died, cause="server_error")
    tables = replace(tables, sessions=tables.sessions.assign(explicit=tables.sessions["failed"]))
    finding = server(tables)
    assert finding.state == ("confirmed" if everybody else "undecided")
    assert everybody or "but the platform Linux was nearly spared" in finding.evidence
