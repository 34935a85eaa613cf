from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import psutil
import pytest

from scenarios.machine.container_health import Connection, is_at_work, main

LISTENING = Connection(psutil.CONN_LISTEN, 5557, None)
TO_MASTER = Connection(psutil.CONN_ESTABLISHED, 40001, 5557)
GOING = Connection(psutil.CONN_CLOSE_WAIT, 40001, 5557)
OF_A_USER = Connection(psutil.CONN_ESTABLISHED, 40002, 443)


@pytest.mark.parametrize(
    ("seen", "listens", "connected", "expected"),
    [
        ([LISTENING, OF_A_USER], 5557, None, True),
        ([OF_A_USER], 5557, None, False),
        ([TO_MASTER], 5557, None, False),
        ([OF_A_USER, TO_MASTER], None, 5557, True),
        ([OF_A_USER, GOING], None, 5557, False),
        ([LISTENING], None, 5557, False),
        ([LISTENING], 5557, 5557, False),
        ([], None, 5557, False),
    ],
)
def test_a_master_listens_and_a_worker_is_connected(
    seen: list[Connection], listens: int | None, connected: int | None, expected: bool
) -> None:
    assert is_at_work(seen, listens=listens, connected=connected) is expected


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_command_sees_this_machines_sockets_and_says_nothing_to_them() -> None:
    with listening() as server:
        port = str(server.getsockname()[1])
        assert main(["--listens", port]) == 0
        assert main(["--connected", port]) == 1
        with socket.create_connection(server.getsockname()):
            assert main(["--connected", port]) == 0
    assert main(["--listens", port]) == 1


def test_without_a_port_there_is_nothing_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "--listens of a master" in capsys.readouterr().err
