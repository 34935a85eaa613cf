"""What a greenlet hears of the relay, whatever the relay does."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest

from scenarios.clients.on_gevent.ask_relay import way_of
from scenarios.evidence.sample import TcpSample
from scenarios.relay.question import ANSWER_LIMIT_S, answer, port_asked_about
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer
from tests.scenarios.kit.sockets import full_backlog

SAMPLE = TcpSample(is_connecting=False, unacknowledged=3, min_rtt_s=0.25)


def in_pieces(peer: Peer) -> None:
    assert port_asked_about(peer.read_request()) == 4711
    whole = answer(SAMPLE)
    for at in range(0, len(whole), 50):
        peer.send(whole[at : at + 50])


def nothing(peer: Peer) -> None:
    peer.read_request()


def without_end(peer: Peer) -> None:
    peer.read_request()
    peer.send(answer(SAMPLE))
    peer.wait_for_end()


def reset(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def test_the_answer_is_read_to_its_end() -> None:
    with ScriptedServer(in_pieces) as server:
        assert way_of(("127.0.0.1", server.port), 4711) == SAMPLE


@pytest.mark.parametrize("script", [nothing, without_end, reset, Peer.wait_for_end])
def test_without_a_whole_answer_in_time_nothing_is_known(script: Callable[[Peer], object]) -> None:
    with ScriptedServer(script) as server:
        began = perf_counter()
        assert way_of(("127.0.0.1", server.port), 4711) is None
        # A busy machine is late; a wait without a limit would be the server's: 20 s.
        assert perf_counter() - began < ANSWER_LIMIT_S + 5.0


def test_a_relay_that_is_gone_or_takes_no_connection_tells_nothing() -> None:
    with ScriptedServer(nothing) as server:
        gone = server.port
    assert way_of(("127.0.0.1", gone), 4711) is None
    with full_backlog() as address:
        assert way_of(address, 4711) is None
