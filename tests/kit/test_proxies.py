"""What the proxies are told, and what they then do."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.kit.certificates import Authority
from tests.kit.children import NotStarted, echo_server, free_port
from tests.kit.proxies import Haproxy, Nginx, Proxy, proxy_before, why_missing

FOLDER = Path("/kit")


def dial(port: int) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}/ws", proxy=None, compression=None)


def needs(proxy: Proxy) -> None:
    if reason := why_missing(proxy):
        pytest.skip(reason)


def test_nginx_passes_the_upgrade_unless_it_is_told_not_to() -> None:
    passes = Nginx().configuration(8001, 8002, FOLDER)
    assert "listen 127.0.0.1:8001;" in passes
    assert passes.count("proxy_pass http://127.0.0.1:8002;") == 2
    assert "proxy_set_header Upgrade $http_upgrade;" in passes
    assert "proxy_set_header Upgrade" not in Nginx(passes_upgrade=False).configuration(8001, 8002, FOLDER)


def test_nginx_writes_its_access_log_in_the_format_that_is_asked_for() -> None:
    assert "    access_log /kit/access.log;" in Nginx().configuration(8001, 8002, FOLDER)
    own = Nginx(log_format="'$msec'").configuration(8001, 8002, FOLDER)
    assert "    log_format own '$msec';\n    access_log /kit/access.log own;" in own


def test_nginx_has_the_limits_that_are_asked_for() -> None:
    limited = Nginx(read_timeout_s=5, most_connections=6).configuration(8001, 8002, FOLDER)
    assert "proxy_read_timeout 5s;" in limited
    assert "limit_conn address 6;" in limited
    assert "limit_conn address" not in Nginx().configuration(8001, 8002, FOLDER)


def test_the_old_workers_of_nginx_keep_their_sessions_as_long_as_they_are_told() -> None:
    assert "worker_shutdown_timeout 3s;" in Nginx(shutdown_timeout_s=3).configuration(8001, 8002, FOLDER)
    assert "worker_shutdown_timeout" not in Nginx().configuration(8001, 8002, FOLDER)


def test_all_that_nginx_writes_goes_into_its_folder() -> None:
    lines = Nginx().configuration(8001, 8002, FOLDER).splitlines()
    written = [line for line in lines if "_log " in line or "_path " in line or line.startswith("pid ")]
    assert len(written) == 8
    assert all(" /kit/" in line for line in written)


def test_haproxy_checks_the_health_only_where_it_is_asked_to() -> None:
    checks = Haproxy(tunnel_timeout_s=5, checks_health=True).configuration(8001, 8002, FOLDER)
    assert "timeout tunnel 5s" in checks
    assert "option httpchk GET /health" in checks
    assert "server one 127.0.0.1:8002 check inter 500ms fall 2 rise 2" in checks
    assert "check" not in Haproxy().configuration(8001, 8002, FOLDER)


def test_haproxy_has_the_limits_that_are_asked_for() -> None:
    limited = Haproxy(client_timeout_s=5, tunnel_timeout_s=None, most_connections=6, queue_timeout_s=1)
    told = limited.configuration(8001, 8002, FOLDER)
    assert "timeout client 5s\n" in told and "timeout queue 1s\n" in told
    assert "server one 127.0.0.1:8002 maxconn 6\n" in told
    assert "timeout tunnel" not in told
    assert "server one 127.0.0.1:8002\n" in Haproxy().configuration(8001, 8002, FOLDER)


def test_haproxy_asks_for_a_certificate_only_where_it_is_told_to(tmp_path: Path) -> None:
    assert "bind 127.0.0.1:8001\n" in Haproxy().configuration(8001, 8002, FOLDER)
    plain = Haproxy(certificate="/kit/one.pem")
    assert "bind 127.0.0.1:8001 ssl crt /kit/one.pem\n" in plain.configuration(8001, 8002, FOLDER)
    wanted = plain._replace(clients_of="/kit/ca.pem").configuration(8001, 8002, FOLDER)
    assert "ssl crt /kit/one.pem ca-file /kit/ca.pem verify required\n" in wanted


def test_a_client_without_the_certificate_that_haproxy_wants_gets_an_alert(tmp_path: Path) -> None:
    needs(Haproxy())
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    proxy = Haproxy(certificate=str(authority.issue("127.0.0.1")), clients_of=str(authority.ca_file))
    with (
        echo_server("echo", tmp_path) as upstream,
        proxy_before(upstream, proxy, tmp_path) as port,
        socket.create_connection(("127.0.0.1", port)) as tcp,
        context.wrap_socket(tcp, server_hostname="127.0.0.1") as secured,
        pytest.raises(ssl.SSLError, match="certificate required"),
    ):
        secured.recv(1)


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.kit.programs.SYSTEM", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = "nginx is not installed (Debian: apt-get install nginx)."
    assert why_missing(Nginx()) == reason
    with pytest.raises(NotStarted, match="is not installed"), proxy_before(1, Nginx(), tmp_path):
        pass


@pytest.mark.parametrize("proxy", [Nginx(), Haproxy()], ids=lambda proxy: proxy.program)
def test_an_exchange_passes_and_the_proxy_is_gone_afterwards(proxy: Proxy, tmp_path: Path) -> None:
    needs(proxy)
    with (
        echo_server("echo", tmp_path) as upstream,
        proxy_before(upstream, proxy, tmp_path) as port,
        dial(port) as session,
    ):
        session.send('{"id": "1"}')
        assert session.recv() == '{"id": "1"}'
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(
    "proxy",
    [Nginx(read_timeout_s=1), Haproxy(tunnel_timeout_s=1), Haproxy(tunnel_timeout_s=None, client_timeout_s=1)],
    ids=["nginx", "haproxy", "haproxy-client"],
)
def test_a_silent_session_is_ended_without_a_close_frame(proxy: Proxy, tmp_path: Path) -> None:
    needs(proxy)
    with (
        echo_server("echo", tmp_path) as upstream,
        proxy_before(upstream, proxy, tmp_path) as port,
        pytest.raises(ConnectionClosedError, match="no close frame received"),
        dial(port) as session,
    ):
        session.recv(timeout=30)


def test_a_reload_of_nginx_ends_the_sessions_of_the_old_worker_and_new_ones_begin(tmp_path: Path) -> None:
    proxy = Nginx(shutdown_timeout_s=1)
    needs(proxy)
    with echo_server("echo", tmp_path) as upstream, proxy_before(upstream, proxy, tmp_path) as port:
        with pytest.raises(ConnectionClosedError, match="no close frame received"), dial(port) as session:
            session.send("1")
            assert session.recv() == "1"
            proxy.reload(tmp_path)
            session.recv(timeout=30)
        with dial(port) as session:
            session.send("2")
            assert session.recv() == "2"


def test_a_reload_needs_an_nginx_that_runs(tmp_path: Path) -> None:
    needs(Nginx())
    (tmp_path / "nginx.conf").write_text(Nginx().configuration(1, 1, tmp_path), encoding="utf-8")
    with pytest.raises(NotStarted, match="nginx was not reloaded"):
        Nginx().reload(tmp_path)


def test_who_waits_too_long_in_the_queue_of_haproxy_gets_a_503(tmp_path: Path) -> None:
    proxy = Haproxy(most_connections=1, queue_timeout_s=1)
    needs(proxy)
    with (
        echo_server("echo", tmp_path) as upstream,
        proxy_before(upstream, proxy, tmp_path) as port,
        dial(port),
        pytest.raises(InvalidStatus, match="HTTP 503"),
        dial(port),
    ):
        pass


def test_without_the_upgrade_header_the_server_behind_nginx_answers_400(tmp_path: Path) -> None:
    needs(Nginx())
    with (
        echo_server("echo", tmp_path) as upstream,
        proxy_before(upstream, Nginx(passes_upgrade=False), tmp_path) as port,
        pytest.raises(InvalidStatus, match="HTTP 400"),
        dial(port),
    ):
        pass


@pytest.mark.parametrize(("proxy", "status"), [(Nginx(), 502), (Haproxy(), 503)], ids=lambda given: str(given))
def test_a_server_that_is_down_is_answered_for(proxy: Proxy, status: int, tmp_path: Path) -> None:
    needs(proxy)
    with (
        proxy_before(free_port(), proxy, tmp_path) as port,
        pytest.raises(InvalidStatus, match=f"HTTP {status}"),
        dial(port),
    ):
        pass
