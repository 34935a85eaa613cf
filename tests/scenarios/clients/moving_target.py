"""A target whose name moves, met by one client: `python -m tests.scenarios.clients.moving_target HOSTS CLIENT [relay]`.

Runs in a mount namespace in which HOSTS is /etc/hosts, so that the system's own resolver answers. Prints one JSON
object: what became of the connections, and how many each address got.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from scenarios.clients import run_connection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.plan import Target
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.running_relay import relay

NAME = "soak.test"
OLD, NEW = "127.0.0.1", "127.0.0.2"
TTL_S = 0.5
PATIENCE_S = 30.0


class Side:
    """A server at one of the addresses."""

    def __init__(self, address: str, port: int = 0) -> None:
        self.count = 0
        self._server: Server = serve(self._echo, address, port)
        self.port = int(self._server.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _echo(self, connection: ServerConnection) -> None:
        self.count += 1
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                connection.send(message)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@contextmanager
def both_sides() -> Iterator[tuple[Side, Side]]:
    """Servers at both addresses, on one port."""
    old = Side(OLD)
    new = Side(NEW, old.port)
    try:
        yield old, new
    finally:
        old.close()
        new.close()


def means(hosts: Path, *addresses: str) -> None:
    """From now on the name means these addresses. In place: another file would not be the one that is mounted."""
    hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses), encoding="ascii")


class Meeting:
    """Connections of one client, each with what it knows from the ones before it."""

    def __init__(self, client: str, target: Target) -> None:
        self._client = client
        self._target = target
        self._rows = Rows()

    def connect(self, count: int = 1) -> list[str]:
        """So many connections one after another: how each ended."""
        before = len(self._rows.of("connect"))
        for _ in range(count):
            run_connection(plan_of(self._rows, self._client), self._target, self._rows.services)
        return [f"{row.outcome} {row.phase}" for row in self._rows.of("connect")[before:]]

    def close(self) -> None:
        close_children(self._rows.services)


def main(hosts: Path, client: str, *, is_relayed: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    with both_sides() as (old, new), contextlib.ExitStack() as stack:
        means(hosts, OLD)
        target = target_of(old.port, host=NAME, protocol="echo", dns_ttl_s=TTL_S)
        if is_relayed:
            running = stack.enter_context(relay("--target", f"{NAME}:{old.port}"))
            target = target_of(old.port, host=NAME, protocol="echo", dns_ttl_s=TTL_S, relay=running.address)
        following = Meeting(client, target)
        following.connect()
        means(hosts, NEW)
        until = time.monotonic() + PATIENCE_S
        while not new.count and time.monotonic() < until:
            following.connect()
        found["follows although the old address still answers"] = bool(new.count)
        following.close()

        means(hosts, OLD, NEW)
        spreading = Meeting(client, target)
        counts = old.count, new.count
        found["spread"] = spreading.connect(6)
        found["spread over"] = [old.count - counts[0], new.count - counts[1]]
        spreading.close()

        means(hosts, OLD)
        patient = target_of(old.port, host=NAME, protocol="echo", dns_ttl_s=3600.0, relay=target.relay)
        moved = Meeting(client, patient)
        moved.connect()
        means(hosts, NEW)
        old.close()
        time.sleep(1.0)  # a name is not looked up twice in a second
        counts = old.count, new.count
        found["moved"] = moved.connect(2)
        found["moved to"] = [old.count - counts[0], new.count - counts[1]]
        moved.close()
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], is_relayed="relay" in sys.argv[3:])))
