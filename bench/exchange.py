"""Exchanges a second on one core: `python -m bench.exchange`.

wsoak's users with every exchange recorded, against the Locust user that anyone would write
(websocket-client, one request event an exchange), side by side on the same core, against the same server.
"""

from __future__ import annotations

import statistics

from bench.arena import against, arguments, pairs, table

NOT_RECORDED, NOT_ASKED = ", not recorded", ", kernel not asked"
WHAT = {NOT_RECORDED: "recording", NOT_ASKED: "asking the kernel where waits are lost"}
MEASURE = "exchanges_per_core_s"
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
        MEASURE,
        seconds=options.seconds,
        rounds=options.rounds,
        users=options.users,
    )
    table(found, "exchanges a core s")
    for name in found:
        for without in WHAT:
            if name + without in found:
                costs(name, without, seconds=options.seconds, rounds=options.rounds, users=options.users)


def costs(name: str, without: str, *, seconds: float, rounds: int, users: int) -> None:
    """Print what a contestant loses by something, measured beside itself without it; each round is a pair."""
    found = against(name, name + without, "exchange", MEASURE, seconds=seconds, rounds=rounds, users=users)
    lost = sorted(1 - own / other for own, other in found)
    spread = f"({lost[0]:.1%} to {lost[-1]:.1%} in {len(lost)} pairs)"
    print(f"{WHAT[without]} costs {name} {statistics.median(lost):.1%} of its exchanges per core {spread}")


if __name__ == "__main__":
    main()
