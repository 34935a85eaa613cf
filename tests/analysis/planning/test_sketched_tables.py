"""Tables that are drawn from a sketch."""

import numpy as np

from analysis.planning.sketch import Sketch
from analysis.planning.sketched_tables import sketched_tables


def test_tables_of_a_sketch_agree_with_each_other() -> None:
    tables = sketched_tables(Sketch(minutes=10), np.random.default_rng(1))
    cells = tables.cells
    assert tables.slots["n"].sum() == tables.instances["n"].sum() == cells["n"].sum()
    assert tables.slots["residual"].sum() == tables.instances["bad"].sum() == cells["residual"].sum()
    assert cells["host"].nunique() == 6
    assert (cells["bad"] <= cells["n"]).all()


def test_the_effect_is_where_it_was_put() -> None:
    tables = sketched_tables(Sketch(suspect="platform", effect=0.1, base_risk=0.0), np.random.default_rng(1))
    by_platform = tables.cells.groupby("platform")[["bad", "n"]].sum()
    assert by_platform["bad"]["Linux"] == 0
    assert abs(by_platform["bad"]["Windows"] / by_platform["n"]["Windows"] - 0.1) < 0.01


def test_clients_run_on_the_loops_of_their_platform_and_one_loop_under_two_names_is_one_arm() -> None:
    clients = ("websocket-client", "websockets-asyncio", "websockets-selector")
    cells = sketched_tables(Sketch(clients=clients), np.random.default_rng(1)).cells
    loops = cells.groupby("platform")["event_loop"].unique().map(set)
    assert loops["Windows"] == {"gevent-libuv", "asyncio-proactor", "asyncio-selector"}
    assert loops["Linux"] == {"gevent-libev", "asyncio-selector"}
    keys = ["host", "minute", "client", "event_loop", "delay_us", "operation"]
    assert not cells.duplicated(keys).any()
    n = cells.groupby("platform")["n"].sum()
    assert abs(n["Windows"] / n["Linux"] - 1) < 0.03


def test_the_same_seed_gives_the_same_tables() -> None:
    one, two = (sketched_tables(Sketch(minutes=5), np.random.default_rng(3)) for _ in range(2))
    assert one.cells.equals(two.cells)
