"""How exactly the relay delays: actual minus asked, seen by its own books and by the clients behind it.

    python -m bench.relay --connections 500 --delay-ms 80 --seconds 10

Each connection sends one small message a second and waits for its echo. `straight` is the same without the
relay: what the machine and the echo server need by themselves. Clients and server are asyncio in this process,
the relay is its own; both ask for priority, so that a busy machine is not mistaken for a late relay. What the
relay is blamed for from outside still includes how late this process was (compare `straight`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from scenarios.machine.priority import raise_priority
from scenarios.machine.process import raise_descriptor_limit
from scenarios.relay.lateness import DelayError
from scenarios.relay.protocol import connect_request, read_reply

MESSAGE = b"x" * 64
PERIOD_S = 1.0


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


async def exchanges(
    address: tuple[str, int], request: bytes | None, *, delay_s: float, until: float, offset_s: float, error: DelayError
) -> None:
    """One connection: a message a period, its echo's time minus what was asked into `error`."""
    await asyncio.sleep(offset_s)
    reader, writer = await asyncio.open_connection(*address)
    if request is not None:
        writer.write(request)
        reply = read_reply(await reader.readuntil(b"\r\n\r\n"))
        assert reply is not None and reply.errno is None, reply
    first_due = due = time.perf_counter()
    while due < until:
        await asyncio.sleep(due - time.perf_counter())
        sent_at = time.perf_counter()
        writer.write(MESSAGE)
        await reader.readexactly(len(MESSAGE))
        # The first exchange falls into the time when all connections are being made.
        if due > first_due:
            error.add(time.perf_counter() - sent_at - delay_s)
        due += PERIOD_S
    writer.close()


async def measure(
    address: tuple[str, int], request: bytes | None, *, delay_s: float, connections: int, seconds: float
) -> DelayError:
    error = DelayError()
    until = time.perf_counter() + PERIOD_S + seconds
    await asyncio.gather(
        *(
            exchanges(address, request, delay_s=delay_s, until=until, offset_s=PERIOD_S * n / connections, error=error)
            for n in range(connections)
        )
    )
    return error


def fetch_report(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/report", timeout=10) as answer:
        report: dict[str, Any] = json.loads(answer.read())
        return report


def line(name: str, error: DelayError) -> str:
    p50, p99 = error.quantile_s(0.50), error.quantile_s(0.99)
    assert p50 is not None and p99 is not None and error.largest_s is not None
    return row(name, p50, p99, error.largest_s, error.count)


def row(name: str, p50_s: float, p99_s: float, max_s: float, n: int) -> str:
    return f"{name:<28} p50 {p50_s * 1e3:6.2f} ms   p99 {p99_s * 1e3:6.2f} ms   max {max_s * 1e3:7.2f} ms   n {n}"


async def run(options: argparse.Namespace) -> int:
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    address = server.sockets[0].getsockname()
    relay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scenarios.relay", "--exit-with-stdin", "--target", f"127.0.0.1:{address[1]}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert relay.stdin is not None and relay.stdout is not None
    port = int(json.loads(await relay.stdout.readline())["port"])
    delay_s = options.delay_ms / 1000.0
    size = {"connections": options.connections, "seconds": options.seconds}
    straight = await measure(address, None, delay_s=0.0, **size)
    request = connect_request(*address, delay_s=delay_s, seed=1)
    through = await measure(("127.0.0.1", port), request, delay_s=delay_s, **size)
    report = await asyncio.to_thread(fetch_report, port)
    relay.stdin.close()
    status = await relay.wait()
    print(f"{options.connections} connections, {options.delay_ms:g} ms asked, one exchange a second each")
    print(line("straight, round trip", straight))
    print(line("relayed, round trip - asked", through))
    p50_s, p99_s, max_s = (float(report[f"error_{part}_s"]) for part in ("p50", "p99", "max"))
    print(row("the relay, one way - asked", p50_s, p99_s, max_s, report["chunks"]))
    print(f"{'the relay, reading late':<28} p99 {report['read_p99_s'] * 1e3:6.2f} ms")
    print(f"promise: p99 <= {report['promise_s'] * 1e3:g} ms: {'kept' if report['is_kept'] else 'BROKEN'}")
    server.close()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--delay-ms", type=float, default=80.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(arguments)
    raise_descriptor_limit()
    raise_priority()
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
