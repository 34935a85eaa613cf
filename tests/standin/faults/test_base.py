"""Doses, schedules and draws, without a server."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.faults import ConnectionFault, Facts, Moment, parse_fault
from standin.faults.base import uniform


def at(since_ready_s: float, since_start_s: float | None = None) -> Moment:
    return Moment(since_ready_s, since_ready_s if since_start_s is None else since_start_s, 1e9)


def drawn(spec: str, *, seed: int = 1, n: int = 4000, subject: str = "u") -> list[bool]:
    fault = parse_fault(spec, seed=seed)
    assert isinstance(fault, ConnectionFault)
    return [fault.hits(Facts(ordinal, subject, 0)) for ordinal in range(n)]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_share_is_the_share_of_connections(share: float) -> None:
    hits = drawn(f"slow_welcome:share={share}")
    spread = 4 * math.sqrt(share * (1 - share) / len(hits))
    assert abs(sum(hits) / len(hits) - share) <= spread


def test_a_draw_depends_on_seed_and_name_and_nothing_else() -> None:
    assert drawn("zombie:share=0.5") == drawn("zombie:share=0.5")
    assert drawn("zombie:share=0.5", seed=2) != drawn("zombie:share=0.5")
    assert drawn("zombie:share=0.5,seed=2") == drawn("zombie:share=0.5", seed=2)
    assert drawn("reset:share=0.5") != drawn("zombie:share=0.5")


def test_a_larger_share_hits_the_same_connections_and_more() -> None:
    small, large = drawn("zombie:share=0.1"), drawn("zombie:share=0.3")
    assert all(b for a, b in zip(small, large, strict=True) if a) and sum(large) > sum(small)


def test_by_subject_hits_all_connections_of_a_subject_or_none() -> None:
    shares = {
        subject: sum(drawn("zombie:share=0.5,by=subject", n=9, subject=subject)) for subject in map(str, range(50))
    }
    assert set(shares.values()) == {0, 9}


def test_the_draw_is_the_same_on_every_machine() -> None:
    assert uniform(1, "slow_welcome", 0) == pytest.approx(0.3115951806879025)


@pytest.mark.parametrize(
    ("schedule", "on", "off"),
    [
        ("from=0", [0, 1, 1e9], []),
        ("from=5", [5, 99], [0, 4.9]),
        ("until=5", [0, 4.9], [5, 6]),
        ("for=2", [0, 1.9], [2, 100]),
        ("from=10,for=2", [10, 11.9], [9.9, 12, 22]),
        ("from=10,every=30,for=2", [10, 41, 71.9], [0, 12, 39.9, 42]),
        ("from=10,every=30,for=2,until=41", [10, 40], [41, 70]),
    ],
)
def test_schedules(schedule: str, on: list[float], off: list[float]) -> None:
    fault = parse_fault(f"zombie:{schedule}")
    assert all(fault.is_on(at(second)) for second in on)
    assert not any(fault.is_on(at(second)) for second in off)


def test_windows_of_a_schedule() -> None:
    fault = parse_fault("server_stall:from=10,every=30,for=2,until=72")
    assert [fault.window(n) for n in range(4)] == [(10, 12), (40, 42), (70, 72), None]
    once = parse_fault("restart:from=3,for=1")
    assert [once.window(n) for n in range(2)] == [(3, 4), None]


@given(st.floats(0, 100), st.floats(0.5, 100), st.floats(0.01, 1), st.floats(0, 1000))
def test_a_fault_is_on_within_its_windows_only(begin: float, every: float, part: float, now: float) -> None:
    fault = parse_fault(f"server_stall:from={begin!r},every={every!r},for={every * part!r}")
    number = max(0, int((now - begin) // every))
    windows = [w for n in (number - 1, number, number + 1) if n >= 0 and (w := fault.window(n)) is not None]
    # At a border the two ways of computing may round apart.
    if all(abs(now - border) > 1e-6 for window in windows for border in window):
        assert fault.is_on(at(now)) is any(a <= now < b for a, b in windows)


def test_the_quota_counts_the_managers_of_the_last_five_minutes() -> None:
    quota = parse_fault("quota")
    assert isinstance(quota, ConnectionFault)
    facts = Facts(20, "u", 0, user_accepts=[float(second) for second in range(20)])
    assert quota.on_auth(facts, Moment(299.9, 299.9, 0.0))
    assert not quota.on_auth(facts, Moment(300.5, 300.5, 0.0))
    assert not quota.on_auth(facts._replace(user_accepts=facts.user_accepts[1:]), Moment(20.0, 20.0, 0.0))
