"""The small tables of a run that was never run: drawn directly, without a single row.

For planning (a thousand runs in a minute) and for tests. It draws hosts, minutes and connections with
the clustering that matters to the comparisons; bursts, holds and tokens are left to `simulate.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from analysis.planning.sketch import COUNTS, Sketch
from analysis.planning.sketched_sessions import dealt_sessions, held_sessions
from analysis.planning.tables_of_cells import tables_of
from analysis.reduction.tables import Tables
from analysis.simulation.design import arm_of

FIRST_MINUTE: Final = 29_460_000


def sketched_tables(sketch: Sketch, rng: np.random.Generator) -> Tables:
    """Draw the tables of one run."""
    grid = np.meshgrid(
        np.arange(len(sketch.platforms) * sketch.hosts),
        np.arange(sketch.minutes),
        np.arange(len(sketch.clients)),
        np.arange(len(sketch.delays_us)),
        np.arange(len(sketch.operations)),
        indexing="ij",
    )
    host, minute, client, delay, operation = (axis.ravel() for axis in grid)
    arms = [[arm_of(name, platform) for name in sketch.clients] for platform in sketch.platforms]
    library, loop = (np.array([[arm[i] for arm in own] for own in arms])[host // sketch.hosts, client] for i in (0, 1))
    # Two names that mean the same on a platform are one arm there.
    first = np.array([[own.index(arm) == c for c, arm in enumerate(own)] for own in arms])
    dealt = len(sketch.delays_us) * len(sketch.operations) * first.sum(axis=1)
    rate = np.where(first[host // sketch.hosts, client], sketch.attempts_a_minute / dealt[host // sketch.hosts], 0.0)
    n = rng.poisson(rate)
    multiplier = np.exp(
        rng.normal(0, sketch.host_sd, len(sketch.platforms) * sketch.hosts)[host]
        + rng.normal(0, sketch.minute_sd, sketch.minutes)[minute]
    )
    highest = delay == len(sketch.delays_us) - 1
    suspected = {
        "none": np.zeros(len(host), dtype=np.bool_),
        "latency": highest,
        "platform": host < sketch.hosts,
        "platform_x_latency": (host < sketch.hosts) & highest,
        "client": client == 0,
        "loop": loop == "asyncio-proactor",
        "loop_x_latency": (loop == "asyncio-proactor") & highest,
    }[sketch.suspect]
    risk = np.clip(sketch.base_risk * multiplier + sketch.effect * suspected, 0.0, 1.0)
    held = held_sessions(sketch, risk.reshape(grid[0].shape), first, rng) if sketch.users else None
    bad = rng.binomial(n, risk) if held is None else held.bad
    n, connections = (n, n) if held is None else (held.n, held.connections)
    names = np.array([f"{platform}-{i}" for platform in sketch.platforms for i in range(sketch.hosts)])
    cells = pd.DataFrame(
        {
            "run_id": "sketched",
            "host": names[host],
            "platform": np.repeat(sketch.platforms, sketch.hosts)[host],
            "site": np.array(["north", "south"])[host % 2],
            "minute": FIRST_MINUTE + minute,
            "client": library,
            "event_loop": loop,
            "delay_us": np.array(sketch.delays_us)[delay],
            "mitigation": "none",
            "kind": np.where(np.array(sketch.operations)[operation] == "connect", "connect", "exchange"),
            "operation": np.array(sketch.operations)[operation],
            "by_scenario": "",
            "preface": False,
            "token_expired": False,
            "n": n,
            "connections": connections,
            "bad": bad,
            "residual": bad,
            "n_clean": n,
            "good": n - bad,
            **dict.fromkeys(COUNTS, 0),
        }
    )
    # In a sketch no kernel is asked.
    cells["timeouts"] = cells["may_be_way"] = cells["bad"]
    tables = tables_of(cells[cells["n"] > 0].reset_index(drop=True), rng)
    return tables if held is None else replace(tables, dealt=dealt_sessions(held, cells))
