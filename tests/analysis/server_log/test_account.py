from typing import Any

import pytest

from analysis.server_log.account import Account, Known, Restarts, account, as_json, asked_of, shares
from analysis.server_log.clocks import UNKNOWN_ERROR_S, Clocks
from analysis.server_log.event import Event
from analysis.server_log.gathered import Gathered, gathered
from analysis.server_log.join import Joined, Seen, joined
from analysis.server_log.ladder import Told
from analysis.server_log.messages import Message
from analysis.server_log.read import Counts, of_record
from analysis.server_log.waits import Connect, Waits, Who
from tests.analysis.server_log.log_lines import START_S, WHO, connect, event, life, name, record, wait
from tests.typed import known


def accounted(connects: list[Connect], lines: list[bytes], attempts: int = 1000) -> Account:
    log = gathered((one for line in lines for one in of_record(line) or ()), connects)
    waits = Waits(connects=tuple(connects), failed=(), good=(), operations=frozenset(), attempts=attempts, left_out=0)
    return account(log, joined(log, connects), waits, Counts())


def ready(n: int = 40) -> tuple[list[Connect], list[bytes]]:
    """Connects that became ready, and their lines."""
    connects, lines = [], []
    for at in range(n):
        user = f"good-user-{at:04}"
        port = 50_000 + at
        connects.append(connect(float(at), named=name(at, user="good-use"), subject=user, port=port, connection=at))
        lines += life(name(at, user="good-use"), user, at + 0.015, port=port)
    return connects, lines


def lost(n: int, **more: Any) -> list[Connect]:
    return [
        connect(
            float(at), until_s=START_S + at + 3.0, outcome="timeout", answered_s=None, connection=1000 + at,
            subject=f"lost-user-{at:04}", port=40_000 + at, **more,
        )
        for at in range(n)
    ]  # fmt: skip


def test_waits_are_counted_by_rung_and_by_what_the_log_says() -> None:
    connects, lines = ready()
    taken = [record(f'127.0.0.1:{40_000 + at} - "WebSocket /ws" [accepted]', at + 0.015) for at in range(3)]
    found = accounted([*connects, *lost(5)], [*lines, *taken])
    assert found.rungs == {"not_seen": 2, "accepted": 3}
    assert found.says == {"never_got_it": 2, "was_slow": 3}
    assert found.joined_by == {"connection": 40, "port": 3}
    assert found.ready == Known(40, 40)


def test_a_log_with_holes_says_nothing_by_what_it_lacks() -> None:
    connects, lines = ready()
    half = [line for line in lines if int(known(next(iter(of_record(line) or ()))).at_s) % 2]
    found = accounted([*connects, *lost(5)], half)
    assert not found.ready.is_complete
    assert found.says == {"unclear": 5}


def test_a_minute_without_a_line_is_not_a_minute_without_a_request() -> None:
    connects, lines = ready()
    later = [one._replace(from_s=one.from_s + 600, until_s=one.until_s + 600) for one in lost(5)]
    assert accounted([*connects, *later], lines).says == {"unclear": 5}


def test_a_log_that_is_written_at_the_end_may_still_lack_what_is_open() -> None:
    connects, lines = ready()
    events = [one for line in lines for one in of_record(line) or ()]
    mine = [*connects, *lost(5)]

    def says(*more: Event) -> dict[str, int]:
        log = gathered([*events, *more], mine)
        waits = Waits(tuple(mine), (), (), frozenset(), 1000, 0)
        return account(log, joined(log, mine), waits, Counts()).says

    ended = event(60.0, "closed", port=1, lasted_s=1.0)
    assert says() == {"never_got_it": 5}
    assert says(ended) == {"unclear": 5}
    assert says(ended, event(200.0, "closed", port=1, lasted_s=1.0)) == {"never_got_it": 5}


def test_what_may_be_missing_lines_is_taken_off_the_lower_end() -> None:
    told = [(WHO, "connect", None, Told("not_seen", "never_got_it"))] * 50
    (all_of_them, *_) = shares(told, list(range(50)), missing={})
    (less, *_) = shares(told, list(range(50)), missing={"never_got_it": 0.2})
    assert less.low == pytest.approx(all_of_them.low - 0.2)
    assert less.high == all_of_them.high == 1.0


def test_shares_are_told_by_platform_client_delay_and_instance() -> None:
    here, there = WHO, Who("Windows", "picows", 0.16, "instance-1")
    told = [(here, "connect", None, Told("accepted", "was_slow"))] * 3
    told += [(there, "connect", None, Told("not_seen", "never_got_it"))]
    found = {(one.group, one.value, one.said): (one.count, one.n) for one in shares(told, [0, 0, 1, 1], missing={})}
    assert found["all", "", "was_slow"] == (3, 4)
    assert found["platform", "Windows", "never_got_it"] == (1, 1)
    assert found["client", "websocket-client", "was_slow"] == (3, 3)
    assert found["delay", "160 ms", "never_got_it"] == (1, 1)
    assert found["instance", "not named", "was_slow"] == (3, 3)


def test_a_start_after_an_end_is_a_restart_and_the_first_start_is_none() -> None:
    server = [event(0.0, "started"), event(100.0, "stopping"), event(103.0, "started"), event(500.0, "stopping")]
    restarts = Restarts(server)
    assert [restarts.covers(START_S + at, 0.0) for at in (0, 97, 99, 102, 104, 106, 500)] == [
        False, False, True, True, True, False, False,
    ]  # fmt: skip


def test_a_restart_is_stated_of_those_that_it_cut_and_of_no_answer_in_words() -> None:
    connects, lines = ready()
    lines += [record("Shutting down", 20.0), record("Started server process [1]", 22.0)]
    cut: dict[str, Any] = {"from_s": START_S + 21.0, "until_s": START_S + 21.0, "outcome": "failed", "answered_s": None}
    refused = [one._replace(cause="refused", **cut) for one in lost(6)]
    said = [one._replace(cause="server_error", **cut) for one in lost(2)]
    found = accounted([*connects, *refused, *said], lines)
    assert found.says == {"restart": 6, "unclear": 2}
    assert (found.stated["restart"].events, found.stated["restart"].n) == (6, 1000)
    assert found.stated["restart"].design_effect == 6.0


def test_artefacts_are_listed_and_in_no_share() -> None:
    connects, lines = ready()
    aged = record(f"WebSocket connection state error for {name(0, user='good-use')}: not connected", 179.0)
    left = lost(1)[0]._replace(answered_s=START_S + 0.3, until_s=START_S + 0.4)
    mine = name(0, "ffffffff", user="lost-use")
    early = record(f"WebSocket connection state error for {mine}: not connected", 0.6)
    found = accounted([*connects, left], [*lines, *lines[:1], aged, *life(mine, left.subject, 0.1, port=1), early])
    assert found.artefacts == {
        "errors_at_the_end_of_life": 1, "errors_of_clients_that_left": 1, "doubled_access_lines": 1,
    }  # fmt: skip
    assert sum(found.says.values()) == 1


def test_lifetimes_are_no_latencies() -> None:
    log = gathered([Event(START_S, "closed", lasted_s=179.06)], [])
    found = account(log, joined(log, []), Waits((), (), (), frozenset(), 0, 0), Counts())
    assert found.artefacts == {"lifetimes_as_latency": 1}
    assert found.told == ()


def test_an_empty_log_is_an_account_too() -> None:
    found = accounted(lost(2), [])
    assert found.says == {"unclear": 2}
    assert as_json(found)["clock"] is None
    assert Clocks().connections == Gathered().lifetimes == 0


def test_a_connection_that_was_left_is_over_when_the_server_says_so_else_a_while_later() -> None:
    left = wait(6.0, connection=2, left=(("w0", 1, START_S + 5.0),))

    def until_s(closed_s: float | None = None) -> float:
        found = Joined({0: Seen(closed_s=closed_s)}, {}, frozenset(), frozenset(), Clocks())
        return known(asked_of([left], found, {("w0", 1): 0})[0].left_until_s) - START_S

    assert until_s() == 35.0
    assert until_s(closed_s=START_S + 5.5) == 5.5 + UNKNOWN_ERROR_S
    assert asked_of([wait(6.0)], Joined({}, {}, frozenset(), frozenset(), Clocks()), {})[0].left_until_s is None


def test_a_failed_connect_is_missed_by_its_port_only_where_ports_are_complete() -> None:
    """Those that became ready are found by their ids, of which one that failed has none."""
    connects, lines = ready()
    without = [line for at, line in enumerate(lines) if at % 12 or b"[accepted]" not in line]
    found = accounted([*connects, *lost(5)], without)
    assert found.ready == Known(40, 40)
    assert found.says == {"unclear": 5}
    assert accounted([*connects, *lost(5)], lines).says == {"never_got_it": 5}


def test_a_minute_whose_lines_have_no_ports_is_none_in_which_a_failed_connect_would_show() -> None:
    connects, lines = ready()
    later = [one._replace(from_s=one.from_s + 600, until_s=one.until_s + 600) for one in lost(5)]
    other = record(f"Registered connection with isolated manager: {name(600)}", 602.0)
    assert accounted([*connects, *later], [*lines, other]).says == {"unclear": 5}
    taken = record('127.0.0.1:1 - "WebSocket /ws" [accepted]', 602.0)
    assert accounted([*connects, *later], [*lines, taken]).says == {"never_got_it": 5}


def test_a_minute_without_lines_of_messages_is_none_in_which_a_request_would_show() -> None:
    connects, lines = ready()
    log = gathered((one for line in lines for one in of_record(line) or ()), connects)
    good = [wait(float(at), 1.0, kind="exchanges", n=2, outcome="ok") for at in range(20)]
    waits = Waits(tuple(connects), (wait(3.0),), tuple(good), frozenset({"ping"}), 1000, 0)

    def says() -> dict[str, int]:
        whose = joined(log, connects)
        return account(log, whose, waits, Counts(), of_failed=[Message(is_clear=True)], of_good=[(2, 2)] * 20).says

    assert says() == {"unclear": 1}
    log.request_slots.add(int(START_S // 60))
    assert says() == {"never_got_it": 1}


def test_only_how_long_a_websocket_lived_is_a_lifetime() -> None:
    log = gathered(
        [event(0.0, "closed", lasted_s=9.0, status=499), event(0.0, "refused", lasted_s=9.0, status=502)], []
    )
    assert (log.lifetimes, log.longest_s) == (0, 0.0)
    assert gathered([event(0.0, "closed", lasted_s=9.0, status=101)], []).lifetimes == 1
