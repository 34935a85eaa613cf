from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from scenarios.checks.event_stream import Events

STREAM = b'data: {"type":"heartbeat"}\n\n: a comment\n\nevent: x\ndata: {"data:": 1}\n\n1f\r\ndata: last\n\n\r\n'


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_counted_however_the_bytes_are_cut(places: list[int]) -> None:
    events = Events()
    cuts = [0, *sorted(places), len(STREAM)]
    for start, end in itertools.pairwise(cuts):
        events.feed(STREAM[start:end])
    assert events.count == 3


def test_a_stream_that_has_said_nothing_has_no_event() -> None:
    events = Events()
    events.feed(b": ping\n\n")
    assert events.count == 0
