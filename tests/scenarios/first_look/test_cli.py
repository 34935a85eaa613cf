"""`python -m scenarios.protocols try`: what it prints and with which status it ends."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attempts.schema import Attempt
from scenarios.first_look.cli import main
from scenarios.first_look.connection import PACE_S, SEED
from scenarios.first_look.transcript import Frame
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import MALFORMED, NOISE, Request
from scenarios.rfc6455 import TEXT
from tests.conftest import ROOT
from tests.kit.children import free_port
from tests.kit.servers import SPEAKERS, served

ALLOWED = {"SOAK_ALLOWED_HOSTS": "127.0.0.1"}
QUICK = ("--seconds", "0.2")


class Raising(Echo):
    """A protocol class with a mistake in it."""

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        raise ValueError("a mistake")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served("aiohttp", "echo", tmp_path_factory.mktemp("echo")) as port:
        yield f"ws://127.0.0.1:{port}"


def test_a_healthy_server_is_shown_and_the_soak_is_named(echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["try", f"{echo}/ws", "--seconds", str(PACE_S), "--protocol", "echo", "--operations", "hello=1"]
    assert main(arguments, ALLOWED) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{echo}/ws, --protocol echo, without a token"
    assert [line for line in lines if "reply to 1" in line]
    assert [line for line in lines if line.startswith("exchange hello: ok after")]
    soak = f"locust --headless --users 20 --run-time 1m --host {echo}/ws --operations hello=1 --protocol echo"
    soak += " --token-source none"
    assert sorted(lines[-1].split()) == sorted(soak.split())


def test_what_the_server_says_by_itself_is_seen_before_the_first_request() -> None:
    assert random.Random(SEED).uniform(0.0, PACE_S) > 0.9 * PACE_S


@pytest.mark.scripted
def test_a_server_of_json_messages_names_its_fields(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if reason := SPEAKERS["json on ws"].why_missing():
        pytest.skip(reason)
    with served("json on ws", "healthy", tmp_path) as port:
        assert main(["try", f"ws://127.0.0.1:{port}/ws", *QUICK], ALLOWED) == 1
        first = capsys.readouterr().out
        set_now = ["--message-type-field", "kind", "--welcome-type", "hello"]
        assert main(["try", f"ws://127.0.0.1:{port}/ws", *QUICK, *set_now], ALLOWED) == 0
    assert "--message-type-field kind" in first and "--welcome-type hello" in first
    second = capsys.readouterr().out
    assert "welcome" in second and "What to set" not in second


@pytest.mark.parametrize(("protocol", "says"), [("jsonrpc", "a name is a method"), ("echo", None)])
def test_all_is_well_only_where_the_application_was_asked(
    echo: str, protocol: str, says: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["try", f"{echo}/ws", "--seconds", str(PACE_S), "--protocol", protocol], ALLOWED) == 0
    said = capsys.readouterr().out
    assert ("All is well" in said) == (says is None)
    assert says is None or ("nothing of the application was asked yet" in said and says in said)
    assert said.splitlines()[-1].startswith("locust ")


def test_advice_ends_with_status_1_though_no_attempt_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cannot_be_read(*_: object, show: Callable[[Frame], None], **__: object) -> list[Attempt]:
        show(Frame(0.0, False, TEXT, b'{"id":NaN}', (MALFORMED,)))
        return []

    monkeypatch.setattr("scenarios.first_look.cli.look_at", cannot_be_read)
    assert main(["try", "ws://127.0.0.1/ws", "--protocol", "echo"], ALLOWED) == 1
    said = capsys.readouterr().out
    assert "What to set" in said and "cannot read some messages" in said and "locust" not in said


def test_a_token_in_a_message_is_in_no_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("an-opaque-token-of-the-tests")

    def repeats(*_: object, show: Callable[[Frame], None], **__: object) -> list[Attempt]:
        show(Frame(0.0, False, TEXT, b'{"msg":"no an-opaque-token-of-the-tests"}', (NOISE,)))
        return []

    monkeypatch.setattr("scenarios.first_look.cli.look_at", repeats)
    source = ["--token-source", f"file:{tmp_path / 'token'}"]
    assert main(["try", "ws://127.0.0.1/ws", "--protocol", "echo", *source], ALLOWED) == 1
    said = capsys.readouterr().out
    assert "--message-type-field msg" in said and "an-opaque-token" not in said


def test_a_path_where_nothing_is_says_so(echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", f"{echo}/nothing", *QUICK], ALLOWED) == 1
    said = capsys.readouterr().out
    assert "connect: failed" in said and "HTTP 404: there is no WebSocket at /nothing" in said


def test_a_port_where_nothing_listens_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", f"ws://127.0.0.1:{free_port()}/ws", *QUICK], ALLOWED) == 1
    assert "the host and the port" in capsys.readouterr().out


def test_a_token_goes_along_where_one_is_named_and_is_shown_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**ALLOWED, "SOAK_JWT_SECRET": "a-secret-of-the-tests-with-32-bytes-or-more"}
    with served("aiohttp", "reason_token", tmp_path, "--tokens", str(tmp_path / "tokens")) as port:
        assert main(["try", f"ws://127.0.0.1:{port}/ws", *QUICK], environment) == 1
    said = capsys.readouterr().out
    (token,) = (tmp_path / "tokens").read_text().split()
    assert "with a token" in said and "refuses this token" in said
    assert token[:20] not in said and token[-20:] not in said


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["try", "ws://example.test/ws"], {}, "'example.test' is not an allowed target"),
        (["try", "no url"], ALLOWED, "must be a ws, wss, http or https URL"),
        (["try", "ws://127.0.0.1/ws", "--protocol", "jsom"], ALLOWED, "did you mean 'json'?"),
        (["try", "ws://127.0.0.1/ws", "--exchange-budget-s", "0"], ALLOWED, "--exchange-budget-s is '0'"),
        (["try", "ws://127.0.0.1/ws", "--seconds", "long"], ALLOWED, "--seconds is 'long'"),
        (["try", "ws://127.0.0.1/ws", "--token-source", "file:/no/such"], ALLOWED, "/no/such"),
        (["try", "ws://127.0.0.1/ws", "--token-source", "mint"], ALLOWED, "no key to sign HS256 tokens with"),
        (["try", "ws://127.0.0.1/ws", "--client", "websockets-gevent"], ALLOWED, "--client is for a soak"),
        (["try", "--compression", "ws://127.0.0.1/ws"], ALLOWED, "--compression is for a soak"),
        (["try", "ws://127.0.0.1/ws", "--opening", "hello"], ALLOWED, "--opening must be JSON"),
        (["try", "ws://127.0.0.1/ws", "--protocol", "echo", "--opening", "{}"], ALLOWED, "use json, or leave them out"),
        (
            ["try", "ws://127.0.0.1/ws", "--protocol", "staging", "--operations", "pingg"],
            ALLOWED,
            "did you mean 'ping'",
        ),
        (["try", "ws://127.0.0.1/ws", "--token-transport", "message"], ALLOWED, "says its token first"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], environment: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, environment) == 2
    refusal = capsys.readouterr().err
    assert says in refusal and "Traceback" not in refusal and "--host" not in refusal


def test_an_option_may_come_from_the_environment(echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", f"{echo}/ws", *QUICK], {**ALLOWED, "SOAK_PROTOCOL": "echo"}) == 0
    assert "--protocol echo, without a token" in capsys.readouterr().out


def test_headers_and_ways_of_a_token_are_those_of_a_soak(echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    headers = ["--header", "Origin: https://a.test", "--header", "X-Page: 1"]
    assert main(["try", f"{echo}/ws", *QUICK, *headers, "--token-transport", "query"], ALLOWED) == 0
    soak = capsys.readouterr().out.splitlines()[-1]
    assert "--header 'Origin: https://a.test' --header 'X-Page: 1'" in soak and "--token-transport query" in soak


def test_a_class_that_raises_is_a_sentence(echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    own = "tests.scenarios.first_look.test_cli:Raising"
    assert main(["try", f"{echo}/ws", "--seconds", str(PACE_S), "--protocol", own], ALLOWED) == 3
    assert "request raised ValueError" in capsys.readouterr().err


def test_ctrl_c_ends_it_without_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.first_look.cli.look_at", interrupted)
    assert main(["try", "ws://127.0.0.1/ws"], ALLOWED) == 130
    assert capsys.readouterr().err == ""


def test_it_is_a_command() -> None:
    command = [sys.executable, "-m", "scenarios.protocols", "try", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--welcome-type" in done.stdout
