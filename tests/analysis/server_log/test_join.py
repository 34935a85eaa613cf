import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.server_log.clocks import UNKNOWN
from analysis.server_log.gathered import Gathered, gathered
from analysis.server_log.join import Joined, joined
from analysis.server_log.read import of_record
from analysis.server_log.waits import Connect
from tests.analysis.server_log.log_lines import START_S, connect, event, life, name, record


def join(connects: list[Connect], lines: list[bytes]) -> Joined:
    return joined(gather(connects, lines), connects)


def gather(connects: list[Connect], lines: list[bytes]) -> Gathered:
    return gathered((event for line in lines for event in of_record(line) or ()), connects)


class World(NamedTuple):
    """A soak with a log, and what is true of it: for each connect the server's id, "" = it never reached the server."""

    connects: list[Connect]
    lines: list[bytes]
    truth: list[str]


def world(rng: random.Random, *, users: int, ports: bool, ahead_s: float = 0.0, n: int = 300) -> World:
    """Users connect one after the other; some time out before the welcome, and some of these reach nobody."""
    connects, lines, truth = [], [], []
    free_s = [0.0] * users
    for number in range(n):
        user = min(range(users), key=lambda one: free_s[one])
        at_s = free_s[user] + rng.expovariate(2.0)
        rtt_s = rng.choice([0.001, 0.05, 0.3])
        port = 32_768 + rng.randrange(28_000) if ports else None
        subject = f"soak-user-{user:04}"
        made = connect(at_s, connection=number, subject=subject, port=port, rtt_s=rtt_s, asked_s=START_S + at_s + rtt_s)
        accepted_s = at_s + rtt_s * 1.5
        made = made._replace(answered_s=START_S + at_s + 2 * rtt_s)
        fate = rng.random()
        connection = f"ws_soak-use_{int(START_S + accepted_s + ahead_s)}_{rng.getrandbits(32):08x}"
        if fate < 0.1:  # it never reached the server
            made = made._replace(answered_s=None, until_s=START_S + at_s + 3.0, outcome="timeout")
            connection = ""
        elif fate < 0.2:  # the welcome comes too late
            made = made._replace(until_s=START_S + at_s + 3.0, outcome="timeout")
        else:
            made = made._replace(named=connection, until_s=START_S + at_s + rtt_s * 3 + 0.2)
        if connection:
            lines += life(connection, subject, accepted_s + ahead_s, port=port or 1, ready=made.outcome == "ok")
        free_s[user] = made.until_s - START_S + rng.expovariate(1.0)
        connects.append(made)
        truth.append(connection)
    return World(connects, lines, truth)


def wrong(made: World, found: Joined) -> list[int]:
    """Connects that were joined to what is another's, or to anything though they reached nobody."""
    return [
        place
        for place, true in enumerate(made.truth)
        if (place in found.seen and not true) or found.sessions.get(place, true) != true
    ]


@pytest.mark.parametrize("ports", [True, False])
@pytest.mark.parametrize("ahead_s", [0.0, 30.0, -30.0])
def test_nearly_all_that_reached_the_server_are_joined_and_none_wrongly(ports: bool, ahead_s: float) -> None:
    rng = random.Random(7)
    made = world(rng, users=20, ports=ports, ahead_s=ahead_s)
    rng.shuffle(made.lines)
    kept = made.lines[len(made.lines) // 20 :]
    found = join(made.connects, kept)
    reached = [place for place, true in enumerate(made.truth) if true]
    # Without ports the one line that names both user and connection may be among those that are missing.
    assert sum(place in found.seen for place in reached) >= (0.99 if ports else 0.98) * len(reached)
    assert not wrong(made, found)
    assert abs(found.clocks.overall.offset_s - ahead_s) <= found.clocks.overall.error_s


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.booleans(), st.floats(-60, 60), st.floats(0, 0.9))
def test_no_join_is_wrong_whatever_is_missing(
    seed: int, users: int, ports: bool, ahead_s: float, missing: float
) -> None:
    rng = random.Random(seed)
    made = world(rng, users=users, ports=ports, ahead_s=ahead_s, n=60)
    kept = [line for line in made.lines if rng.random() >= missing]
    rng.shuffle(kept)
    assert not wrong(made, join(made.connects, kept))


def test_a_join_that_could_be_two_is_none() -> None:
    silent = {"outcome": "timeout", "answered_s": None}
    two = [connect(0.0, until_s=START_S + 3.0, **silent), connect(1.0, until_s=START_S + 4.0, connection=1, **silent)]
    found = join(two, life(name(2), "soak-user-0001", 2.0))
    assert found.seen == {}
    assert found.ambiguous == {0, 1}


def test_the_answer_to_the_upgrade_tells_two_apart() -> None:
    """The one was answered before the session was accepted: it is the other's."""
    first = connect(0.0, until_s=START_S + 3.0, outcome="timeout", answered_s=START_S + 0.3)
    second = connect(2.0, until_s=START_S + 5.0, outcome="timeout", answered_s=None, connection=1)
    ok = [connect(10.0 + n, named=name(10 + n), connection=2 + n, subject="soak-user-0009") for n in range(3)]
    lines = [line for n in range(3) for line in life(name(10 + n), "soak-user-0009", 10.0 + n + 0.01)]
    found = join([first, second, *ok], [*lines, *life(name(3, "ffffffff"), "soak-user-0001", 3.1)])
    assert found.sessions[1] == name(3, "ffffffff")
    assert 0 not in found.seen


def test_ports_of_a_proxy_join_nothing() -> None:
    """The ports in the log are the proxy's: where one happens to be ours, it is chance."""
    mine = [
        connect(2.0 * n, named=name(2 * n, f"{n:08x}"), connection=n, port=40_000 + n, subject=f"soak-user-{n:04}")
        for n in range(40)
    ]
    lines = [
        line
        for n, one in enumerate(mine)
        for line in life(str(one.named), one.subject, 2.0 * n + 0.01, port=50_000 + n)
    ]
    lost = connect(100.0, outcome="timeout", answered_s=None, connection=99, port=40_099, subject="soak-user-0099")
    lines.append(record('169.254.1.1:40099 - "WebSocket /ws" [accepted]', 100.01))
    found = join([*mine, lost], lines)
    assert found.ports_of == frozenset()
    assert 40 not in found.seen
    assert len(found.seen) == 40


def test_a_port_that_two_hosts_use_at_once_joins_neither() -> None:
    two = [connect(0.0, port=40_000), connect(0.001, port=40_000, worker="w1", subject="soak-user-0002")]
    found = join(two, [record('10.0.0.1:40000 - "WebSocket /ws" [accepted]', 0.015)])
    assert found.seen == {}


def test_clocks_are_told_by_ports_where_nothing_has_a_name() -> None:
    mine = [connect(2.0 * n, connection=n, port=40_000 + n) for n in range(20)]
    found = join(
        mine, [record(f'10.0.0.1:{40_000 + n} - "WebSocket /ws" [accepted]', 2.0 * n + 30.015) for n in range(20)]
    )
    assert len(found.seen) == 20
    assert found.clocks.overall.offset_s == pytest.approx(30.0, abs=0.02)


def test_a_trace_id_joins_by_itself() -> None:
    mine = [connect(0.0, trace="a"), connect(0.0, trace="b", connection=1), connect(0.0, trace="b", connection=2)]
    log = gathered([event(0.02, "accepted", trace="a"), event(0.02, "accepted", trace="b")], mine)
    found = joined(log, mine)
    assert (set(found.seen), set(found.ambiguous)) == ({0}, {1, 2})
    assert found.seen[0].by == {"trace"}


def test_lines_with_a_trace_id_are_known_by_their_port_as_well() -> None:
    mine = [connect(2.0 * n, connection=n, port=40_000 + n, trace=f"t{n}") for n in range(20)]
    log = gathered([event(2.0 * n + 0.02, "accepted", port=40_000 + n, trace=f"t{n}") for n in range(20)], mine)
    found = joined(log, mine)
    assert all(found.seen[n].by == {"trace", "port"} for n in range(20))
    assert found.ports_of == {mine[0].worker}
    assert not found.ambiguous


def test_a_log_that_names_users_only_joins_by_their_time() -> None:
    mine = [connect(60.0 * n, connection=n, subject=f"u-{n}") for n in range(5)]
    log = gathered([event(60.0 * n + 0.02, "established", subject=f"u-{n}") for n in range(5)], mine)
    found = joined(log, mine)
    assert [found.seen[n].established_s for n in range(5)] == [START_S + 60.0 * n + 0.02 for n in range(5)]


def test_a_limit_is_of_the_only_one_whose_name_begins_so() -> None:
    refused = connect(0.0, outcome="timeout", until_s=START_S + 3.0, subject="staging-e2e-user-001")
    other = connect(100.0, outcome="timeout", until_s=START_S + 103.0, subject="staging-e2e-user-002", connection=1)
    known = [connect(10.0 + n, named=name(10 + n), connection=2 + n) for n in range(3)]
    lines = [line for n in range(3) for line in life(name(10 + n), "soak-user-0001", 10.0 + n + 0.01)]
    limit = [
        record("Resource limit exceeded for user staging-... (20/20 managers)", 0.1),
        record("HARD LIMIT: User staging-...", 0.1),
    ]
    found = join([refused, other, *known], [*lines, *limit])
    assert found.seen[0].quota
    assert 1 not in found.seen


def test_other_days_and_other_clients_are_forgotten() -> None:
    mine = [connect(0.0, outcome="timeout", answered_s=None, until_s=START_S + 3.0)]
    others = [line for n in range(100) for line in life(name(0, f"{n:08x}", user="somebody"), "somebody-else", 0.5)]
    later = [line for n in range(100) for line in life(name(90_000, f"{n:08x}"), "soak-user-0001", 90_000.0)]
    log = gather(mine, [*others, *later])
    assert (log.sessions, log.by_port, log.by_subject) == ({}, {}, {})
    assert log.stages["accepted"] == 200


def test_access_lines_that_are_there_twice_are_one() -> None:
    mine = [connect(0.0, port=40_000)]
    line = record('10.0.0.1:40000 - "WebSocket /ws" [accepted]', 0.015)
    log = gather(mine, [line, line])
    assert (len(log.by_port[40_000]), log.doubled) == (1, 1)


def test_an_error_at_the_end_of_a_long_life_says_nothing_of_its_beginning() -> None:
    mine = [connect(0.0, named=name())]
    error = f"WebSocket connection state error for {name()}: Need to call accept first"
    log = gather(mine, [*life(name(), "soak-user-0001", 0.01), record(error, 179.0)])
    assert (log.aged_errors, log.sessions[name()].has_error) == (1, False)
    log = gather(mine, [*life(name(), "soak-user-0001", 0.01), record(error, 0.4)])
    assert (log.aged_errors, log.sessions[name()].has_error) == (0, True)


def test_a_log_of_whole_seconds_is_known_to_within_one() -> None:
    mine = [connect(2.0 * n + 0.7, connection=n, port=40_000 + n) for n in range(20)]
    found = join(mine, [record(f'10.0.0.1:{40_000 + n} - "WebSocket /ws" [accepted]', 2.0 * n) for n in range(20)])
    assert len(found.seen) == 20
    assert 0.4 < found.clocks.overall.error_s < 0.6


def test_ports_that_only_chance_has_in_both_tell_no_clock() -> None:
    """Those of the run before, of the same machine, in the order in which it gives them out."""
    connects = [connect(200.0 + at, port=40_000 + at, connection=at) for at in range(40)]
    before = [event(float(at), "accepted", port=40_000 + at) for at in range(6)]
    found = joined(gathered(before, connects), connects)
    assert (found.clocks.connections, found.clocks.overall, found.seen) == (0, UNKNOWN, {})
    half = [event(200.0 + at, "accepted", port=40_000 + at) for at in range(20)]
    assert joined(gathered(half, connects), connects).clocks.connections == 20
