"""`python docs/waiting_loop.py`: what the stack of an asyncio program shows while it waits, and while it is blocked.

Twice the program reads a stream that has no end, an event each 0.2 s, as a test does that reads it to its end. The
first time nothing else happens; the second time a call blocks the loop. Another thread takes stacks of the loop's, as a
test harness does before it gives up, and counts in which line they end. Beside it the loop's lateness is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import dis
import linecache
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import NamedTuple

EVENT_GAP_S = 0.2
TICK_S = 0.02
SAMPLES = 20


class Seen(NamedTuple):
    """What came of one time.

    Attributes:
        events: That the program read.
        late_s: The longest delay of its event loop.
        lines: Where the stacks ended (`innermost`), how often.
    """

    events: int
    late_s: float
    lines: Counter[str]


def send_events(listener: socket.socket) -> None:
    """The stream: events until the reader has gone."""
    with contextlib.suppress(OSError):
        peer, _ = listener.accept()
        with peer:
            while True:
                peer.sendall(b"data: {}\n\n")
                time.sleep(EVENT_GAP_S)


def innermost(frame: FrameType) -> str:
    """Where a stack ends: file, function and line of code, or the line's names where there is no source."""
    code = frame.f_code
    line = linecache.getline(code.co_filename, frame.f_lineno).strip()
    if not line:
        here = [one for one in dis.get_instructions(code) if one.positions and one.positions.lineno == frame.f_lineno]
        line = ".".join(str(one.argval) for one in here if one.opname in ("LOAD_GLOBAL", "LOAD_METHOD", "LOAD_ATTR"))
    return f"{Path(code.co_filename).name}, in {code.co_name}: {line}"


def take_stacks(of_thread: int, for_s: float, lines: Counter[str]) -> None:
    """Take the innermost line of a thread's stack now and then, as a harness does at its timeout."""
    for _ in range(SAMPLES):
        time.sleep(for_s / (SAMPLES + 1))
        lines[innermost(sys._current_frames()[of_thread])] += 1


async def measure_lateness(late_s: list[float]) -> None:
    """How late the loop calls what is due."""
    while True:
        due = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        late_s.append(time.perf_counter() - due)


async def read_to_its_end(port: int, for_s: float, *, is_blocked: bool) -> Seen:
    """Read the stream; give up after a time, as a harness does."""
    lines: Counter[str] = Counter()
    late_s: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ticking = asyncio.create_task(measure_lateness(late_s))
    await asyncio.sleep(2 * TICK_S)
    stacks = threading.Thread(target=take_stacks, args=(threading.get_ident(), for_s, lines))
    stacks.start()
    events = 0
    if is_blocked:
        # What is suspected: a call that keeps the loop.
        time.sleep(for_s)
    else:
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(for_s):
                while await reader.readline():
                    events += await reader.readline() == b"\n"
    stacks.join()
    await asyncio.sleep(2 * TICK_S)
    ticking.cancel()
    writer.close()
    return Seen(events, max(late_s), lines)


def seen(for_s: float, *, is_blocked: bool) -> Seen:
    """One time, with a stream of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = threading.Thread(target=send_events, args=(listener,), daemon=True)
        sender.start()
        return asyncio.run(read_to_its_end(listener.getsockname()[1], for_s, is_blocked=is_blocked))


def main(for_s: float) -> None:
    """Both times, a line each."""
    for word, is_blocked in (("waiting", False), ("blocked", True)):
        found = seen(for_s, is_blocked=is_blocked)
        line, count = found.lines.most_common(1)[0]
        print(
            f"{word}: {found.events} events read in {for_s:g} s; the loop was late by at most "
            f"{1000 * found.late_s:.0f} ms; {count} of {found.lines.total()} stacks end in {line}",
            flush=True,
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
