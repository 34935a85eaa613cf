from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from attempts.spool import shipping
from attempts.spool.shipping import (
    CHUNK_BYTES,
    RESEND_MAX_S,
    RESEND_S,
    Arrived,
    Message,
    Receiver,
    Sender,
    keep_segment_file,
    read_segment_file,
    remove_segment_file,
    sealed_segments,
    segment_file,
)
from attempts.spool.spool import SegmentName

A, B, C = (SegmentName("w0", n) for n in range(3))


def loaded(contents: dict[SegmentName, bytes], **options: Any) -> Sender:
    sender = Sender(**options)
    sender.offer(contents)
    fill(sender, contents)
    return sender


def fill(sender: Sender, contents: dict[SegmentName, bytes]) -> None:
    while (name := sender.wanted()) is not None:
        sender.load(name, contents[name])


def kept(name: SegmentName, data: bytes) -> Message:
    return {"worker": name.worker, "segment": name.number, "sha256": hashlib.sha256(data).hexdigest(), "reply": "kept"}


def test_segment_goes_in_chunks_and_is_kept_once() -> None:
    data = os.urandom(2 * CHUNK_BYTES + 1)
    sender, receiver = loaded({A: data}), Receiver()
    messages = list(sender.due(0.0))
    assert [len(m["data"]) for m in messages] == [CHUNK_BYTES, CHUNK_BYTES, 1]
    steps = [step for message in messages for step in receiver.receive(message)]
    (arrived,) = steps
    assert isinstance(arrived, Arrived)
    assert (arrived.name, arrived.data) == (A, data)
    assert not sender.is_drained
    assert sender.receive(receiver.kept(arrived)) == A
    assert sender.is_drained


def test_messages_are_what_msgpack_carries() -> None:
    (message,) = loaded({A: b"abc"}).due(0.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message)) == message
    assert {type(value) for value in message.values()} == {str, int, bytes}


def test_empty_segment_travels_too() -> None:
    sender, receiver = loaded({A: b""}), Receiver()
    (message,) = sender.due(0.0)
    (arrived,) = receiver.receive(message)
    assert isinstance(arrived, Arrived)
    assert arrived.data == b""


def test_no_reply_is_sent_before_the_segment_is_on_disk() -> None:
    sender, receiver = loaded({A: b"abc"}), Receiver()
    (message,) = sender.due(0.0)
    (arrived,) = receiver.receive(message)
    assert receiver.receive(message) == [], "while it is being written a repetition is passed over"
    assert isinstance(arrived, Arrived)
    receiver.failed(arrived)
    (again,) = receiver.receive(message)
    assert again == arrived


def test_window_bounds_what_is_on_the_way() -> None:
    contents = {A: b"a", B: b"b", C: b"c"}
    sender = loaded(contents, window=2)
    assert {m["segment"] for m in sender.due(0.0)} == {0, 1}
    assert sender.receive(kept(A, b"a")) == A
    fill(sender, contents)
    assert {m["segment"] for m in sender.due(0.0)} == {2}
    assert sender.leftovers == (B, C)


def test_unanswered_segment_is_sent_again_ever_more_rarely() -> None:
    sender = loaded({A: b"a"})
    sent_at = [now for now in range(300) if list(sender.due(float(now)))]
    pauses = [later - earlier for earlier, later in itertools.pairwise(sent_at)]
    assert pauses[:4] == [RESEND_S, 2 * RESEND_S, 4 * RESEND_S, RESEND_MAX_S]
    assert set(pauses[3:]) == {RESEND_MAX_S}


def test_reply_for_other_bytes_does_not_remove_the_segment() -> None:
    sender = loaded({A: b"a"})
    assert sender.receive(kept(A, b"other")) is None
    assert sender.receive(kept(B, b"a")) is None
    assert sender.receive({"reply": "kept"}) is None
    assert sender.receive(kept(A, b"a") | {"reply": "perhaps"}) is None
    assert sender.leftovers == (A,)


def test_removed_segment_that_is_offered_again_is_not_wanted() -> None:
    """The folder was listed just before the file was removed."""
    sender = loaded({A: b"a"})
    sender.receive(kept(A, b"a"))
    sender.offer([A])
    assert sender.wanted() is None
    assert sender.is_drained


def test_refused_segment_stays_and_is_a_leftover() -> None:
    receiver = Receiver()
    for data in (b"first", b"second"):
        sender = loaded({A: data})
        (message,) = sender.due(0.0)
        (step,) = receiver.receive(message)
        reply = receiver.kept(step) if isinstance(step, Arrived) else step
        sender.receive(reply)
    assert sender.refusals == {A: "another segment of this name is here already"}
    assert sender.leftovers == (A,)
    assert list(sender.due(1e9)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"worker": "../../etc/passwd"},
        {"worker": "a/b"},
        {"worker": 7},
        {"segment": -1},
        {"segment": "0"},
        {"segment": True},
        {"chunk": 1},
        {"chunk": -1},
        {"chunks": 0},
        {"chunks": 10**9},
        {"size_bytes": 2**40},
        {"data": "abc"},
        {"data": b"x" * (CHUNK_BYTES + 1)},
        {"data": b"abd"},
        {"data": b"abcd"},
        {"sha256": "0" * 64},
        {"sha256": None},
    ],
)
def test_malformed_message_is_dropped_and_counted(change: dict[str, object]) -> None:
    (message,) = loaded({A: b"abc"}).due(0.0)
    receiver = Receiver()
    assert receiver.receive(message | change) == []
    assert receiver.receive({}) == []
    assert receiver.malformed == 2
    assert len(receiver.receive(message)) == 1, "and does not stand in the way of the right one"


def test_incomplete_segments_have_a_limit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "MAX_INCOMPLETE_BYTES", 100)
    receiver = Receiver()
    contents = {SegmentName("w0", n): bytes(40) for n in range(20)}
    for name, data in contents.items():
        first, *_ = loaded({name: data}, chunk_bytes=20).due(0.0)
        assert receiver.receive(first) == []
    assert sum(incoming.held_bytes for incoming in receiver._incoming.values()) <= 100
    assert list(receiver._incoming) == list(contents)[-5:], "the oldest go first"


@pytest.mark.parametrize("options", [{"window": 0}, {"window": 5}, {"chunk_bytes": 0}, {"chunk_bytes": 2**30}])
def test_impossible_settings_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Sender(**options)


def test_files_of_the_two_sides(tmp_path: Path) -> None:
    outbox, spool = tmp_path / "outbox", tmp_path / "spool"
    spool.mkdir()
    assert list(sealed_segments(outbox)) == []
    outbox.mkdir()
    segment_file(outbox, A).write_bytes(b"abc")
    (outbox / "w0-000001.open").write_bytes(b"not yet")
    assert [name for name, _ in sealed_segments(outbox)] == [A]
    for _ in range(2):
        keep_segment_file(spool, A, read_segment_file(outbox, A))
    assert [path.name for path in spool.iterdir()] == ["w0-000000.spool"]
    assert read_segment_file(spool, A) == b"abc"
    for _ in range(2):
        remove_segment_file(outbox, A)
    assert list(sealed_segments(outbox)) == []


class Shipment(RuleBasedStateMachine):
    """A worker, a master, and a network that loses, doubles and reorders; either side may restart.

    At every moment a segment is on the worker's disk or, with the same bytes, on the master's; when the
    network heals, all arrive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.written: dict[SegmentName, bytes] = {}
        self.worker_disk: dict[SegmentName, bytes] = {}
        self.master_disk: dict[SegmentName, bytes] = {}
        self.network: list[tuple[str, Message]] = []
        self.being_written: list[Arrived] = []
        self.restart_worker()
        self.restart_master()

    @rule(data=st.binary(max_size=12))
    def segment_is_sealed(self, data: bytes) -> None:
        name = SegmentName("w0", len(self.written))
        self.written[name] = self.worker_disk[name] = data

    @rule(seconds=st.sampled_from([0.5, RESEND_S, RESEND_MAX_S]))
    def worker_sends(self, seconds: float) -> None:
        self.now += seconds
        self.sender.offer(self.worker_disk)
        fill(self.sender, self.worker_disk)
        self.network += [("to master", message) for message in self.sender.due(self.now)]

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def message_arrives(self, data: st.DataObject) -> None:
        self.deliver(self.network.pop(data.draw(st.integers(0, len(self.network) - 1))))

    @precondition(lambda self: self.network)
    @rule()
    def all_messages_arrive(self) -> None:
        while self.network:
            self.deliver(self.network.pop(0))

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def message_is_lost(self, data: st.DataObject) -> None:
        self.network.pop(data.draw(st.integers(0, len(self.network) - 1)))

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def message_is_doubled(self, data: st.DataObject) -> None:
        self.network.append(self.network[data.draw(st.integers(0, len(self.network) - 1))])

    @precondition(lambda self: self.being_written)
    @rule(is_full=st.booleans())
    def master_disk_answers(self, is_full: bool) -> None:
        arrived = self.being_written.pop(0)
        if is_full:
            self.receiver.failed(arrived)
        else:
            self.master_disk[arrived.name] = arrived.data
            self.network.append(("to worker", self.receiver.kept(arrived)))

    @rule()
    def restart_worker(self) -> None:
        self.sender = Sender(window=2, chunk_bytes=5)

    @rule()
    def restart_master(self) -> None:
        self.receiver = Receiver(remembered=2)
        self.being_written = []

    def deliver(self, message: tuple[str, Message]) -> None:
        to, content = message
        if to == "to worker":
            done = self.sender.receive(content)
            if done is not None:
                del self.worker_disk[done]
            return
        for step in self.receiver.receive(content):
            if isinstance(step, Arrived):
                self.being_written.append(step)
            else:
                self.network.append(("to worker", step))

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.worker_disk.keys() | self.master_disk.keys() == self.written.keys()
        for name, data in self.master_disk.items():
            assert data == self.written[name]

    @invariant()
    def what_has_not_been_acknowledged_is_said_to_be_missing(self) -> None:
        assert set(self.sender.leftovers) <= self.worker_disk.keys()
        self.sender.offer(self.worker_disk)
        assert set(self.sender.leftovers) == self.worker_disk.keys()
        assert self.sender.is_drained == (not self.worker_disk)

    def teardown(self) -> None:
        for _ in range(20 + 2 * len(self.written)):
            self.worker_sends(RESEND_MAX_S)
            while self.network or self.being_written:
                while self.being_written:
                    self.master_disk_answers(is_full=False)
                if self.network:
                    self.deliver(self.network.pop(0))
        assert self.worker_disk == {}
        assert self.master_disk == self.written
        assert self.sender.is_drained
        assert self.receiver.malformed == 0


TestShipment: Callable[..., Any] = Shipment.TestCase
Shipment.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
