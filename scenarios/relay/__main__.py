"""The relay: adds the delay of an arm on the wire, so that latency's effect is caused and not only seen.

    python -m scenarios.relay --target staging.example.com:443 --seed 7

A process of its own, so that its punctuality does not depend on a load generator's loop. It prints one JSON
line when it is ready ({"event": "ready", "host", "port"}), answers CONNECT on that port as
`scenarios.relay.protocol` says, `GET /connection` with what its kernel says of a client's way to the target,
and `GET /report` with how well it keeps time. It ends on SIGTERM, or when its standard input closes
(--exit-with-stdin), and then prints the report as its last line; the exit status is 3 when it broke its
promise: rows that were measured through it then have delays that nobody asked for.

A zero arm goes through it as well, without jitter, stalls or a limit: it is the control.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec

from scenarios.authority import split_authority
from scenarios.errors import ConfigError
from scenarios.exit_codes import EXIT_BROKEN_PROMISE, EXIT_USAGE
from scenarios.machine.priority import raise_priority
from scenarios.machine.process import raise_descriptor_limit
from scenarios.relay.delay_line import LineQuality
from scenarios.relay.report import Report
from scenarios.relay.server import PROMISE_S, Relay

_WINDOWS_TIMER_MS: Final = 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"relay: {message}.")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, checked.

    Raises:
        ConfigError: In one sentence.
    """
    parser = _Parser(prog="python -m scenarios.relay", description="Adds an arm's network delay on the wire.")
    parser.add_argument("--target", action="append", default=[], help="host:port that paths may lead to (default: any)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: a free one)")
    parser.add_argument("--seed", type=int, default=0, help="of jitter and stalls")
    parser.add_argument("--jitter-ms", type=float, default=0.0, help="each way, +- this much, on delayed arms")
    parser.add_argument("--stall-ratio", type=float, default=0.0, help="share of chunks that stall, on delayed arms")
    parser.add_argument("--stall-ms", type=float, default=200.0, help="how long a stall lasts")
    parser.add_argument("--bandwidth-kbit", type=float, default=0.0, help="each way, on delayed arms (0: no limit)")
    parser.add_argument("--promise-ms", type=float, default=PROMISE_S * 1000, help="largest p99 of the added error")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    for name in ("jitter_ms", "stall_ms", "bandwidth_kbit"):
        _check(name, getattr(options, name), "0 or more", getattr(options, name) >= 0.0)
    _check("stall_ratio", options.stall_ratio, "from 0 to 1", 0.0 <= options.stall_ratio <= 1.0)
    _check("promise_ms", options.promise_ms, "above 0", options.promise_ms > 0.0)
    _check("port", options.port, "from 0 to 65535", 0 <= options.port < 65_536)
    for target in options.target:
        try:
            split_authority(target)
        except ValueError:
            raise ConfigError(f"--target is {target!r}, but it must be host:port, such as 127.0.0.1:8000.") from None
    return options


def _check(name: str, value: float, rule: str, holds: bool) -> None:
    if not holds or not math.isfinite(value):
        raise ConfigError(f"--{name.replace('_', '-')} is {value:g}, but it must be {rule}.")


async def run(options: argparse.Namespace) -> Report:
    """Serve until told to stop; the report of the whole run.

    Raises:
        ConfigError: If the target has no address, or the port is taken.
    """
    relay = Relay(
        targets=frozenset(options.target),
        quality=LineQuality(
            jitter_s=options.jitter_ms / 1000.0,
            stall_ratio=options.stall_ratio,
            stall_s=options.stall_ms / 1000.0,
            bytes_per_s=options.bandwidth_kbit * 125.0 or None,
        ),
        seed=options.seed,
        promise_s=options.promise_ms / 1000.0,
    )
    stop = asyncio.Event()
    _stop_on_signals(stop, ignore_interrupt=options.exit_with_stdin)
    try:
        server = await relay.serve(options.host, options.port)
    except OSError as error:
        raise ConfigError(
            f"--port {options.port} on {options.host} cannot be listened on ({error.strerror}): choose another, or 0."
        ) from None
    if options.exit_with_stdin:
        _stop_with_stdin(stop)
    host, port = server.sockets[0].getsockname()[:2]
    # Objects made so far live as long as the process: the collector need not look at them again.
    gc.collect()
    gc.freeze()
    _say({"event": "ready", "host": host, "port": port, "pid": os.getpid()})
    await stop.wait()
    server.close()
    return relay.report()


def _stop_on_signals(stop: asyncio.Event, *, ignore_interrupt: bool) -> None:
    """SIGTERM ends the relay; Ctrl-C too, unless a parent decides (the terminal signals the whole group)."""
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignore_interrupt else end)


def _stop_with_stdin(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop whose clock is fine enough: Windows' own steps by 15.6 ms, and so would every delay."""
    loop = asyncio.new_event_loop()
    if sys.platform == "win32":
        import ctypes

        ctypes.WinDLL("winmm").timeBeginPeriod(_WINDOWS_TIMER_MS)
        loop.time = time.perf_counter  # type: ignore[method-assign]
        # Timers may fire early by this much; the default is the coarse clock's step.
        loop._clock_resolution = time.get_clock_info("perf_counter").resolution  # type: ignore[attr-defined]
    return loop


def _say(line: object) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the relay; returns its exit status."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        raise_descriptor_limit()
        raise_priority()
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            report = runner.run(run(options))
    except ConfigError as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_USAGE
    _say(report)
    if report.is_kept is False:
        print(
            f"The relay added {report.error_p99_s or 0:.4f} s more than asked (99th percentile; reading late: "
            f"{report.read_p99_s or 0:.4f} s), above its promise of {report.promise_s:g} s: this machine is too busy.",
            file=sys.stderr,
        )
        return EXIT_BROKEN_PROMISE
    return 0


if __name__ == "__main__":
    sys.exit(main())
