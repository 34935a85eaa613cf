from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims.held import deaths_words
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.verdict.leads import (
    MOST_MOMENTS,
    always_fails,
    first_connects,
    idle_deaths,
    leads,
    limits_of_some,
    one_event,
    restarts,
    unmatched,
)
from tests.analysis.tables_by_hand import sketched, with_sessions

START_S = 60 * FIRST_MINUTE


def seen(**tables: Any) -> View:
    changed = replace(sketched(1), **tables)
    return view_of(changed, Criteria())


def holds(end_s: list[int], *, close_code: float | None = None) -> pd.DataFrame:
    count = len(end_s)
    return pd.DataFrame(
        {
            "host": np.where(np.arange(count) % 2, "Linux-0", "Windows-0"),
            "platform": np.where(np.arange(count) % 2, "Linux", "Windows"),
            "chunk_minute": FIRST_MINUTE,
            "by_peer": True,
            "died": False,
            "parity": np.arange(count) % 3 % 2,
            "duration_bin": 60,
            "idle_bin": np.nan,
            "silence_bin": np.nan,
            "end_s": end_s,
            "cause": "server_closed",
            "close_code": close_code,
            "client": "websocket-client",
            "event_loop": "gevent-libev",
            "delay_us": 0.0,
            "n": 1,
        }
    )


def test_nothing_stands_out_of_a_quiet_run() -> None:
    assert leads(view_of(sketched(1), Criteria())) == ()


def test_sessions_that_end_in_one_second_are_one_event() -> None:
    together = [START_S + 310] * 40 + [START_S + 7 * n for n in range(10)]
    text = one_event(seen(holds=holds(together)))
    assert text.startswith("40 of 50 sessions that the peer ended were ended in the same second")
    assert "on 2 hosts" in text and "goodbye" not in text
    assert "the server said goodbye, as in a restart" in one_event(seen(holds=holds(together, close_code=1012.0)))


def test_sessions_that_end_in_step_may_have_met_a_limit() -> None:
    in_step = holds([START_S + 30 * (1 + n // 30) for n in range(120)]).assign(idle_bin=60, silence_bin=60)
    (text,) = limits_of_some(seen(holds=in_step))
    assert "sessions that reach 30 to 32 s without a word" in text
    assert "ended together, which may be one event" in text
    assert "start at different times" in text


def starts(bad: dict[int, int]) -> pd.DataFrame:
    rows = [
        {
            "run_id": "r",
            "host": "Linux-0",
            "platform": "Linux",
            "since_s": s,
            "n": 20 if s < 60 else 4000,
            "bad": bad.get(s, 0),
        }
        for s in range(61)
    ]
    return pd.DataFrame(rows)


def test_connects_that_fail_only_at_the_start_are_named_with_their_seconds() -> None:
    text = first_connects(seen(first_connects=starts({0: 9, 1: 6, 2: 5})))
    assert text.startswith("Connects fail only in the first 3 s after the start (20 of 60; later 0 of 5,140)")


def test_connects_that_fail_later_as_well_are_no_matter_of_the_start() -> None:
    assert first_connects(seen(first_connects=starts({0: 2, 1: 2, 30: 3, 60: 700}))) == ""
    assert first_connects(seen(first_connects=starts({}))) == ""


def test_an_outage_in_mid_run_is_no_cold_start() -> None:
    assert first_connects(seen(first_connects=starts(dict.fromkeys(range(12, 18), 19)))) == ""


def test_restarts_are_told_by_the_servers_goodbyes() -> None:
    ends = [START_S + 10 * (1 + n // 20) for n in range(80)]
    text = restarts(seen(holds=holds(ends, close_code=1012.0)))
    assert text.startswith("The server said goodbye to 80 sessions in 4 moments (at")
    assert text.endswith("UTC), as in restarts.")
    assert restarts(seen(holds=holds(ends, close_code=1000.0))) == ""


def idles(bad: dict[int, int], n: int = 60) -> pd.DataFrame:
    rows = [
        {
            "host": "Linux-0",
            "platform": "Linux",
            "parity": p,
            "idle": i,
            "n": 3000 if i < 2 else n,
            "bad": bad.get(i, 0),
        }
        for p in (0, 1)
        for i in (0, 1, 5, 30, 60, 80, 120)
    ]
    return pd.DataFrame(rows)


def test_requests_that_die_after_an_idle_time_are_named_with_the_bound() -> None:
    text = idle_deaths(seen(idles=idles({60: 58, 80: 60, 120: 57})))
    assert "idle for 60 s (175 of 180), and hardly ever before (0 of 6,120)" in text


def test_requests_that_die_as_the_one_before_had_were_idle_because_of_it() -> None:
    dying = idles({60: 58, 80: 60, 120: 57})
    followed = dying.assign(operation="echo", died=dying["bad"].where(dying["idle"] >= 60, 0))
    assert idle_deaths(seen(idles=dying, continued=followed)) == ""
    half = followed.assign(died=followed["died"] // 2)
    assert "idle for 60 s (88 of 93)" in idle_deaths(seen(idles=dying, continued=half))


def test_requests_that_die_whatever_the_idle_time_are_not() -> None:
    assert idle_deaths(seen(idles=idles({0: 150, 5: 3, 60: 3, 80: 3}))) == ""
    assert idle_deaths(seen(idles=idles({}))) == ""


# -- what always fails --------------------------------------------------------------------------------------


def always(*rows: tuple[str, str, str, str, int, int, int]) -> list[str]:
    columns = ["platform", "what", "subject", "part", "size", "n", "bad"]
    return always_fails(seen(always=pd.DataFrame(list(rows), columns=columns)))


def test_users_who_always_fail_are_named_once_with_their_attempts_on_all_platforms() -> None:
    assert always() == []
    words = "The attempts of a user always fail: anna (19 of 20)."
    assert always(("Linux", "user", "anna", "", -1, 12, 11), ("Windows", "user", "anna", "", -1, 8, 8)) == [words]


def test_what_of_a_users_attempts_always_fails_is_said() -> None:
    rows = [("Linux", "user", "anna", part, -1, 12, 12) for part in ("exchanges", "chat")]
    assert always(*rows) == [
        "The chat requests of a user always fail: anna (12 of 12).",
        "The exchanges of a user always fail: anna (12 of 12).",
    ]


def test_a_scenario_that_always_fails_is_named_as_one() -> None:
    rows = [("Linux", "scenario", "burst", "exchanges", -1, 12, 12), ("Linux", "user", "anna", "", -1, 10, 10)]
    assert always(*rows) == [
        "The attempts of a user always fail: anna (10 of 10).",
        "The exchanges of a scenario always fail: burst (12 of 12).",
    ]


def test_a_few_users_are_named_and_the_others_counted() -> None:
    rows = [("Linux", "user", f"u{n}", "", -1, 10, 10) for n in range(MOST_MOMENTS + 2)]
    (words,) = always(*rows)
    assert words.startswith("The attempts of some users always fail: u0 (10 of 10), u1 (10 of 10)")
    assert words.endswith(" and 2 more.")
    assert f"u{MOST_MOMENTS}" not in words


def test_sizes_that_always_fail_are_said_in_bytes_and_where_not_on_all_platforms() -> None:
    everywhere = [(name, "size", "", "chat", 11, 30, 30) for name in ("Linux", "Windows")]
    assert always(*everywhere) == [
        "Requests of chat from 2,048 bytes on always fail (60 of 60), smaller ones do not.",
    ]
    assert always(everywhere[1]) == [
        "Requests of chat from 2,048 bytes on always fail on Windows (30 of 30), smaller ones do not.",
    ]


def test_what_always_fails_is_among_the_leads() -> None:
    frame = pd.DataFrame(
        [("Linux", "user", "anna", "", -1, 12, 12)], columns=["platform", "what", "subject", "part", "size", "n", "bad"]
    )
    assert "The attempts of a user always fail: anna (12 of 12)." in leads(seen(always=frame))


def test_sessions_that_died_are_counted_with_their_causes_and_with_who_had_most_of_them() -> None:
    tables = with_sessions(sketched(1), died={"Windows": 300, "Linux": 4})
    (text,) = (one for one in leads(view_of(tables, Criteria())) if "before their time" in one)
    assert text.startswith(
        "304 of 4,000 sessions ended before their time while they were held (reset 304), most of all"
    )
    assert text.endswith("of Windows: 300 of 2,000, of all others 4 of 2,000.")
    few = with_sessions(sketched(1), died={"Windows": 2, "Linux": 2})
    assert deaths_words(view_of(few, Criteria())) == ""
    alike = deaths_words(view_of(with_sessions(sketched(1), died={"Windows": 80, "Linux": 84}), Criteria()))
    assert alike == "164 of 4,000 sessions ended before their time while they were held (reset 164)."


def test_a_limit_that_only_one_platform_met_is_a_lead_whatever_its_share() -> None:
    rng = np.random.default_rng(1)
    ends = holds([START_S + 7 * n for n in range(300)]).assign(duration_bin=1200, died=True)
    met = ends[ends["platform"] == "Windows"].assign(parity=rng.integers(0, 2, 150))
    lasted = pd.concat([ends] * 4).assign(by_peer=False, died=False, duration_bin=1800)
    (text,) = limits_of_some(seen(holds=pd.concat([met, lasted], ignore_index=True)))
    assert "only sessions of platform Windows met it (150 of 750; 0 of 600 of all others)" in text


def test_whole_messages_that_match_nothing_are_named_by_the_request_that_ran_out() -> None:
    cells = sketched(1).cells
    view = seen(cells=cells.assign(unmatched=np.where(cells["operation"] == "chat", cells["timeouts"], 0)))
    hit = int(cells.loc[cells["operation"] == "chat", "timeouts"].sum())
    assert f"In {hit} of {int(cells['timeouts'].sum())} timeouts whole messages came" in unmatched(view)
    assert f"(chat {hit})" in unmatched(view)
    assert unmatched(view) in leads(view)
    assert unmatched(seen()) == ""
