"""The language of echo servers: as text or as binary, alone or in lines."""

from __future__ import annotations

import pytest

from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Kind

REQUEST = Echo().request("anything", number=9)


def test_what_comes_back_as_it_was_sent_is_the_reply_as_text_and_as_binary() -> None:
    for message in (Echo().read(REQUEST.payload), Echo().read_binary(REQUEST.payload)):
        assert message[:3] == (Kind.REPLY, REQUEST.reply_key, REQUEST.reply_id)


def test_several_replies_may_come_in_one_frame() -> None:
    other = Echo().request("other", number=10).payload
    ids = [message.id for message in Echo().read_all(REQUEST.payload + b"\n" + other + b"\n")]
    assert ids == ["9", "10"]


def test_a_reply_and_what_is_no_reply_may_come_in_one_frame() -> None:
    kinds = [message.kind for message in Echo().read_all(REQUEST.payload + b'\n{"type":"presence"}')]
    assert kinds == [Kind.REPLY, Kind.NOISE]


@pytest.mark.parametrize("greeting", [b"Request served by 4d896d95b55478", "hello", b"", b"2026-11-29"])
def test_words_are_no_fault(greeting: bytes | str) -> None:
    (message,) = Echo().read_all(greeting)
    assert message.kind is Kind.NOISE


@pytest.mark.parametrize("broken", [b'{"type":"stats","load":NaN}', '{"id":"1"', b"[1,"])
def test_what_begins_as_json_and_is_none_is_malformed(broken: bytes | str) -> None:
    (message,) = Echo().read_all(broken)
    assert message.kind is Kind.MALFORMED
