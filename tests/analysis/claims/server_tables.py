"""Runs, as small tables, in which something is the server's, or looks like it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.model import Finding
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_rows
from analysis.simulation.design import Design
from analysis.simulation.sessions import Sessions
from analysis.simulation.simulate import chunks
from analysis.simulation.world import World
from analysis.stats.groups import Bools, Floats
from tests.analysis.deciding import found_alone
from tests.analysis.tables_by_hand import with_cells

SHORT = {
    "minutes": 2,
    "hosts": 1,
    "platforms": ("Linux",),
    "clients": ("websocket-client",),
    "delays_us": (0,),
    "attempts_a_minute": 1500.0,
}


def server(tables: Tables) -> Finding:
    return found_alone(tables, "server")


def answered(tables: Tables, share: float = 0.05, /, **only: str) -> Tables:
    """A share of the connects is refused by the server itself, evenly."""
    rng = np.random.default_rng(1)
    inside = tables.cells["kind"] == "connect"
    for column, value in only.items():
        inside &= tables.cells[column] == value
    hit = np.where(inside, rng.binomial(tables.cells["n"], share), 0)
    cells = tables.cells.assign(explicit=hit, bad=np.maximum(hit, tables.cells["bad"]))
    slots = tables.slots
    return replace(tables, cells=cells, slots=slots)


def outages(
    tables: Tables, starts: Iterable[int], length: int = 3, group: str = "host", names: Sequence[str] | None = None
) -> Tables:
    """Everybody (or the hosts named) fails in some slots."""
    slots = tables.slots
    rank = slots["slot"] - FIRST_MINUTE * 6
    hit = np.zeros(len(slots), dtype=bool)
    for start in starts:
        hit |= (rank >= start).to_numpy() & (rank < start + length).to_numpy()
    if names is not None:
        hit &= slots[group].isin(names).to_numpy()
    lost = np.where(hit, (0.8 * slots["n"]).astype(int), slots["bad"])
    lost = np.maximum(lost, slots["bad"])
    return replace(tables, slots=slots.assign(bad=lost, residual=lost))


def simulated(
    strike: Callable[[Sessions], None],
    *,
    windows: Callable[[Design, np.random.Generator], Floats] | None = None,
    **given: Any,
) -> Tables:
    """The small tables of a simulated run in which `strike` is what goes wrong."""
    world = World(name="x", title="x", strike=strike, windows=windows)
    design = world.design(seed=1, rows=20_000, hosts=4, **given)
    return reduce(open_rows(pa.concat_tables(chunks(world, design)).unify_dictionaries()))


def at_first_site(sessions: Sessions) -> Bools:
    first: Bools = sessions.scene.host_site[sessions.host] == 0
    return first


def with_sites(tables: Tables, site: str | None) -> Tables:
    frames = {name: getattr(tables, name).assign(site=site) for name in ("cells", "slots", "sites")}
    return replace(tables, **frames)


def probes(tables: Tables, bad: int = 0) -> Tables:
    rows = [
        {"host": h, "platform": p, "site": s, "slot": FIRST_MINUTE * 6 + t, "operation": o, "n": 1, "bad": bad}
        for p, h, s in tables.sites[["platform", "host", "site"]].itertuples(index=False)
        for t in range(360)
        for o in ("tcp", "health")
    ]
    return replace(tables, probes=pd.DataFrame(rows))


def kept_silent(tables: Tables, share: float = 0.05, asked: bool = True, **only: str | int) -> Tables:
    """A share of the attempts runs out while the server answers pings, in the cells that `only` names."""
    cells = tables.cells
    inside = np.ones(len(cells), dtype=bool)
    for column, value in only.items():
        inside &= (cells[column] == value).to_numpy()
    hit = np.where(inside, np.random.default_rng(1).binomial(cells["n"] - cells["bad"], share), 0)
    more = {name: cells[name] + hit for name in ("bad", "timeouts", "residual")}
    silent = more["residual"]
    known = {"unanswered": hit, "checked": silent} if asked else {"unasked": silent}
    return with_cells(tables, **more, **known)
