"""Sealed segments from a worker's disk to the master's, over messages that may get lost.

Theory of operation. Locust's messages have no acknowledgement: one to a peer that is gone is dropped
without a word, and what is queued when a process ends is lost. So a worker keeps each segment until the
master says that its bytes are on the master's disk. Everything is a retry: chunks that arrive twice, out
of order or after a restart of either side do no harm, because a segment's name and SHA-256 say what it is,
and a segment that arrives again after it was stored brings no new rows (`attempts.store`).

`Sender` and `Receiver` do no I/O and know no clock: messages are small dicts of str, int and bytes (Locust
packs them with msgpack), `now` is seconds of `time.perf_counter`. What the two sides owe them:

    worker, every second or so (disk work in a thread):
        sender.offer(name for name, _ in sealed_segments(outbox))
        while (name := sender.wanted()) is not None:
            sender.load(name, read_segment_file(outbox, name))
        for message in sender.due(now):
            runner.send_message("soak_segment", message)
    worker, on "soak_segment_reply":
        done = sender.receive(message)
        if done is not None:
            remove_segment_file(outbox, done)

    master, on "soak_segment" from `client_id` (quick; disk work in a thread):
        for step in receiver.receive(message):
            if isinstance(step, Arrived):
                keep_segment_file(spool, step.name, step.data)   # written, synced, renamed; then
                step = receiver.kept(step)
            runner.send_message("soak_segment_reply", step, client_id)

    worker, at the end: spool.close(); go on as above until `sender.is_drained` or the deadline; then
    `sender.leftovers` are still in the outbox, and `python -m attempts.collect <outbox> <run>` brings them.

If `keep_segment_file` raises (the master's disk is full), tell `receiver.failed(step)` and send no reply:
the worker tries again.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from attempts.intervals import Intervals
from attempts.spool.spool import SEALED_SUFFIX, SegmentName, is_worker_name, segments, sync_folder, write_all

CHUNK_BYTES: Final = 512 * 1024  # packing a message blocks the worker's loop: half a MB takes well under 1 ms
WINDOW: Final = 2  # segments on the way: 16 messages, where heartbeats share a queue of 1000
RESEND_S: Final = 5.0  # a healthy master answers within its fsync; doubles at each try up to:
RESEND_MAX_S: Final = 40.0  # a master that is back after its restart is found within this
MAX_SEGMENT_BYTES: Final = 256 * 2**20  # a segment is sealed at 4 MiB, but one flush may be large
MAX_INCOMPLETE_BYTES: Final = 256 * 2**20  # of segments that are not whole yet, on the master; the oldest go first
REMEMBERED: Final = 4096  # kept segments of which a repetition is answered without writing it again

Message = dict[str, Any]


@dataclass
class _Outgoing:
    """A segment on its way."""

    data: bytes
    sha256: str
    send_at: float
    tries: int = 0


class Sender:
    """The worker's side: which segments to send, when, and when they may be removed.

    Attributes:
        refusals: Sentences on segments that the master will not take; these stay on disk.
    """

    def __init__(self, *, window: int = WINDOW, resend_s: float = RESEND_S, chunk_bytes: int = CHUNK_BYTES) -> None:
        if not 1 <= window <= 4:
            raise ValueError(f"window = {window}: 1 to 4 segments may be on the way")
        if not 0 < chunk_bytes <= CHUNK_BYTES:
            raise ValueError(f"chunk_bytes = {chunk_bytes}: a chunk has 1 to {CHUNK_BYTES} bytes")
        self.refusals: dict[SegmentName, str] = {}
        self._window = window
        self._resend_s = resend_s
        self._chunk_bytes = chunk_bytes
        self._waiting: dict[SegmentName, None] = {}
        self._outgoing: dict[SegmentName, _Outgoing] = {}
        self._done: dict[str, Intervals] = {}

    def offer(self, names: Iterable[SegmentName]) -> None:
        """Name the sealed segments that there are; those that are known already are passed over."""
        for name in names:
            is_done = name.worker in self._done and name.number in self._done[name.worker]
            if not is_done and name not in self._outgoing and name not in self.refusals:
                self._waiting.setdefault(name)

    def wanted(self) -> SegmentName | None:
        """The segment to `load` next; None while the window is full or nothing waits."""
        if len(self._outgoing) >= self._window:
            return None
        return next(iter(self._waiting), None)

    def load(self, name: SegmentName, data: bytes) -> None:
        """Give the bytes of a segment that was `wanted`; it is due at once."""
        self._waiting.pop(name, None)
        self._outgoing[name] = _Outgoing(data, hashlib.sha256(data).hexdigest(), send_at=float("-inf"))

    def due(self, now: float) -> Iterator[Message]:
        """The messages to send now: whole segments, for the first time or again."""
        for name, outgoing in self._outgoing.items():
            if now < outgoing.send_at:
                continue
            outgoing.send_at = now + min(self._resend_s * 2**outgoing.tries, RESEND_MAX_S)
            outgoing.tries += 1
            yield from self._chunks(name, outgoing)

    def receive(self, reply: Mapping[str, Any]) -> SegmentName | None:
        """Take a reply of the master. Returns the segment that may be removed now, if any."""
        name = SegmentName(str(reply.get("worker")), reply["segment"] if type(reply.get("segment")) is int else -1)
        outgoing = self._outgoing.get(name)
        if outgoing is None or reply.get("sha256") != outgoing.sha256:
            return None
        if reply.get("reply") == "refused":
            del self._outgoing[name]
            self.refusals[name] = str(reply.get("reason"))
            return None
        if reply.get("reply") != "kept":
            return None
        del self._outgoing[name]
        self._done.setdefault(name.worker, Intervals()).add(name.number)
        return name

    @property
    def is_drained(self) -> bool:
        """Everything that was offered is on the master's disk."""
        return not self.leftovers

    @property
    def leftovers(self) -> tuple[SegmentName, ...]:
        """What the master has not acknowledged: still on this machine's disk."""
        return tuple(sorted([*self._waiting, *self._outgoing, *self.refusals]))

    def _chunks(self, name: SegmentName, outgoing: _Outgoing) -> Iterator[Message]:
        size = self._chunk_bytes
        chunks = max(1, -(-len(outgoing.data) // size))
        for chunk in range(chunks):
            yield {
                "worker": name.worker,
                "segment": name.number,
                "sha256": outgoing.sha256,
                "size_bytes": len(outgoing.data),
                "chunk": chunk,
                "chunks": chunks,
                "data": outgoing.data[chunk * size : (chunk + 1) * size],
            }


@dataclass(frozen=True)
class Arrived:
    """A whole segment, checked: write it, then send what `Receiver.kept` returns."""

    name: SegmentName
    sha256: str
    data: bytes = field(repr=False)


@dataclass
class _Incoming:
    """A segment of which some chunks are here."""

    sha256: str
    size_bytes: int
    chunks: int
    parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def held_bytes(self) -> int:
        return sum(map(len, self.parts.values()))


class Receiver:
    """The master's side: puts segments together, and answers only for what is on disk.

    Attributes:
        malformed: Messages that were no chunks and were dropped.
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self.malformed = 0
        self._incoming: dict[SegmentName, _Incoming] = {}
        self._writing: set[SegmentName] = set()
        self._kept: OrderedDict[SegmentName, str] = OrderedDict()
        self._remembered = remembered

    def receive(self, message: Mapping[str, Any]) -> list[Arrived | Message]:
        """Take one message of a worker. Returns what to do: segments to write, replies to send."""
        if not _is_chunk(message):
            self.malformed += 1
            return []
        name = SegmentName(message["worker"], message["segment"])
        sha256 = message["sha256"]
        kept = self._kept.get(name)
        if kept is not None:
            if kept == sha256:
                return [_reply(name, sha256, "kept")]
            return [_reply(name, sha256, "refused", "another segment of this name is here already")]
        if name in self._writing:
            return []
        incoming = self._incoming.get(name)
        if incoming is None or incoming.sha256 != sha256 or incoming.chunks != message["chunks"]:
            incoming = self._incoming[name] = _Incoming(sha256, message["size_bytes"], message["chunks"])
        incoming.parts[message["chunk"]] = message["data"]
        if len(incoming.parts) < incoming.chunks:
            self._limit_memory()
            return []
        del self._incoming[name]
        data = b"".join(part for _, part in sorted(incoming.parts.items()))
        if len(data) != incoming.size_bytes or hashlib.sha256(data).hexdigest() != sha256:
            self.malformed += 1
            return []
        self._writing.add(name)
        return [Arrived(name, sha256, data)]

    def _limit_memory(self) -> None:
        """Forget the oldest incomplete segments: their workers are gone, or will send them again."""
        held = sum(incoming.held_bytes for incoming in self._incoming.values())
        while held > MAX_INCOMPLETE_BYTES:
            held -= self._incoming.pop(next(iter(self._incoming))).held_bytes

    def kept(self, arrived: Arrived) -> Message:
        """The segment is on disk, synced: returns the reply to its worker."""
        self._writing.discard(arrived.name)
        self._kept[arrived.name] = arrived.sha256
        while len(self._kept) > self._remembered:
            self._kept.popitem(last=False)
        return _reply(arrived.name, arrived.sha256, "kept")

    def failed(self, arrived: Arrived) -> None:
        """The segment could not be written: its worker, who gets no reply, will send it again."""
        self._writing.discard(arrived.name)


def _is_chunk(message: Mapping[str, Any]) -> bool:
    """Whether a message is one that a Sender could have sent: it names a file on this machine."""
    number, chunk, chunks, size = (message.get(key) for key in ("segment", "chunk", "chunks", "size_bytes"))
    worker, sha256, data = (message.get(key) for key in ("worker", "sha256", "data"))
    return (
        type(worker) is str
        and is_worker_name(worker)
        and type(sha256) is str
        and len(sha256) == 64
        and type(data) is bytes
        and len(data) <= CHUNK_BYTES
        and type(number) is int
        and 0 <= number < 10**9
        and type(size) is int
        and 0 <= size <= MAX_SEGMENT_BYTES
        and type(chunk) is int
        and type(chunks) is int
        and 0 <= chunk < chunks <= max(1, size)
    )


def _reply(name: SegmentName, sha256: str, reply: str, reason: str = "") -> Message:
    return {"worker": name.worker, "segment": name.number, "sha256": sha256, "reply": reply, "reason": reason}


def sealed_segments(folder: Path) -> Iterator[tuple[SegmentName, Path]]:
    """The sealed segments in a folder, in order; none if there is no such folder."""
    if folder.is_dir():
        yield from ((name, path) for name, path in segments(folder) if path.suffix == SEALED_SUFFIX)


def segment_file(folder: Path, name: SegmentName) -> Path:
    """Where a sealed segment is."""
    return folder / f"{name}{SEALED_SUFFIX}"


def read_segment_file(folder: Path, name: SegmentName) -> bytes:
    """A sealed segment's bytes. Blocks."""
    return segment_file(folder, name).read_bytes()


def remove_segment_file(folder: Path, name: SegmentName) -> None:
    """Remove a segment that the master has. Blocks."""
    segment_file(folder, name).unlink(missing_ok=True)


def keep_segment_file(folder: Path, name: SegmentName, data: bytes) -> None:
    """Write a segment so that it is there whole or not at all, and wait until the disk has it. Blocks.

    Raises:
        OSError: The disk refused.
    """
    path = segment_file(folder, name)
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb", buffering=0) as file:
        write_all(file, data)
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(folder)
