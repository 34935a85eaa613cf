"""Memory per held connection: `python -m bench.hold` (resident bytes after minus before, divided)."""

from __future__ import annotations

import statistics

from bench.arena import NAIVE, arguments, in_turn

NAMES = ("websocket-client", "websockets-gevent", "websockets-selector", "websockets-uvloop")


def main() -> None:
    options = arguments(__doc__, seconds=1.0, users=1000, names=NAMES, rounds=3)
    rounds = in_turn(
        [NAIVE, *options.names], "hold", seconds=options.seconds, rounds=options.rounds, users=options.users
    )
    found = {name: statistics.median(r["bytes_per_user"] for r in results) for name, results in rounds.items()}
    for name, value in found.items():
        print(f"{name:<24} {value:>9,.0f} bytes a connection {value / found[NAIVE]:>6.2f} x naive")


if __name__ == "__main__":
    main()
