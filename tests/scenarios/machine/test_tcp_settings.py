"""Settings as each platform prints them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.machine.tcp_settings import (
    IANA_DYNAMIC,
    TcpSettings,
    linux_settings,
    macos_settings,
    tcp_settings,
    windows_settings,
)


def test_linux_tells_through_proc(tmp_path: Path) -> None:
    (tmp_path / "ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "tcp_syn_retries").write_text("6\n")
    (tmp_path / "tcp_tw_reuse").write_text("2\n")
    assert linux_settings(tmp_path) == TcpSettings((32_768, 60_999), 6, 60.0, "loopback")


def test_what_linux_hides_is_none(tmp_path: Path) -> None:
    assert linux_settings(tmp_path / "nowhere") == TcpSettings(None, None, 60.0, None)


@pytest.mark.parametrize(
    "netsh",
    [
        "Protocol tcp Dynamic Port Range\n---\nStart Port      : 1025\nNumber of Ports : 64510\n",
        "Dynamischer Portbereich des Protokolls TCP\n---\nStartport : 1025\nAnzahl der Ports : 64510\n",
    ],
)
def test_windows_range_is_read_in_any_language(netsh: str) -> None:
    assert windows_settings(netsh, None, None).ephemeral_ports == (1025, 65_534)


@pytest.mark.parametrize("netsh", ["", "Wine: not implemented 5", "error 12 34"])
def test_a_windows_that_does_not_tell_has_the_default_range(netsh: str) -> None:
    assert windows_settings(netsh, 30, 2) == TcpSettings(IANA_DYNAMIC, 2, 30.0, "no")


def test_macos_tells_through_sysctl() -> None:
    assert macos_settings("49152\n65535\n").ephemeral_ports == (49_152, 65_535)
    assert macos_settings("").ephemeral_ports == IANA_DYNAMIC


def test_this_host_has_a_range_to_dial_from() -> None:
    span = tcp_settings().ephemeral_ports
    assert span is None or 0 < span[0] < span[1] < 65_536
