"""What a connection's samples tell of losses on its way, and of what has come since."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scenarios.evidence.losses import Losses
from scenarios.evidence.sample import NOT_ASKED, TcpSample


def sample(retransmits: int, received_bytes: int | None) -> TcpSample:
    return TcpSample(retransmits=retransmits, received_bytes=received_bytes)


def memory(*samples: TcpSample) -> Losses:
    made = Losses()
    for one in samples:
        made.seen(one)
    return made


def test_nothing_was_lost_on_a_way_that_repeated_nothing() -> None:
    assert not memory(sample(0, 50), sample(0, 50)).is_unheard_since(sample(0, 50))


def test_a_peer_is_unheard_after_a_loss_until_a_byte_comes() -> None:
    losses = memory(sample(0, 50), sample(3, 50), sample(3, 50))
    assert losses.is_unheard_since(sample(3, 50))
    losses.seen(sample(3, 51))
    assert not losses.is_unheard_since(sample(3, 51))


def test_a_second_loss_counts_from_what_had_come_by_then() -> None:
    losses = memory(sample(3, 50), sample(4, 90))
    assert losses.is_unheard_since(sample(4, 90))


def test_samples_that_do_not_say_change_nothing() -> None:
    losses = memory(sample(3, 50), NOT_ASKED)
    assert losses.is_unheard_since(sample(3, 50))
    assert not losses.is_unheard_since(NOT_ASKED)
    assert not memory(sample(3, None)).is_unheard_since(sample(3, 50))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_a_peer_is_unheard_exactly_if_nothing_came_after_the_sample_that_saw_the_last_loss(
    steps: list[tuple[int, int]],
) -> None:
    """Steps are what was sent again, and what came, between a sample and the next."""
    losses, retransmits, received = Losses(), 0, 0
    at_last_loss = None
    for again, came in steps:
        retransmits, received = retransmits + again, received + came
        if again:
            at_last_loss = received
        losses.seen(sample(retransmits, received))
    assert losses.is_unheard_since(sample(retransmits, received)) == (at_last_loss == received)
