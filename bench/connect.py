"""Connect, welcome, close, again, on one core: `python -m bench.connect`."""

from __future__ import annotations

from bench.arena import arguments, pairs, table

NAMES = ("websocket-client", "websockets-gevent", "websockets-selector", "websockets-uvloop")


def main() -> None:
    options = arguments(__doc__, seconds=3.0, users=50, names=NAMES)
    found = pairs(
        options.names,
        "connect",
        "connects_per_core_s",
        seconds=options.seconds,
        rounds=options.rounds,
        users=options.users,
    )
    table(found, "connects a core s")


if __name__ == "__main__":
    main()
