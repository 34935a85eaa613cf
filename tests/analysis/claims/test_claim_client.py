from analysis.claims.client import client
from analysis.model import Settings
from analysis.view import view_of
from tests.analysis.tables_by_hand import sketched

THREE = ("websocket-client", "websockets-gevent", "websockets-asyncio")


def found(tables):
    return client(view_of(tables, Settings()))


def test_a_worse_library_is_confirmed_and_named():
    finding = found(sketched(2, suspect="client", effect=0.03, clients=THREE))
    assert finding.state == "confirmed"
    assert "websocket-client/gevent-libev against the others" in finding.evidence


def test_two_clients_are_one_comparison():
    finding = found(sketched(2, suspect="client", effect=0.03))
    assert finding.state == "confirmed"
    assert len(finding.parts) == 1


def test_equal_clients_are_ruled_out():
    assert found(sketched(2, attempts_a_minute=300.0)).state == "ruled_out"


def test_one_client_or_one_host_compares_nothing():
    alone = found(sketched(2, clients=("websocket-client",)))
    assert alone.state == "undecided"
    assert "two clients" in alone.needs.lower()
    lonely = found(sketched(2, hosts=1, platforms=("Linux",), suspect="client", effect=0.05))
    assert lonely.state == "undecided"
    assert "three hosts" in lonely.needs
