import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.planning.sketch import Sketch, sketched_tables


def test_tables_of_a_sketch_agree_with_each_other():
    tables = sketched_tables(Sketch(minutes=10), np.random.default_rng(1))
    cells = tables.cells
    assert tables.slots["n"].sum() == tables.instances["n"].sum() == cells["n"].sum()
    assert tables.slots["residual"].sum() == tables.instances["bad"].sum() == cells["residual"].sum()
    assert cells["host"].nunique() == 6
    assert (cells["bad"] <= cells["n"]).all()


def test_the_effect_is_where_it_was_put():
    tables = sketched_tables(Sketch(suspect="platform", effect=0.1, base_risk=0.0), np.random.default_rng(1))
    by_platform = tables.cells.groupby("platform")[["bad", "n"]].sum()
    assert by_platform.loc["Linux", "bad"] == 0
    assert abs(by_platform.loc["Windows", "bad"] / by_platform.loc["Windows", "n"] - 0.1) < 0.01


def test_clients_run_on_the_loops_of_their_platform_and_one_loop_under_two_names_is_one_arm():
    clients = ("websocket-client", "websockets-asyncio", "websockets-selector")
    cells = sketched_tables(Sketch(clients=clients), np.random.default_rng(1)).cells
    loops = cells.groupby("platform")["event_loop"].unique().map(set)
    assert loops["Windows"] == {"gevent-libuv", "asyncio-proactor", "asyncio-selector"}
    assert loops["Linux"] == {"gevent-libev", "asyncio-selector"}
    keys = ["host", "minute", "client", "event_loop", "delay_us", "operation"]
    assert not cells.duplicated(keys).any()
    n = cells.groupby("platform")["n"].sum()
    assert abs(n["Windows"] / n["Linux"] - 1) < 0.03


def test_the_same_seed_gives_the_same_tables():
    one, two = (sketched_tables(Sketch(minutes=5), np.random.default_rng(3)) for _ in range(2))
    assert one.cells.equals(two.cells)


SESSIONS = Sketch(minutes=60, users=20, hosts=2, effect=0.0, base_risk=0.02, host_sd=0.0, minute_sd=0.0)


@pytest.mark.parametrize("session_s", [30.0, 180.0, 900.0, math.inf])
def test_sessions_make_as_many_attempts_and_connections_as_they_promise(session_s):
    sketch = replace(SESSIONS, session_s=session_s)
    tables = sketched_tables(sketch, np.random.default_rng(1))
    cells, dealt = tables.cells, tables.dealt
    connects = cells[cells["kind"] == "connect"]
    hosts = cells["host"].nunique()
    assert dealt["n"].sum() == cells["n"].sum()
    assert dealt["x_unexplained"].sum() == cells["bad"].sum()
    assert dealt[dealt["kind"] == "connect"]["m"].sum() == connects["n"].sum()
    assert connects["n"].sum() / hosts == pytest.approx(sketch.sessions, rel=0.08)
    assert cells["n"].sum() / hosts / sketch.minutes == pytest.approx(sketch.attempts_a_minute, rel=0.05)
    assert cells["bad"].sum() / cells["n"].sum() == pytest.approx(sketch.base_risk, rel=0.4)
    assert (cells["connections"] <= cells["n"]).all()


@pytest.mark.parametrize("session_s", [60.0, 180.0, 900.0, math.inf])
def test_the_design_effect_is_the_one_that_the_tables_show(session_s):
    sketch = replace(SESSIONS, session_s=session_s, connection_sd=0.6, hosts=10, platforms=("Linux",))
    exchanges, attempts = [], []
    for rng in np.random.default_rng(1).spawn(20):
        dealt = sketched_tables(sketch, rng).dealt
        one = dealt[dealt["kind"] == "exchange"].sum(numeric_only=True)
        p = one["x_unexplained"] / one["n"]
        squares = one["xx_unexplained"] - 2 * p * one["nx_unexplained"] + p**2 * one["nn"]
        exchanges.append(squares / (one["n"] * p * (1 - p)))
        attempts.append(one["nn"] / one["n"])
    assert np.mean(exchanges) == pytest.approx(sketch.design_effect, rel=0.06)
    alike = sketch.base_risk / (1 - sketch.base_risk) * math.expm1(sketch.connection_sd**2)
    assert np.mean(attempts) == pytest.approx(1 + (sketch.design_effect - 1) / alike, rel=0.05)


def test_a_connection_of_its_own_for_each_attempt_shares_nothing():
    assert Sketch().design_effect == 1.0
    # On both sides of where the series takes over.
    one, two = (replace(SESSIONS, session_s=36e6 * factor).design_effect for factor in (0.999, 1.001))
    assert one == pytest.approx(two, rel=1e-5)
