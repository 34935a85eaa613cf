"""Limits of age: whose sessions they end."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.reduction.tables import Tables
from tests.analysis.claims.server_tables import server
from tests.analysis.tables_by_hand import sketched

CLIENTS = (
    ("websocket-client", "gevent-libuv", "gevent-libev"),
    ("websockets-asyncio", "asyncio-proactor", "asyncio-selector"),
)


def holds(
    limit_s: float | None,
    hosts: Sequence[str] = ("Windows-0", "Linux-0"),
    met_by: Callable[[dict[str, Any]], bool] = lambda row: True,
) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(1500):
        host = hosts[int(rng.integers(len(hosts)))]
        planned = rng.uniform(60, 900)
        row = {
            "host": host,
            "platform": host.split("-")[0],
            "chunk_minute": FIRST_MINUTE + int(rng.integers(60)),
            "parity": int(rng.integers(2)),
            "idle_bin": None,
            "silence_bin": None,
            "delay_us": float(rng.choice([0, 160_000, 320_000])),
            "n": 1,
        }
        library, *loops = CLIENTS[rng.integers(len(CLIENTS))]
        row |= {"client": library, "event_loop": loops[row["platform"] == "Linux"]}
        lasts_s = planned if limit_s is None or not met_by(row) else min(planned, limit_s)
        cut = lasts_s < planned
        how = {
            "by_peer": cut,
            "died": cut,
            "duration_bin": int(lasts_s / 0.5),
            "end_s": float(60 * FIRST_MINUTE + rng.integers(3600)) if cut else None,
            "cause": "server_closed" if cut else None,
            "close_code": 1000 if cut else None,
        }
        rows.append(row | how)
    return pd.DataFrame(rows)


def reached(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each arm the sessions that the peer did not end."""
    spared = frame[~frame["by_peer"]].assign(of="age", bin=lambda rows: rows["duration_bin"])
    return spared.groupby(["client", "event_loop", "delay_us", "of", "bin"], as_index=False)[["n"]].sum()


def with_holds(tables: Tables, frame: pd.DataFrame) -> Tables:
    return replace(tables, holds=frame, reached=reached(frame))


def test_a_cut_at_a_fixed_age_is_the_servers() -> None:
    finding = server(with_holds(sketched(1), holds(600.0)))
    assert finding.state == "confirmed"
    assert "of age" in finding.evidence
    assert server(with_holds(sketched(1), holds(None))).state != "confirmed"


def test_a_cut_that_only_one_of_several_hosts_sees_is_not() -> None:
    finding = server(with_holds(sketched(1), holds(600.0, hosts=("Windows-0",))))
    assert finding.parts["an age limit"].state != "confirmed"


ALL_HOSTS = tuple(f"{platform}-{number}" for platform in ("Windows", "Linux") for number in range(3))


@pytest.mark.parametrize(
    ("met_by", "who"),
    [
        (lambda row: row["platform"] == "Windows", "platform Windows"),
        (lambda row: row["host"] in ("Windows-0", "Windows-2", "Linux-1"), "site north"),
        (
            lambda row: row["client"] == "websockets-asyncio",
            "client websockets-asyncio/asyncio-proactor and websockets-asyncio/asyncio-selector",
        ),
        (lambda row: row["delay_us"] > 0, "delay 160 ms and 320 ms"),
    ],
    ids=["platform", "site", "client", "delay"],
)
def test_a_limit_that_a_side_is_spared_is_not_the_servers_and_says_who_met_it(
    met_by: Callable[[dict[str, Any]], bool], who: str
) -> None:
    finding = server(with_holds(sketched(1), holds(600.0, ALL_HOSTS, met_by)))
    assert finding.state == "undecided"
    assert f"only sessions of {who} met it" in finding.evidence
    assert "a proxy of the site" in finding.needs
    assert server(with_holds(sketched(1), holds(600.0, ALL_HOSTS))).state == "confirmed"


def test_a_limit_that_one_platform_met_while_hardly_any_session_of_the_other_reached_it_is_not_told() -> None:
    hosts = ("Windows-0", "Windows-1") * 40 + ("Linux-0",)
    frame = holds(600.0, hosts)
    early = (frame["platform"] == "Windows") | (frame["duration_bin"] < 1000)
    finding = server(with_holds(sketched(1), frame[early].reset_index(drop=True)))
    assert finding.parts["an age limit"].state != "confirmed"
