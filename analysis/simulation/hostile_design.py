"""The design of a hostile run: as somebody might plan it."""

from __future__ import annotations

from typing import Any

from analysis.simulation.design import CLIENTS, SELECTOR
from analysis.simulation.draws import Rng, log_uniform, pick


def draw_design(rng: Rng) -> dict[str, Any]:
    """A run as somebody might plan it.

    Rows 5,000 to 100,000 and minutes 10 to 240, evenly on a log scale. Hosts of a side 1 to 8, mostly 3; in three of
    ten runs another number on each side. A third of the runs holds its sessions to the end (10 to 300 users), half
    have exponential sessions of 30 to 600 s, the rest is as the simulator's own worlds are. No delay arm in a tenth,
    two to four arms in the others. One to six instances, by address in a fifth, unnamed in a fifth.
    """
    given: dict[str, Any] = {
        "rows": int(log_uniform(rng, 5_000, 100_000)),
        "minutes": int(log_uniform(rng, 10, 240)),
        "hosts": int(rng.choice((1, 2, 3, 4, 6, 8), p=(0.1, 0.15, 0.35, 0.2, 0.1, 0.1))),
        "host_sd": float(rng.choice((0.1, 0.3, 0.6, 1.0), p=(0.2, 0.5, 0.2, 0.1))),
        "minute_sd": float(rng.choice((0.3, 0.8), p=(0.8, 0.2))),
        "delays_s": pick(rng, ((0.0,), (0.0, 0.3), (0.0, 0.1, 0.3), (0.0, 0.05, 0.1, 0.3)), (0.1, 0.2, 0.5, 0.2)),
        "clients": _draw_clients(rng),
        "instances": int(rng.integers(1, 7)),
        "balancing": pick(rng, ("dealt", "address"), (0.8, 0.2)),
        "names_instances": bool(rng.random() < 0.8),
        "arms": pick(rng, ("interleaved", "blocks"), (0.95, 0.05)),
        "subjects": None if rng.random() < 0.6 else int(log_uniform(rng, 20, 300)),
    }
    if rng.random() < 0.3:
        given["hosts_of"] = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    if rng.random() < 0.2:
        given["host_sd_of"] = tuple(float(sd) for sd in rng.choice((0.05, 0.3, 0.8), size=2))
    if rng.random() < 0.08:
        given["worst_host"] = 10.0
    if rng.random() < 0.1:
        given["budget_spread"] = 0.01
    lasts = rng.random()
    if lasts < 0.35:
        given.update(session_s="run", users=int(log_uniform(rng, 10, 300)))
    elif lasts < 0.85:
        given.update(session_s=round(log_uniform(rng, 30, 600)), pace_s=round(log_uniform(rng, 1, 20), 1))
        given["arrivals"] = pick(rng, ("even", "ramp", "waves"), (0.7, 0.15, 0.15))
    return given


def _draw_clients(rng: Rng) -> tuple[str, ...]:
    """All three in half of the runs; one alone, asyncio on both loops, or all four in a sixth each."""
    sets = (CLIENTS, (str(rng.choice(CLIENTS)),), ("websockets-asyncio", SELECTOR), (*CLIENTS, SELECTOR))
    return sets[int(rng.choice(4, p=(0.49, 0.17, 0.17, 0.17)))]
