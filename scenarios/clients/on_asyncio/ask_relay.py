"""Asks the relay about a connection's way to the target, in the task that asks."""

from __future__ import annotations

import asyncio

from scenarios.evidence.sample import TcpSample
from scenarios.relay.question import ANSWER_LIMIT_S, question, read_answer


async def way_of(relay: tuple[str, int], port: int) -> TcpSample | None:
    """What the relay says of the connection that comes from this port; None = nothing, or not in time."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            reader, writer = await asyncio.open_connection(*relay)
            try:
                writer.write(question(port))
                return read_answer(await reader.read())
            finally:
                writer.transport.abort()
    except OSError:  # TimeoutError is one
        return None
