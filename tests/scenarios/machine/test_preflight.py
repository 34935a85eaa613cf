"""Plans against made-up machines, and this machine's own limits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.machine.preflight import Demand, Limits, free_memory_bytes, refusals, require
from scenarios.machine.tcp_settings import TcpSettings

LINUX = Limits(
    platform="Linux",
    descriptors=1_024,
    tcp=TcpSettings((32_768, 60_999), 6, 60.0, "loopback"),
    memory_bytes=4 * 2**30,
)
WINDOWS = Limits(
    platform="Windows",
    select_loops=frozenset({"asyncio-selector", "gevent-libev"}),
    select_sockets=512,
    tcp=TcpSettings((49_152, 65_535), None, 120.0, "no"),
    memory_bytes=4 * 2**30,
)


def test_a_plan_that_fits_is_not_refused() -> None:
    require(Demand(connections=900, starts_per_s=100.0), LINUX)


def test_too_few_descriptors_name_the_need_and_the_way_out() -> None:
    (sentence,) = refusals(Demand(connections=1000), LINUX)
    assert sentence.startswith("1000 connections need 1080 open files in a worker, but a process may have 1024: ")
    assert "ulimit -Hn 1080" in sentence


def test_the_relay_needs_two_for_each() -> None:
    (sentence,) = refusals(Demand(connections=500, through_relay=True), LINUX)
    assert "1080 open files in the relay" in sentence


def test_the_relay_serves_all_processes_of_the_machine() -> None:
    demand = Demand(connections=100, machine_connections=400, through_relay=True)
    assert refusals(demand, LINUX) == []
    assert "in the relay" in refusals(replace(demand, machine_connections=800), LINUX)[0]


def test_a_loop_on_select_has_room_for_fewer_on_windows() -> None:
    fits = Demand(connections=400, by_loop={"gevent-libev": 400})
    assert refusals(fits, WINDOWS) == []
    (sentence,) = refusals(Demand(connections=600, by_loop={"gevent-libev": 500, "asyncio-proactor": 600}), WINDOWS)
    assert "500 connections on the event loop gevent-libev do not fit" in sentence
    assert "512 sockets" in sentence and "--client websockets-proactor" in sentence


def test_churn_fills_the_ports_with_time_wait() -> None:
    roomy = replace(LINUX, descriptors=None)
    fits = Demand(connections=300, starts_per_s=400.0)
    assert refusals(fits, roomy) == []
    (sentence,) = refusals(replace(fits, starts_per_s=500.0), roomy)
    assert "30300 local ports" in sentence and "500 new ones a second, each 60 s in TIME_WAIT" in sentence
    assert "ip_local_port_range" in sentence


def test_linux_takes_ports_over_on_loopback() -> None:
    assert (
        refusals(Demand(connections=300, starts_per_s=5000.0, is_loopback=True), replace(LINUX, descriptors=None)) == []
    )


def test_windows_has_fewer_ports_and_keeps_them_longer() -> None:
    (sentence,) = refusals(Demand(connections=100, starts_per_s=140.0), WINDOWS)
    assert "netsh int ipv4 set dynamicport" in sentence


def test_too_little_memory() -> None:
    poor = replace(LINUX, memory_bytes=200 * 2**20)
    assert refusals(Demand(connections=100), poor) == []
    (sentence,) = refusals(Demand(connections=100, is_tls=True), poor)
    assert "need about 162 MB, but only 200 MB are free" in sentence


@given(
    st.integers(1, 10**6),
    st.none() | st.floats(0.0, 1e5),
    st.booleans(),
    st.booleans(),
)
def test_what_a_platform_does_not_tell_is_not_judged(
    connections: int, starts_per_s: float | None, tls: bool, relayed: bool
) -> None:
    demand = Demand(connections=connections, starts_per_s=starts_per_s, is_tls=tls, through_relay=relayed)
    assert refusals(demand, Limits(platform="Haiku")) == []


@given(st.integers(1, 100_000), st.integers(0, 100_000))
def test_a_larger_plan_never_fits_where_a_smaller_one_did_not(connections: int, more: int) -> None:
    small = refusals(Demand(connections=connections, by_loop={"gevent-libev": connections}), WINDOWS)
    large = refusals(Demand(connections=connections + more, by_loop={"gevent-libev": connections + more}), WINDOWS)
    assert len(large) >= len(small)


def test_the_first_refusal_is_raised() -> None:
    with pytest.raises(ConfigError, match="open files"):
        require(Demand(connections=10**6), LINUX)


def test_a_container_may_use_what_its_limit_leaves(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path, 1000) == 1000
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory_bytes(tmp_path, 1000) == 1000
    (tmp_path / "memory.max").write_text("500\n")
    assert free_memory_bytes(tmp_path, 1000) == 200


def test_this_machine_holds_a_small_plan() -> None:
    program = (
        "from scenarios.machine.preflight import Demand, machine_limits, refusals\n"
        "limits = machine_limits()\n"
        "demand = Demand(connections=10, by_loop={'gevent-libev': 10})\n"
        "print(limits.platform, limits.memory_bytes > 0, refusals(demand, limits))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split()[1:] == ["True", "[]"]
