"""Faults below ASGI, on the wire: silent_upgrade, refuse_503, reset and bad_instance in phase upgrade."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus

from tests.standin.serving import QUIET_S, Standin, raw_upgrade, read_until_end, wait_for, without_tls

Start = Callable[..., Standin]


@pytest.mark.parametrize("fault", ["silent_upgrade", "bad_instance:of=1,phase=upgrade,effect=silent"])
def test_a_silent_upgrade_accepts_tcp_and_says_nothing(start: Start, fault: str) -> None:
    server = start("--fault", fault)
    with raw_upgrade(server) as raw:
        raw.settimeout(QUIET_S)
        with pytest.raises(TimeoutError):
            raw.recv(1)
        raw.sendall(b"more")
        with pytest.raises(TimeoutError):
            raw.recv(1)
        assert server.get("/health")[0] == 200
    truth = server.truth_of_one()
    assert truth["fault"] == fault.partition(":")[0] and truth["ended"] == "client_gone"
    assert truth["subject"] == "staging-user-001"


def test_the_test_socket_is_a_control_that_no_fault_hits(start: Start) -> None:
    server = start("--fault", "silent_upgrade")
    with server.connect(None, path="/ws/test") as websocket:
        assert websocket.recv()


def test_a_refusal_is_an_http_503_that_names_the_instance(start: Start) -> None:
    server = start("--fault", "refuse_503", "--instances", "2")
    with pytest.raises(InvalidStatus) as refused:
        server.connect()
    response = refused.value.response
    assert response.status_code == 503 and response.headers["X-Server-Instance"] in server.ready["instances"]
    truth = server.truth_of_one()
    assert (truth["fault"], truth["ended"], truth["instance"]) == (
        "refuse_503",
        "refused",
        response.headers["X-Server-Instance"],
    )


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("fault", ["reset:phase=upgrade", "bad_instance:of=1,phase=upgrade,effect=reset"])
def test_a_reset_instead_of_the_answer(start: Start, fault: str, tls: bool) -> None:
    server = start("--fault", fault, *(["--tls"] if tls else []))
    context = ssl.create_default_context(cafile=server.ready["ca_file"]) if tls else None
    with without_tls(raw_upgrade(server, context=context)) as raw, pytest.raises(ConnectionResetError):
        read_until_end(raw)
    assert server.truth_of_one()["ended"] == "reset"


def test_half_of_the_connections_are_hit_and_the_truth_says_which(start: Start) -> None:
    server = start("--fault", "refuse_503:share=0.5", "--seed", "3")
    refused = []
    for _ in range(12):
        try:
            with server.session():
                refused.append(False)
        except InvalidStatus:
            refused.append(True)
    assert True in refused and False in refused
    truth = wait_for(lambda: len(server.truth()) == 12 and server.truth(), "twelve truth lines")
    by_ordinal = {line["ordinal"]: line["fault"] == "refuse_503" for line in truth}
    assert [by_ordinal[n] for n in range(12)] == refused


def test_a_schedule_ends(start: Start) -> None:
    server = start("--fault", "refuse_503:until=0.5")

    def welcomed() -> bool:
        try:
            with server.session():
                return True
        except InvalidStatus:
            return False

    assert wait_for(welcomed, "the end of the schedule")
