from __future__ import annotations

from scenarios.signals import Signal


def test_everybody_who_listens_is_woken_each_time() -> None:
    signal, woken = Signal(), []
    signal.subscribe("a", lambda: woken.append("a"))
    signal.subscribe("b", lambda: woken.append("b"))
    assert not signal
    signal.give()
    signal.give()
    assert signal and signal.count == 2 and woken == ["a", "b", "a", "b"]


def test_who_no_longer_listens_is_left_alone() -> None:
    signal, woken = Signal(), []
    signal.subscribe("a", lambda: woken.append("a"))
    signal.unsubscribe("a")
    signal.unsubscribe("never there")
    signal.give()
    assert woken == []


def test_a_listener_may_leave_while_it_is_woken() -> None:
    signal = Signal()
    signal.subscribe("a", lambda: signal.unsubscribe("b"))
    signal.subscribe("b", lambda: None)
    signal.give()
