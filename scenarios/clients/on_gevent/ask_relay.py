"""Asks the relay about a connection's way to the target, in the greenlet that asks."""

from __future__ import annotations

from time import perf_counter

from scenarios.clients.dial import family_of
from scenarios.clients.on_gevent.stream import EndOfStream, Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.evidence.sample import TcpSample
from scenarios.relay.question import ANSWER_LIMIT_S, question, read_answer


def way_of(relay: tuple[str, int], port: int) -> TcpSample | None:
    """What the relay says of the connection that comes from this port; None = nothing, or not in time."""
    until = perf_counter() + ANSWER_LIMIT_S
    patience = Patience()
    stream = Stream(patience)
    received = b""
    try:
        if not stream.connect((family_of(relay[0]), relay), until):
            return None
        stream.send(question(port))
        # A loop may wake a reader although nothing is there (libuv on Windows does).
        while perf_counter() < until:
            received += stream.read(until) or b""
    except EndOfStream:
        return read_answer(received)
    except OSError:
        return None
    finally:
        stream.close()
        patience.close()
    return None
