"""Memory per held connection: `python -m bench.hold` (resident bytes after minus before, divided)."""

from __future__ import annotations

from bench.arena import arguments, medians, table

NAMES = ("websocket-client", "websockets-gevent", "websockets-selector", "websockets-uvloop")


def main() -> None:
    options = arguments(__doc__, seconds=1.0, users=1000, names=NAMES)
    names = ["naive", *options.names]
    found = medians(
        names, "hold", "bytes_per_user", seconds=options.seconds, rounds=options.rounds, users=options.users
    )
    table(found, "bytes")


if __name__ == "__main__":
    main()
