"""How wrong a measured reply time is: `python -m bench.latency`.

A server answers each request after 50 ms, for 1,000 sessions with one exchange a second each; printed is
what the clients measured beyond the 50 ms: their own share (and the server's timer, the same for all).
"""

from __future__ import annotations

import statistics

from bench.arena import NAIVE, arguments, in_turn

NAMES = ("websocket-client", "websockets-gevent", "websockets-selector", "websockets-uvloop")
DELAY_MS = 50.0


def main() -> None:
    options = arguments(__doc__, seconds=10.0, users=1000, names=NAMES, rounds=3)
    found = in_turn(
        [NAIVE, *options.names],
        "latency",
        seconds=options.seconds,
        rounds=options.rounds,
        users=options.users,
        server_options=("--delay-ms", str(DELAY_MS)),
    )
    for name, rounds in found.items():
        error_ms = [statistics.median(r[key] for r in rounds) * 1000.0 - DELAY_MS for key in ("median_s", "p99_s")]
        print(f"{name:<24} median + {error_ms[0]:6.2f} ms   p99 + {error_ms[1]:6.2f} ms")


if __name__ == "__main__":
    main()
