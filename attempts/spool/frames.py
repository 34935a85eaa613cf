"""A spool segment as bytes: frames that can be told whole from torn.

Theory of operation. A segment is a file header (magic, schema version) and then frames. A frame is a
marker, its length, its type, a CRC-32 over length, type and payload, and the payload (msgpack). Frames
are only ever appended, so a crash tears at most the last one. A reader takes every frame whose CRC
holds; where one does not, it looks for the next marker, so a flipped byte costs the frame it hit and no
other. What was passed over is counted: lost bytes are never silent.

Segments stand alone: every one carries its worker's facts, the facts of each connection whose rows it
holds, and what is known of the worker's clock. So the store keeps nothing in memory between segments, and a
lost segment harms no other.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from attempts.schema import SCHEMA_VERSION, Attempt, ConnectionFacts, Health, WorkerFacts
from attempts.spool.time_line import ClockKnot

MAGIC: Final = b"wsoak\x01\r\n"  # 1: the framing's own version; CR LF: shows a text-mode copy
_FILE_HEADER: Final = struct.Struct("<8sH")
_MARKER: Final = b"\xf5\xae\x0a\x9c"  # 0xf5 occurs in no UTF-8 text: false finds are rare, and the CRC ends them
_FRAME_HEADER: Final = struct.Struct("<4sIBI")
_CHECKED_HEADER: Final = struct.Struct("<IB")
MAX_PAYLOAD_BYTES: Final = 64 * 2**20  # a longer one is damage: a flush writes far less in its 250 ms

# The types of frames.
WORKER: Final = 1
FACTS: Final = 2
ATTEMPTS: Final = 3
HEALTH: Final = 4
END: Final = 5
CLOCK: Final = 6  # an older reader passes over it


class EndFrame(msgspec.Struct, frozen=True, array_like=True):
    """A worker's last word: how many rows it wrote in all. Without it, its end was a crash.

    Attributes:
        rows_written: Of this worker.
        tally: How many attempts its process planned, skipped and started, and how they ended: with it the run adds up
            without the process that led it. Empty = another worker of the process has it; None = nobody counted.
    """

    rows_written: int
    tally: dict[str, int] | None = None


class NotASegment(ValueError):
    """The bytes are not a spool segment that this version can read."""


class Frame(NamedTuple):
    """One whole frame."""

    type: int
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What could be read of one segment.

    Attributes:
        worker: None when the frame that carries it is damaged.
        facts: The connections' facts by the number that `Attempt.facts` names.
        rows_written: The worker's whole count, where it ended in this segment.
        clock: How far the worker's clock was from the run's; none: not at all, or nobody knows.
        tally: Its process' counts, as `EndFrame` has them.
        torn_bytes: Dropped at the end: a write that a crash cut short.
        damaged_bytes: Dropped before a later whole frame: something changed what had been written.
    """

    worker: WorkerFacts | None = None
    facts: dict[int, ConnectionFacts] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    health: list[Health] = field(default_factory=list)
    rows_written: int | None = None
    clock: tuple[ClockKnot, ...] = ()
    tally: dict[str, int] | None = None
    torn_bytes: int = 0
    damaged_bytes: int = 0


def file_header(schema_version: int = SCHEMA_VERSION) -> bytes:
    """The first bytes of a segment."""
    return _FILE_HEADER.pack(MAGIC, schema_version)


def frame(type_: int, payload: bytes) -> bytes:
    """One frame, ready to be appended."""
    checked = zlib.crc32(payload, zlib.crc32(_CHECKED_HEADER.pack(len(payload), type_)))
    return _FRAME_HEADER.pack(_MARKER, len(payload), type_, checked) + payload


def array_payload(items: Iterable[bytes]) -> bytes:
    """Encoded msgpack values joined to one msgpack array, without encoding them again."""
    items = list(items)
    return b"\xdd" + len(items).to_bytes(4, "big") + b"".join(items)


def encoded_facts(number: int, facts: bytes) -> bytes:
    """One entry of a FACTS frame: msgpack of [number, facts], from facts that are msgpack already."""
    return b"\x92" + msgspec.msgpack.encode(number) + facts


def read_frames(data: bytes) -> tuple[list[Frame], int, int]:
    """The whole frames of a segment, and the bytes dropped: (frames, torn at the end, damaged before)."""
    frames: list[Frame] = []
    torn = damaged = 0
    position = _FILE_HEADER.size if data.startswith(MAGIC) and len(data) >= _FILE_HEADER.size else 0
    while position < len(data):
        found = _frame_at(data, position)
        if found is not None:
            frames.append(found)
            damaged += torn
            torn = 0
            position += _FRAME_HEADER.size + len(found.payload)
            continue
        following = data.find(_MARKER, position + 1)
        following = len(data) if following < 0 else following
        torn += following - position
        position = following
    return frames, torn, damaged


def read_segment(data: bytes) -> Segment:
    """Everything that is whole in a segment's bytes.

    Raises:
        NotASegment: It was written under another schema version, or is another kind of file.
    """
    frames, torn, damaged = read_frames(data)
    version = _version(data, frames)
    if version is None and not file_header().startswith(data):
        raise NotASegment("is not a spool segment: it holds neither the magic bytes nor a whole frame")
    if version not in (None, SCHEMA_VERSION):
        raise NotASegment(
            f"was written under schema version {version}, and this one reads {SCHEMA_VERSION}: "
            "store it with the wsoak that wrote it"
        )
    try:
        return _decoded(frames, torn, damaged)
    except msgspec.DecodeError as problem:
        raise NotASegment(f"holds a whole frame that is not of schema {SCHEMA_VERSION}: {problem}") from problem


def _version(data: bytes, frames: list[Frame]) -> int | None:
    """The schema version: from a WORKER frame, which a checksum guards, else from the file's header."""
    for whole in frames:
        if whole.type == WORKER:
            return _decode_version(whole.payload)[0]
    if data.startswith(MAGIC) and len(data) >= _FILE_HEADER.size:
        version: int = _FILE_HEADER.unpack_from(data)[1]
        return version
    return None


def _frame_at(data: bytes, position: int) -> Frame | None:
    start = position + _FRAME_HEADER.size
    if start > len(data):
        return None
    marker, length, type_, checksum = _FRAME_HEADER.unpack_from(data, position)
    if marker != _MARKER or length > MAX_PAYLOAD_BYTES or start + length > len(data):
        return None
    payload = data[start : start + length]
    if zlib.crc32(payload, zlib.crc32(_CHECKED_HEADER.pack(length, type_))) != checksum:
        return None
    return Frame(type_, payload)


_decode_version = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw]).decode
_decode_worker = msgspec.msgpack.Decoder(tuple[int, WorkerFacts]).decode
_decode_facts = msgspec.msgpack.Decoder(list[tuple[int, ConnectionFacts]]).decode
_decode_attempts = msgspec.msgpack.Decoder(list[Attempt]).decode
_decode_health = msgspec.msgpack.Decoder(list[Health]).decode
_decode_clock = msgspec.msgpack.Decoder(tuple[ClockKnot, ...]).decode
_decode_end = msgspec.msgpack.Decoder(EndFrame).decode


def worker_frame(worker: bytes) -> bytes:
    """The frame that names the worker and, again, the schema version; `worker` is msgpack."""
    return frame(WORKER, b"\x92" + msgspec.msgpack.encode(SCHEMA_VERSION) + worker)


def end_frame(rows_written: int, tally: Mapping[str, int] | None = None) -> bytes:
    """The frame that a worker's last segment ends with."""
    return frame(END, msgspec.msgpack.encode(EndFrame(rows_written, None if tally is None else dict(tally))))


def clock_frame(knots: Sequence[ClockKnot]) -> bytes:
    """All that is known of the worker's clock; a later one of a segment has more."""
    return frame(CLOCK, msgspec.msgpack.encode(list(knots)))


def _decoded(frames: Iterable[Frame], torn: int, damaged: int) -> Segment:
    worker: WorkerFacts | None = None
    facts: dict[int, ConnectionFacts] = {}
    attempts: list[Attempt] = []
    health: list[Health] = []
    clock: tuple[ClockKnot, ...] = ()
    end: EndFrame | None = None
    for whole in frames:
        if whole.type == WORKER:
            _, worker = _decode_worker(whole.payload)
        elif whole.type == FACTS:
            facts.update(_decode_facts(whole.payload))
        elif whole.type == ATTEMPTS:
            attempts.extend(_decode_attempts(whole.payload))
        elif whole.type == HEALTH:
            health.extend(_decode_health(whole.payload))
        elif whole.type == CLOCK:
            clock = _decode_clock(whole.payload)
        elif whole.type == END:
            end = _decode_end(whole.payload)
    return Segment(
        worker=worker,
        facts=facts,
        attempts=attempts,
        health=health,
        clock=clock,
        rows_written=end.rows_written if end is not None else None,
        tally=end.tally if end is not None else None,
        torn_bytes=torn,
        damaged_bytes=damaged,
    )
