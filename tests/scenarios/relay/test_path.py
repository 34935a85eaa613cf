"""A path between two real sockets, one of which goes while nobody looks."""

from __future__ import annotations

import asyncio
import socket
import struct

from scenarios.relay.delay_line import LineQuality
from scenarios.relay.lateness import DelayError
from scenarios.relay.path import Leg, join


async def leg_of(sock: socket.socket) -> tuple[Leg, asyncio.Transport]:
    leg = Leg()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: leg, sock=sock)
    return leg, transport


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection: the relay's, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setblocking(False)
    return ours, peer


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_the_targets_end_for_a_client_that_was_reset_unread_is_no_error_of_the_relay() -> None:
    async def relayed() -> list[dict[str, object]]:
        said: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        (ours_to_client, client), (ours_to_target, target) = pair(), pair()
        client_leg, to_client = await leg_of(ours_to_client)
        target_leg, to_target = await leg_of(ours_to_target)
        up, down = join(to_client, to_target, one_way_s=0.001, quality=LineQuality(), seed="1", error=DelayError())
        client_leg.out, client_leg.into, target_leg.out, target_leg.into = up, down, down, up
        to_client.pause_reading()  # as while its flow is full: nobody hears of the reset
        reset(client)
        target.close()
        while not down.has_ended:
            await asyncio.sleep(0)
        to_client.abort()
        to_target.abort()
        await asyncio.sleep(0)
        return said

    assert asyncio.run(asyncio.wait_for(relayed(), 30.0)) == []
