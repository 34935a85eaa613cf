"""The router's rules as text."""

from __future__ import annotations

import pytest

from tests.kit.trouble import (
    BLACKHOLE,
    DEAF_CLIENT,
    DEAF_SERVER,
    FORGETS,
    HEALTHY,
    LOSS,
    LOST_ANSWERS,
    REFUSED,
    RESET,
    Trouble,
)

ALL = (HEALTHY, LOSS, LOST_ANSWERS, BLACKHOLE, DEAF_SERVER, DEAF_CLIENT, RESET, REFUSED, FORGETS)


def rules_of(trouble: Trouble) -> list[str]:
    """What is done to a packet, without the rule that only keeps track of connections."""
    lines = [line.strip() for line in trouble.script().splitlines()]
    start = lines.index("type filter hook forward priority filter; policy accept;") + 2
    return lines[start : lines.index("}", start)]


@pytest.mark.parametrize("trouble", ALL, ids=range(len(ALL)))
def test_a_trouble_takes_the_place_of_the_one_before_and_connections_are_known_throughout(trouble: Trouble) -> None:
    script = trouble.script()
    assert script.startswith("table inet way\ndelete table inet way\ntable inet way {\n")
    assert script.count("{") == script.count("}")
    assert script.index("ct state invalid counter\n") < min(map(script.index, rules_of(trouble)), default=len(script))
    assert trouble.settings["net.ipv4.ip_forward"] == 1


def test_a_healthy_way_drops_and_refuses_nothing() -> None:
    assert rules_of(HEALTHY) == []


def test_a_direction_is_named_by_the_port_that_packets_come_in_at() -> None:
    assert rules_of(DEAF_SERVER) == ['iifname "client" drop']
    assert rules_of(DEAF_CLIENT) == ['iifname "server" drop']


def test_of_lost_answers_nothing_is_lost_that_goes_to_the_server() -> None:
    assert rules_of(LOST_ANSWERS) == ['iifname "server" meta length > 80 numgen random mod 100 < 5 drop']


def test_only_the_first_packet_of_a_connection_is_refused() -> None:
    assert rules_of(REFUSED) == ['iifname "client" tcp flags & (syn | ack) == syn reject with tcp reset']


def test_a_firewall_that_forgets_takes_no_packet_for_the_start_of_a_connection_but_a_syn() -> None:
    assert rules_of(FORGETS) == ["ct state invalid drop"]
    assert FORGETS.settings["net.netfilter.nf_conntrack_tcp_loose"] == 0
    assert FORGETS.settings["net.netfilter.nf_conntrack_tcp_timeout_established"] == 5
