"""Exchanges a second on one core: `python -m bench.exchange`.

wsoak's users with every exchange recorded, against the Locust user that anyone would write
(websocket-client, one request event an exchange), on the same server, interleaved.
"""

from __future__ import annotations

from bench.arena import arguments, medians, table

NAMES = (
    "websocket-client",
    "websocket-client, not recorded",
    "websockets-gevent",
    "websockets-gevent, not recorded",
    "websockets-selector",
    "websockets-uvloop",
)


def main() -> None:
    options = arguments(__doc__, seconds=5.0, users=200, names=NAMES)
    names = ["naive", *options.names]
    found = medians(
        names, "exchange", "exchanges_per_core_s", seconds=options.seconds, rounds=options.rounds, users=options.users
    )
    table(found, "per core s")
    for name in options.names:
        without = found.get(f"{name}, not recorded")
        if without:
            print(f"recording costs {name} {1 - found[name] / without:.1%} of its throughput")


if __name__ == "__main__":
    main()
