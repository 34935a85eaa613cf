"""What is refused before the first connection, and by which numbers."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from scenarios.control.checks import (
    check_baseline,
    check_clients,
    check_faults,
    check_metrics,
    check_plan,
    check_seats,
    check_server_log,
    check_target,
)
from scenarios.credentials.jwt import Minter, key_from_text
from scenarios.errors import ConfigError
from scenarios.options import settings_from
from scenarios.plan import Token
from scenarios.protocol import Credentials, Echo
from tests.scenarios.kit.certificates import make_certificate
from tests.typed import known

SECRET = "a-secret-of-the-tests-with-32-bytes-or-more"


@pytest.fixture
def with_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOAK_JWT_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)  # where a stand-in's secret would be made


def checked(*, is_standin: bool = False, **options: Any) -> None:
    check_plan(settings_from(options), users=1, workers=1, is_standin=is_standin)


def test_a_taken_port_for_metrics_is_refused_and_a_free_one_is_left_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = settings_from({"prometheus_port": str(taken.getsockname()[1])})
        with pytest.raises(ConfigError, match=r"--prometheus-port 127\.0\.0\.1:\d+ cannot be listened on \(.+\): name"):
            check_metrics(settings)
    for _ in range(2):
        check_metrics(settings)
    check_metrics(settings_from({}))


def test_an_address_for_metrics_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(ConfigError, match="--prometheus-port 192.0.2.1:9464 cannot be listened on"):
        check_metrics(settings_from({"prometheus_port": "192.0.2.1:9464"}))


def test_metrics_without_their_library_are_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"needs the library prometheus-client.*pip install -r requirements\.txt"):
        check_metrics(settings_from({"prometheus_port": "9464"}))


def test_otel_without_its_packages_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(ConfigError, match=r"^--otel needs .*: pip install 'locust\[otel\]', or leave"):
        check_metrics(settings_from({}), has_otel=True)


def test_otel_to_nowhere_that_there_is_is_refused_in_the_stores_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "pigeon")
    with pytest.raises(ConfigError, match="^--otel: OTEL_METRICS_EXPORTER names 'pigeon', and there are"):
        check_metrics(settings_from({}), has_otel=True)


def test_as_many_users_as_the_subjects_may_hold_are_let_through() -> None:
    check_seats(50, 20, users=1000, workers=1)
    check_seats(60, 20, users=1200, workers=12)


def test_one_user_more_than_that_is_refused_with_the_number_it_takes() -> None:
    with pytest.raises(ConfigError, match=r"^61 users .* 3 subjects with --connections-per-subject 20 allow 60: .* 4 "):
        check_seats(3, 20, users=61, workers=1)


def test_workers_share_the_subjects() -> None:
    # 12 workers have 4 subjects each, with 20 connections: 80 of the 100 that each would need.
    with pytest.raises(ConfigError, match=r"100 connections at once on each of 12 workers.* allow 80: .* 60 or more"):
        check_seats(50, 20, users=1200, workers=12)


def test_the_stand_in_judges_its_faults_and_quirks_itself() -> None:
    check_faults(settings_from({"fault": "quota:limit=5", "standin_quirks": "first_stall,connect_cost"}))
    with pytest.raises(
        ConfigError, match=r"--standin-quirks: there is no quirk 'first_stal' \(did you mean first_stall\?\)"
    ):
        check_faults(settings_from({"standin_quirks": "first_stal"}))


def test_a_servers_log_is_tried_before_the_soak(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("")
    check_server_log(settings_from({"server_log": [str(log)], "server_log_format": ["nginx", "json"]}))
    with pytest.raises(ConfigError, match=r"--server-log: .*nowhere.log cannot be read"):
        check_server_log(settings_from({"server_log": [str(tmp_path / "nowhere.log")]}))
    with pytest.raises(ConfigError, match=r"--server-log: The log format 'apache' is not known"):
        check_server_log(settings_from({"server_log": [str(log)], "server_log_format": ["apache"]}))
    with pytest.raises(ConfigError, match="--server-log-format is of no log"):
        check_server_log(settings_from({"server_log_format": ["nginx"]}))


def test_a_baseline_that_is_no_run_is_refused_before_the_soak(tmp_path: Path) -> None:
    check_baseline(settings_from({}))
    with pytest.raises(ConfigError, match=r"^--baseline: .*nowhere is no folder"):
        check_baseline(settings_from({"baseline": str(tmp_path / "nowhere")}))
    with pytest.raises(ConfigError, match=r"--baseline compares verdicts, and --no-analysis makes none"):
        check_baseline(settings_from({"baseline": "reports/x", "no_analysis": True}))


@pytest.mark.parametrize("option", ["fault", "standin_quirks"])
def test_what_belongs_to_the_stand_in_is_refused_for_another_target(option: str) -> None:
    with pytest.raises(ConfigError, match="belongs to the embedded stand-in"):
        check_target("ws://127.0.0.1:9/ws", settings_from({option: "zombie"}), is_standin=False)


def test_a_client_that_is_not_there_is_refused_by_name() -> None:
    check_clients(settings_from({"client": "websocket-client,websockets-selector"}))
    missing = "websockets-uvloop" if sys.platform == "win32" else "websockets-proactor"
    with pytest.raises(ConfigError, match=f"--client {missing} needs"):
        check_clients(settings_from({"client": missing}))


@pytest.mark.usefixtures("with_a_secret")
def test_a_request_that_the_protocol_does_not_have_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as refusal:
        checked(operations="ping=3,agent_updat=1")
    sentence = str(refusal.value)
    assert sentence.startswith("--operations 'agent_updat' is not known: did you mean 'agent_update'? Use one of ")
    assert "agent_request" in sentence and "protocol_ping" in sentence and "\n" not in sentence


@pytest.mark.usefixtures("with_a_secret")
def test_requests_that_are_never_answered_and_pings_of_the_websocket_may_be_asked_for() -> None:
    checked(operations="agent_request,jsonrpc_request,protocol_ping")


@pytest.mark.usefixtures("with_a_secret")
def test_a_session_can_be_made_mute_only_by_a_request_that_the_protocol_has() -> None:
    checked(scenario="mute")
    with pytest.raises(ConfigError, match="--scenario mute needs .* start_agent_unrouted, .* echo names none"):
        checked(scenario="mute", protocol="echo")


@pytest.mark.usefixtures("with_a_secret")
@pytest.mark.parametrize("suite", ["p1", "p1_naive"])
def test_the_seed_s_suite_is_for_its_own_target_with_a_token_and_a_health_page(suite: str) -> None:
    checked(scenario=suite)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"protocol": "echo"}, f"--scenario {suite} checks what the staging server promises, and --protocol is 'echo'"),
        ({"token_source": "none"}, f"--scenario {suite} connects with a token and without one"),
        ({"health_path": "off"}, f"--scenario {suite} asks for the health page"),
    ]
    for options, sentence in refused:
        with pytest.raises(ConfigError, match=sentence):
            checked(scenario=suite, **options)


@pytest.mark.usefixtures("with_a_secret")
def test_a_protocol_that_names_no_requests_takes_any_word() -> None:
    checked(operations="whatever", protocol="echo", scenario="steady")


@pytest.mark.usefixtures("with_a_secret")
def test_a_token_travels_in_a_message_only_where_the_protocol_says_it_first() -> None:
    usual: dict[str, Any] = {"token_transport": "message", "scenario": "steady", "operations": "hello"}
    checked(protocol="socketio", **usual)
    checked(protocol="json", opening='{"type":"auth","token":"{token}"}', **usual)
    silents: list[dict[str, Any]] = [{"protocol": "echo"}, {"protocol": "json"}, {"protocol": "json", "opening": "{}"}]
    for silent in silents:
        with pytest.raises(ConfigError, match="--token-transport message needs a protocol class that says its token"):
            checked(**silent, **usual)


@pytest.mark.usefixtures("with_a_secret")
def test_how_messages_are_named_is_for_one_protocol_and_refused_for_others() -> None:
    checked(protocol="json", welcome_type="hello", scenario="steady")
    with pytest.raises(ConfigError, match=r"--welcome-type and --opening .* --protocol is 'echo'"):
        checked(protocol="echo", welcome_type="hello", scenario="steady")


def test_an_opening_is_json_as_all_messages_of_its_protocol() -> None:
    usual: dict[str, Any] = {"protocol": "json", "scenario": "steady", "token_source": "none"}
    checked(opening='{"token":"{token}"}', **usual)
    for opening in ("hello", '{"token":{token}}'):
        with pytest.raises(ConfigError, match="--opening must be JSON"):
            checked(opening=opening, **usual)


@pytest.mark.usefixtures("with_a_secret")
def test_certificates_that_can_be_read_are_let_through(tmp_path: Path) -> None:
    make_certificate(tmp_path / "key.pem", tmp_path / "ca.pem")
    checked(ca_file=tmp_path / "ca.pem")


@pytest.mark.usefixtures("with_a_secret")
@pytest.mark.parametrize("is_standin", [False, True])
def test_certificates_that_cannot_be_read_are_refused_before_the_first_connection(
    tmp_path: Path, is_standin: bool
) -> None:
    (tmp_path / "prose").write_text("no certificate\n")
    for file, says in (("missing", "No such file"), ("prose", "no certificate"), (".", "cannot be read")):
        with pytest.raises(ConfigError, match=f"^--ca-file .*{says}") as refusal:
            checked(ca_file=tmp_path / file, is_standin=is_standin)
        assert tmp_path.name in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.usefixtures("with_a_secret")
def test_a_certificate_of_ones_own_is_let_through_with_its_key_in_one_file_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path / "key", tmp_path / "cert")
    (tmp_path / "both").write_bytes((tmp_path / "cert").read_bytes() + (tmp_path / "key").read_bytes())
    checked(client_cert=tmp_path / "both")
    checked(client_cert=tmp_path / "cert", client_key=tmp_path / "key")
    locked(tmp_path / "key", tmp_path / "locked")
    monkeypatch.setenv("SOAK_CLIENT_KEY_PASSPHRASE", "hidden-word")
    checked(client_cert=tmp_path / "cert", client_key=tmp_path / "locked")


def locked(key: Path, copy: Path) -> None:
    """The same key behind the passphrase hidden-word."""
    plain = load_pem_private_key(key.read_bytes(), None)
    copy.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hidden-word")))


@pytest.mark.usefixtures("with_a_secret")
def test_a_certificate_of_ones_own_that_cannot_serve_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path / "key", tmp_path / "cert")
    make_certificate(tmp_path / "other", tmp_path / "others")
    (tmp_path / "prose").write_text("no certificate\n")
    locked(tmp_path / "key", tmp_path / "locked")
    monkeypatch.setenv("SOAK_CLIENT_KEY_PASSPHRASE", "hidden")
    for certificate, key, says in (
        ("missing", "key", r"^--client-cert .*missing' cannot be read \(No such file"),
        ("cert", "missing", r"^--client-key .*missing' cannot be read \(No such file"),
        ("cert", "other", "--client-key .*other': the key is another certificate's"),
        ("cert", "locked", "the key has a passphrase, so set it in SOAK_CLIENT_KEY_PASSPHRASE"),
        ("prose", "key", "there is no certificate with its key"),
        ("cert", "prose", "there is no certificate with its key"),
        ("cert", "", "there is no certificate with its key"),
    ):
        with pytest.raises(ConfigError, match=says) as refusal:
            checked(client_cert=tmp_path / certificate, client_key=str(tmp_path / key) if key else "")
        assert "hidden" not in str(refusal.value) and "\n" not in str(refusal.value)
    with pytest.raises(ConfigError, match="--client-key .* is the key of a certificate"):
        checked(client_key=tmp_path / "key")


@pytest.mark.usefixtures("with_a_secret")
def test_a_secrets_file_is_read_for_the_stand_in_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOAK_JWT_SECRET")
    with pytest.raises(ConfigError, match="--jwt-key-file .*missing.* cannot be read"):
        checked(jwt_key_file=tmp_path / "missing", is_standin=True)
    (tmp_path / "secret").write_text(SECRET)
    checked(jwt_key_file=tmp_path / "secret", is_standin=True)


@pytest.mark.usefixtures("with_a_secret")
def test_a_file_whose_tokens_have_all_expired_is_refused(tmp_path: Path) -> None:
    minter = Minter(key_from_text("HS256", SECRET, source="the test"), issuer="i", ttl_s=60.0)
    old, new = (minter.fetch("s", time.time() - ago_s).value for ago_s in (3600.0, 0.0))
    file = tmp_path / "tokens"
    file.write_text(old)
    with pytest.raises(ConfigError, match=f"--token-source: .*{file.name}.* expired") as refusal:
        checked(token_source=f"file:{file}")
    assert old not in str(refusal.value)
    file.write_text(f"{old}\n{new}\n")
    checked(token_source=f"file:{file}")


def test_a_server_without_authentication_needs_no_key_and_no_option_more() -> None:
    checked(token_source="none", protocol="echo", scenario="steady")


def test_broken_tokens_need_tokens_to_break() -> None:
    with pytest.raises(ConfigError, match="--scenario auth_probe .* --token-source none"):
        checked(token_source="none", scenario="steady,auth_probe", protocol="echo")


class Demanding(Echo):
    """Cannot do without a token."""

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        return Credentials(headers=(("X-Token", known(token).value),))


def test_a_class_that_cannot_do_without_a_token_is_refused_by_name() -> None:
    name = f"{__name__}:Demanding"
    with pytest.raises(ConfigError, match=f"^--protocol '{name}': credentials raised .*--token-source none"):
        checked(token_source="none", protocol=name, scenario="steady")


@pytest.mark.usefixtures("with_a_secret")
def test_a_header_beside_the_tokens_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE", "Basic hidden")
    header = "authorization: env:GATE"
    with pytest.raises(
        ConfigError, match="^--header 'authorization' is the header that the token travels in"
    ) as refusal:
        checked(protocol="echo", scenario="steady", header=[header])
    assert "hidden" not in str(refusal.value)
    checked(protocol="echo", scenario="steady", header=[header], token_transport="query")
    checked(protocol="echo", scenario="steady", header=[header], token_source="none")
    with pytest.raises(ConfigError, match="--header 'X-A': the variable 'UNSET' is empty"):
        checked(header=["X-A: env:UNSET"])


@pytest.mark.usefixtures("with_a_secret")
def test_a_token_in_a_message_needs_a_class_that_speaks_first() -> None:
    with pytest.raises(ConfigError, match="--token-transport message needs .* --protocol echo does not"):
        checked(token_transport="message", protocol="echo", scenario="steady")


@pytest.mark.usefixtures("with_a_secret")
@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999/"])
def test_a_token_source_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--token-source"):
        checked(token_source=url)
