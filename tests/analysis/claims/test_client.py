import pytest

from analysis.claims.client import client, client_arms
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from tests.analysis.tables_by_hand import only, sketched
from tests.typed import known

THREE = ("websocket-client", "websockets-gevent", "websockets-asyncio")


def found(tables: Tables) -> Finding:
    return client(view_of(tables, Criteria()))


def test_a_worse_library_is_confirmed_and_named() -> None:
    finding = found(sketched(2, suspect="client", effect=0.03, clients=THREE))
    assert finding.state == "confirmed"
    assert "websocket-client/gevent against the others" in finding.evidence


def test_a_library_is_compared_on_each_loop_and_on_its_family_over_all_platforms() -> None:
    view = view_of(sketched(2, clients=THREE), Criteria())
    names = [arm.name for arm in client_arms(view)]
    assert "websocket-client/gevent-libuv" in names and "websocket-client/gevent-libev" in names
    assert {"websocket-client/gevent", "websockets-gevent/gevent", "websockets-asyncio/asyncio"} <= set(names)
    assert len(names) == 9
    # With one name of a loop on all platforms there is nothing more to compare.
    assert len(client_arms(view_of(sketched(2, clients=THREE, platforms=("Linux", "macOS")), Criteria()))) == 3


def test_what_one_platforms_loop_does_is_told_from_its_hosts_alone() -> None:
    finding = found(sketched(1, suspect="loop", effect=0.05, clients=THREE, hosts=6))
    assert finding.state == "confirmed"
    assert "websockets-asyncio/asyncio-proactor against the others" in finding.evidence
    assert finding.parts["websockets-asyncio/asyncio-selector against the others"].state == "ruled_out"


def test_two_clients_are_one_comparison() -> None:
    finding = found(sketched(2, suspect="client", effect=0.03, platforms=("Linux", "macOS")))
    assert finding.state == "confirmed"
    assert list(finding.parts) == [
        "websocket-client/gevent-libev against websockets-asyncio/asyncio-selector",
    ]


def test_two_clients_on_two_platforms_loops_are_one_comparison_of_each_and_one_of_both() -> None:
    finding = found(sketched(2, suspect="client", effect=0.03))
    assert finding.state == "confirmed"
    assert list(finding.parts) == [
        "websocket-client/gevent-libev against websockets-asyncio/asyncio-selector",
        "websocket-client/gevent-libuv against websockets-asyncio/asyncio-proactor",
        "websocket-client/gevent against websockets-asyncio/asyncio",
    ]


def test_half_of_the_error_rate_is_for_what_a_library_does_on_all_platforms() -> None:
    finding = found(sketched(2, suspect="client", effect=0.012, clients=THREE))
    assert "websocket-client/gevent against" in finding.evidence
    of_all = known(finding.parts["websocket-client/gevent against the others"].p_value)
    assert finding.p_value == pytest.approx(6 * of_all)
    alone = found(sketched(2, suspect="client", effect=0.012, clients=THREE, platforms=("Linux", "macOS")))
    held = [known(part.p_value) for name, part in alone.parts.items() if name.endswith("against the others")]
    assert alone.p_value == pytest.approx(len(held) * min(held))


def test_hosts_that_cannot_run_a_client_are_no_blocks_of_time() -> None:
    few = sketched(2, clients=THREE, platforms=("Windows", *(f"Linux-{n}" for n in range(4))))
    named = {check.name: check.ok for check in found(few).checks}
    assert all(ok for name, ok in named.items() if name.startswith("arms interleaved"))


def test_clients_of_a_single_windows_host_are_not_ruled_out_with_the_others() -> None:
    tables = sketched(2, attempts_a_minute=600.0, clients=THREE)
    alone = only(tables, lambda frame: (frame["platform"] != "Windows") | (frame["host"] == "Windows-0"))
    finding = found(alone)
    assert finding.state == "undecided"
    assert "Not compared: websocket-client/gevent-libuv" in finding.evidence


def test_equal_clients_are_ruled_out() -> None:
    assert found(sketched(2, attempts_a_minute=300.0)).state == "ruled_out"


def test_one_client_or_one_host_compares_nothing() -> None:
    alone = found(sketched(2, clients=("websocket-client",)))
    assert alone.state == "undecided"
    assert "two clients" in alone.needs.lower()
    lonely = found(sketched(2, hosts=1, platforms=("Linux",), suspect="client", effect=0.05))
    assert lonely.state == "undecided"
    assert "three hosts" in lonely.needs
