"""The rung of a wait, from made-up evidence: each needs a proof of its own, and what proves nothing is unknown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.schema import RUNGS
from scenarios.evidence.endpoint import Snapshot
from scenarios.evidence.ladder import ORDINARY_SHARE, READ_GRACE_S, Silence, bytes_in, lost_at, retransmits
from scenarios.evidence.sample import NOT_ASKED, TcpSample

# All that was sent is acknowledged, nothing lies unread, nothing had to be sent again.
CLEAN = TcpSample(
    is_connecting=False,
    unacknowledged=0,
    backoffs=0,
    retransmits=0,
    unsent_bytes=0,
    peer_window_bytes=65_535,
    received_bytes=50,
    early_segments=0,
    queued_bytes=0,
    received_ago_s=5.0,
    min_rtt_s=0.01,
    acknowledged_ago_s=4.95,
)
BUDGET_S = 5.0


def end(waiting_bytes: int | None = 0, is_mid_message: bool | None = False, **tcp: Any) -> Snapshot:
    return Snapshot(CLEAN._replace(**tcp), waiting_bytes, is_mid_message)


def silence(at_timeout: Snapshot | None = None, at_end: Snapshot | None = None, **values: Any) -> Silence:
    given_values = {"is_generator": False, "before": CLEAN, "at_end": at_end, "budget_s": BUDGET_S, **values}
    return Silence(at_timeout=at_timeout or end(), **given_values)


def test_a_loop_that_stood_still_proves_nothing_about_anybody_else() -> None:
    assert lost_at(silence(end(unacknowledged=1, backoffs=3), is_generator=True, has_pong=True)) == "generator"


def test_bytes_that_the_process_holds_back_are_unsent() -> None:
    assert lost_at(silence(end(waiting_bytes=80))) == "unsent"


def test_bytes_that_the_kernel_holds_back_are_not_this_clients() -> None:
    """A line that has just lost something is sent no more than a segment or two at a time."""
    collapsed = end(unsent_bytes=80, unacknowledged=10, retransmits=1)
    assert lost_at(silence(collapsed, end(retransmits=1), has_pong=True, before=CLEAN)) == "unknown"
    assert lost_at(silence(collapsed, end(retransmits=2), has_pong=True)) == "unacknowledged"


def test_bytes_wait_for_a_kernel_whose_buffer_may_be_full() -> None:
    assert lost_at(silence(end(waiting_bytes=80, unacknowledged=10), end(unacknowledged=10))) == "unknown"


def test_where_the_kernel_does_not_say_what_it_holds_back_the_window_and_what_is_in_flight_do() -> None:
    def silent(**tcp: Any) -> str:
        return lost_at(silence(end(waiting_bytes=80, unsent_bytes=None, **tcp), end()))

    assert silent() == "unsent"
    assert silent(peer_window_bytes=0) == "silent_process"
    assert silent(unacknowledged=9) == "silent_process"


@pytest.mark.parametrize("window", [{"unacknowledged": 0}, {"unacknowledged": 1, "peer_window_bytes": 0}])
def test_a_peer_without_room_is_a_process_that_does_not_read(window: dict[str, Any]) -> None:
    closed = end(waiting_bytes=80, unsent_bytes=4096, **window)
    rung = lost_at(silence(closed, end(unsent_bytes=4096, unacknowledged=0)))
    assert rung == "silent_process"


def test_what_is_sent_again_and_again_is_unacknowledged() -> None:
    assert lost_at(silence(end(unacknowledged=1, backoffs=3))) == "unacknowledged"
    # However much piles up behind it.
    assert lost_at(silence(end(unacknowledged=1, backoffs=3, unsent_bytes=900))) == "unacknowledged"


def test_a_way_that_is_cut_behind_the_request_is_seen_by_the_ping() -> None:
    assert lost_at(silence(end(), end(unacknowledged=1, backoffs=2))) == "unacknowledged"


def test_what_was_sent_a_moment_ago_is_on_its_way() -> None:
    in_flight = end(unacknowledged=1, backoffs=0)
    assert lost_at(silence(in_flight, end(), has_pong=True, ordinary_ratio=0.01)) == "silent_application"
    assert lost_at(silence(in_flight, end(), has_pong=True)) == "unknown"


def test_what_was_in_flight_at_the_timeout_and_was_sent_again_was_lost() -> None:
    in_flight = end(unacknowledged=1, backoffs=0, retransmits=3)
    assert lost_at(silence(in_flight, end(retransmits=4), has_pong=True)) == "unacknowledged"
    assert lost_at(silence(in_flight, end(retransmits=3), has_pong=True)) != "unacknowledged"
    # All had been acknowledged: what was sent again came later.
    assert lost_at(silence(end(), end(retransmits=1), has_pong=True)) == "silent_application"


def test_a_kernel_that_does_not_count_backoffs_says_what_is_in_flight() -> None:
    assert lost_at(silence(end(unacknowledged=80, backoffs=None))) == "unacknowledged"


def test_a_syn_without_an_answer_is_unacknowledged() -> None:
    assert lost_at(silence(end(is_connecting=True, unacknowledged=1, backoffs=0))) == "unacknowledged"


def test_segments_behind_a_hole_are_undelivered() -> None:
    assert lost_at(silence(end(), end(early_segments=1))) == "undelivered"
    # The hole was filled: something could be made of it.
    assert lost_at(silence(end(), end(early_segments=1, received_bytes=90))) == "silent_process"


def test_where_nobody_was_asked_at_the_beginning_a_hole_shows_during_the_check() -> None:
    hole = silence(end(), end(early_segments=1), before=NOT_ASKED)
    assert lost_at(hole) == "undelivered"
    assert lost_at(hole._replace(at_timeout=end(early_segments=1))) == "silent_process"


def test_what_lies_open_behind_a_pong_is_of_later_requests() -> None:
    later = end(unacknowledged=1, backoffs=2, early_segments=3, queued_bytes=9, received_ago_s=1.0)
    assert lost_at(silence(end(), later, has_pong=True)) == "silent_application"


def test_a_peer_that_is_unheard_since_a_loss_may_have_its_kernel_keep_back_what_it_says() -> None:
    assert lost_at(silence(end(), end())) == "silent_process"
    assert lost_at(silence(end(), end()._replace(is_unheard_since_loss=True))) == "unknown"
    assert lost_at(silence(end(), end()._replace(is_unheard_since_loss=True), has_pong=True)) == "silent_application"


def test_what_lies_in_the_kernel_is_unread() -> None:
    assert lost_at(silence(end(queued_bytes=50, received_ago_s=1.2))) == "unread"
    assert lost_at(silence(end(), end(queued_bytes=50, received_ago_s=1.2))) == "unread"


def test_what_came_a_moment_ago_is_not_unread() -> None:
    rung = lost_at(silence(end(queued_bytes=50, received_ago_s=READ_GRACE_S / 2), end(), is_late=True, has_pong=True))
    assert rung == "late"


def test_half_a_frame_is_partial_and_a_strange_one_is_unmatched() -> None:
    assert lost_at(silence(end(), end(is_mid_message=True))) == "partial"
    assert lost_at(silence(end(), end(), unmatched=1, has_pong=True)) == "unmatched"


def test_an_answer_that_came_is_late() -> None:
    assert lost_at(silence(end(), end(), is_late=True, has_pong=True)) == "late"


def test_a_pong_shows_the_application_only_where_the_peer_had_the_whole_time() -> None:
    assert lost_at(silence(end(), end(), has_pong=True)) == "silent_application"
    assert lost_at(silence(end(retransmits=2), end(retransmits=2), has_pong=True)) == "unknown"
    assert lost_at(silence(end(retransmits=2), end(), has_pong=True, ordinary_ratio=0.01)) == "unknown"


@pytest.mark.parametrize(
    ("acknowledged_ago_s", "budget_s", "rung"),
    [
        (4.5, 5.0, "silent_application"),
        (4.4, 5.0, "unknown"),  # it waited in a queue on the way, perhaps
        (0.1, 0.15, "silent_application"),  # a kernel may wait for 40 ms before it acknowledges
        (0.05, 0.15, "unknown"),
        (None, 5.0, "unknown"),
        (4.5, None, "unknown"),
    ],
)
def test_the_peer_had_it_since_its_kernel_acknowledged_it(
    acknowledged_ago_s: float | None, budget_s: float | None, rung: str
) -> None:
    at_timeout = end(acknowledged_ago_s=acknowledged_ago_s)
    assert lost_at(silence(at_timeout, end(), has_pong=True, budget_s=budget_s)) == rung
    usual = silence(at_timeout, end(), has_pong=True, budget_s=budget_s, ordinary_ratio=ORDINARY_SHARE)
    assert lost_at(usual) == "silent_application"


@pytest.mark.parametrize(
    ("ordinary_ratio", "rung"),
    [(None, "unknown"), (ORDINARY_SHARE, "silent_application"), (ORDINARY_SHARE * 1.01, "unknown")],
)
def test_without_a_kernel_only_an_answer_that_is_usually_quick_tells(ordinary_ratio: float | None, rung: str) -> None:
    nobody = Snapshot()
    assert lost_at(Silence(False, NOT_ASKED, nobody, nobody, has_pong=True, ordinary_ratio=ordinary_ratio)) == rung


def test_all_acknowledged_and_nothing_heard_is_the_other_process() -> None:
    assert lost_at(silence(end(), end())) == "silent_process"
    assert lost_at(silence(end())) == "silent_process"  # before the upgrade nobody can be pinged


def test_who_could_ask_nobody_knows_nothing() -> None:
    assert lost_at(Silence(False, NOT_ASKED, Snapshot(), Snapshot())) == "unknown"
    assert lost_at(Silence(False, NOT_ASKED, Snapshot())) == "unknown"


COUNT = st.none() | st.integers(0, 3)
SAMPLES = st.builds(
    TcpSample,
    is_connecting=st.none() | st.booleans(),
    unacknowledged=COUNT,
    backoffs=COUNT,
    retransmits=COUNT,
    unsent_bytes=COUNT,
    peer_window_bytes=COUNT,
    received_bytes=COUNT,
    early_segments=COUNT,
    queued_bytes=COUNT,
    received_ago_s=st.none() | st.floats(0, 1),
)
SNAPSHOTS = st.builds(Snapshot, SAMPLES, COUNT, st.none() | st.booleans())


@given(
    st.builds(
        Silence,
        is_generator=st.booleans(),
        before=SAMPLES,
        at_timeout=SNAPSHOTS,
        at_end=st.none() | SNAPSHOTS,
        unmatched=st.integers(0, 1),
        is_late=st.booleans(),
        has_pong=st.booleans(),
        ordinary_ratio=st.none() | st.floats(0, 2),
    )
)
def test_every_evidence_has_one_rung_and_blames_the_server_only_with_proof(evidence: Silence) -> None:
    rung = lost_at(evidence)
    assert rung in RUNGS
    last = (evidence.at_end or evidence.at_timeout).tcp
    if rung == "undelivered" and not evidence.has_pong:
        is_known_before = evidence.before.early_segments is not None
        assert bytes_in(evidence.before if is_known_before else evidence.at_timeout.tcp, last) == 0
    if rung == "silent_process":
        assert last.unacknowledged == 0 and not evidence.has_pong
    if rung == "silent_application":
        assert evidence.has_pong and not evidence.is_late
    if rung == "late":
        assert evidence.is_late


@given(SAMPLES, SAMPLES)
def test_what_was_counted_between_two_looks_is_null_or_a_number(before: TcpSample, after: TcpSample) -> None:
    for counted, column in ((retransmits, "retransmits"), (bytes_in, "received_bytes")):
        known = None not in (getattr(before, column), getattr(after, column))
        count = counted(before, after)
        assert (count is not None) == known and (count is None or count >= 0)


def test_the_first_rung_that_is_proved_wins() -> None:
    proofs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("generator", {}, {"is_generator": True}),
        ("unsent", {"waiting_bytes": 1}, {}),
        ("unread", {"queued_bytes": 9, "received_ago_s": 1.0}, {}),
        ("partial", {"is_mid_message": True}, {}),
        ("unmatched", {}, {"unmatched": 1}),
        ("late", {}, {"is_late": True}),
    ]
    for (first, a, b), (_, c, d) in itertools.combinations(proofs, 2):
        assert lost_at(silence(end(**{**a, **c}), **{**b, **d})) == first
