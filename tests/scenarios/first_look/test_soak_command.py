"""The command that a first look ends with: a soak takes it as it is printed, and it shows no secret."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from attempts.schema import Attempt
from scenarios.control.checks import check_plan
from scenarios.first_look import cli
from scenarios.first_look.soak_command import shown_url, soak_command
from scenarios.load.from_options import fitted
from scenarios.options import OPTIONS, settings_from
from scenarios.protocols.load import PROTOCOLS
from scenarios.redact import Secret
from tests.conftest import ROOT
from tests.kit.servers import served
from tests.scenarios.first_look.test_cli import ALLOWED

CONNECTED = Attempt(
    kind="connect",
    operation="connect",
    outcome="ok",
    phase="welcome",
    scheduled_at=0,
    started_at=0,
    duration_s=1.0,
    budget_s=1.0,
)


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look finds a server with which all is well, and there is no key in the environment."""
    monkeypatch.setattr(cli, "look_at", lambda *_, **__: [CONNECTED])
    monkeypatch.delenv("SOAK_JWT_SECRET", raising=False)


def printed(
    capsys: pytest.CaptureFixture[str], *arguments: str, environment: dict[str, str] | None = None
) -> list[str]:
    """The lines of a look."""
    assert cli.main(["try", *arguments], {**ALLOWED, **(environment or {})}) == 0
    return capsys.readouterr().out.splitlines()


def taken(command: str) -> argparse.Namespace:
    """The command's words as a soak takes them, through all checks of its options."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--headless", action="store_true")
    for flag in ("--host", "--users", "--run-time"):
        parser.add_argument(flag)
    for option in OPTIONS:
        argument = option.argument()
        parser.add_argument(option.flag, **{k: v for k, v in argument.items() if k in ("action", "type", "default")})
    program, *words = shlex.split(command)
    assert program == "locust"
    found = parser.parse_args(words)
    settings = fitted(settings_from({option.name: getattr(found, option.name) for option in OPTIONS}))
    check_plan(settings, users=int(found.users), workers=1, is_standin=False)
    return found


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "tests.scenarios.first_look.test_cli:Raising"])
def test_without_a_token_a_soak_of_each_protocol_takes_it_as_it_is(
    protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = taken(printed(capsys, "ws://127.0.0.1/ws", "--protocol", protocol)[-1])
    assert (found.protocol, found.token_source) == (protocol, "none")


def test_a_key_in_the_environment_is_a_soaks_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"SOAK_JWT_SECRET": "a-secret-of-the-tests-with-32-bytes-or-more"}
    monkeypatch.setenv(*next(iter(secret.items())))
    found = taken(printed(capsys, "ws://127.0.0.1/ws", environment=secret)[-1])
    assert found.token_source == "mint"


def test_an_option_that_wins_over_the_environment_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"SOAK_PROTOCOL": "echo", "SOAK_EXCHANGE_BUDGET_S": "3"}
    command = printed(capsys, "ws://127.0.0.1/ws", "--protocol", "json", environment=environment)[-1]
    assert "--protocol json" in command and "--exchange-budget-s" not in command


def test_a_query_stays_but_for_what_may_be_secret(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("an-opaque-token-of-the-tests")
    url = "ws://127.0.0.1/qa?room=a%20b&lang=de"
    source = ["--token-source", f"file:{tmp_path / 'token'}"]
    lines = printed(capsys, url, *source)
    assert lines[0].startswith(f"{url}, ")
    assert taken(lines[-1]).host == url and not [line for line in lines if "back in place" in line]
    lines = printed(capsys, f"{url}&sig=0123", *source)
    assert taken(lines[-1]).host == f"{url}&sig=<redacted>"
    assert lines[-2] == "Put sig back in place of <redacted>:"
    assert not [line for line in lines if "0123" in line]


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("access_token=abc&room=1", "access_token=<redacted>&room=1", ("access_token",)),
        (
            "X-Amz-Signature=abc&password=d",
            "X-Amz-Signature=<redacted>&password=<redacted>",
            ("X-Amz-Signature", "password"),
        ),
        (
            "api_key=a&accessKey=b&key=c",
            "api_key=<redacted>&accessKey=<redacted>&key=<redacted>",
            ("api_key", "accessKey", "key"),
        ),
        ("EIO=4&transport=websocket&design=1", "EIO=4&transport=websocket&design=1", ()),
        ("u={subject}&token=", "u={subject}&token=", ()),
        ("q=eyJhbGciOi.eyJzdWIi.c2ln", "q=<redacted>", ("q",)),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "<redacted>", ("the query",)),
        ("as=opaque-token-1", "as=<redacted>", ("as",)),
    ],
)
def test_a_value_is_hidden_by_its_name_by_its_looks_or_for_being_the_token(
    query: str, shown: str, hidden: tuple[str, ...]
) -> None:
    found = shown_url(f"ws://127.0.0.1/ws?{query}", secret=Secret("opaque-token-1"))
    assert found == (f"ws://127.0.0.1/ws?{shown}", hidden)


def test_a_secret_in_another_url_is_hidden_too() -> None:
    given = {option.name: option.argument()["default"] for option in cli.SHOWN}
    given["token_source"] = "https://127.0.0.1/token?u={subject}&api_key=4567"
    note, command = soak_command("ws://127.0.0.1/ws?sig=0123", given, cli.SHOWN, {})
    assert note == "Put sig, api_key back in place of <redacted>:"
    assert "--token-source 'https://127.0.0.1/token?u={subject}&api_key=<redacted>'" in command


@pytest.mark.slow
def test_a_soak_takes_it_and_talks_to_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.undo()  # a server is there
    with served("aiohttp", "echo", tmp_path) as port:
        lines = printed(capsys, f"ws://127.0.0.1:{port}/ws?room=a%20b", "--protocol", "echo", "--seconds", "1")
        words = [sys.executable, "-m", *shlex.split(lines[-1].replace("--run-time 1m", "--run-time 5s"))]
        environment = {name: value for name, value in os.environ.items() if name != "SOAK_JWT_SECRET"} | ALLOWED
        done = subprocess.run(
            [*words, "--reports-dir", str(tmp_path / "reports"), "--no-analysis"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert "connect" in done.stderr + done.stdout
