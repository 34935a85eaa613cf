"""Exchanges a second on one core: `python -m bench.exchange`.

wsoak's users with every exchange recorded, against the Locust user that anyone would write
(websocket-client, one request event an exchange), side by side on the same core, against the same server.
"""

from __future__ import annotations

import statistics

from bench.arena import arguments, pairs, table

NOT_RECORDED, NOT_ASKED = ", not recorded", ", kernel not asked"
NAMES = (
    "websocket-client",
    "websocket-client" + NOT_RECORDED,
    "websocket-client" + NOT_ASKED,
    "websockets-gevent",
    "websockets-gevent" + NOT_RECORDED,
    "websockets-gevent" + NOT_ASKED,
    "websockets-selector",
    "websockets-uvloop",
)


def main() -> None:
    options = arguments(__doc__, seconds=5.0, users=200, names=NAMES)
    found = pairs(
        options.names,
        "exchange",
        "exchanges_per_core_s",
        seconds=options.seconds,
        rounds=options.rounds,
        users=options.users,
    )
    table(found, "exchanges a core s")
    ratios = {name: statistics.median(own / naive for own, naive in rounds) for name, rounds in found.items()}
    for name, ratio in ratios.items():
        if (without := ratios.get(name + NOT_RECORDED)) is not None:
            print(f"recording costs {name} {1 - ratio / without:.1%} of its throughput")
        if (without := ratios.get(name + NOT_ASKED)) is not None:
            print(f"asking the kernel where waits are lost costs {name} {1 - ratio / without:.1%} of its throughput")


if __name__ == "__main__":
    main()
