"""Scenarios, arms and stops in whole soaks: what the rows say afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scenarios.credentials.jwt import Minter, key_from_text
from tests.conftest import Soak, wait_for
from tests.kit.servers import served
from tests.scenarios.kit.connect_proxy import connect_proxy

QUIET = ("--headless", "--only-summary", "--no-analysis")


def attempts(soak: Soak) -> pd.DataFrame:
    return pd.concat(pd.read_parquet(f) for f in (soak.folder / "attempts").glob("*.parquet"))


def ended_well(soak: Soak) -> pd.DataFrame:
    _, output = soak.end()
    run = soak.run_json()
    # On a machine that is busy with other tests the relay may break its promise of milliseconds, and says so.
    assert [p for p in run["problems"] if not p.startswith("The relay delayed")] == [], output
    assert run["accounting"]["balanced"] is True, output
    return attempts(soak)


def test_tls_a_storm_bad_tokens_and_tokens_that_expire_on_the_way(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(
        *QUIET,
        *("--users", "16", "--spawn-rate", "16", "--run-time", "10s", "--scenario", "storm=2,churn=1,auth_probe=1"),
        *("--standin-tls", "--storm-at-s", "4", "--storm-jitter-s", "1", "--token-ttl-s", "3", "--pace-s", "0.2"),
    )
    rows = ended_well(soak)
    connects = rows[rows["kind"] == "connect"]
    assert (connects["tls_s"].dropna() > 0).any()
    # Tokens live for three seconds, the run for ten: each connect came with one that was still good.
    assert set(connects[connects["outcome"] != "aborted"]["outcome"]) == {"ok"}
    storm = connects[connects["scenario"] == "storm"].groupby("user").size()
    assert (storm >= 2).all()
    probes = connects[connects["scenario"] == "auth_probe"]
    assert len(probes) > 0  # a refusal is the pass
    assert set(rows[rows["kind"] == "probe"]["operation"]) == {"tcp", "health", "idle"}


def test_a_target_that_only_the_proxy_knows_and_that_has_no_health_page(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    with served("aiohttp", "echo", tmp_path) as port, connect_proxy({"backend.internal": "127.0.0.1"}) as proxy:
        soak = start_soak(
            *QUIET,
            *(
                "--host",
                f"ws://backend.internal:{port}/ws",
                "--protocol",
                "echo",
                "--use-proxy",
                "--health-path",
                "off",
            ),
            *("--users", "4", "--spawn-rate", "4", "--run-time", "6s", "--scenario", "churn", "--pace-s", "0.1"),
            *("--client", "websocket-client,websockets-asyncio"),
            environment={
                "http_proxy": f"http://127.0.0.1:{proxy.address[1]}",
                "no_proxy": "",
                "SOAK_ALLOWED_HOSTS": "backend.internal",
                "SOAK_JWT_SECRET": "s" * 32,
            },
        )
        rows = ended_well(soak)
    ended = rows[rows["outcome"] != "aborted"]
    assert set(ended["outcome"]) == {"ok"}
    assert set(ended["client"]) == {"websocket-client", "websockets-asyncio", "probe"}
    assert set(rows[rows["kind"] == "probe"]["operation"]) == {"tcp", "idle"}
    assert set(proxy.asked) == {f"backend.internal:{port}"}


def test_every_client_every_delay_and_every_mitigation_in_one_run(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(
        *QUIET,
        *("--users", "12", "--spawn-rate", "12", "--run-time", "15s", "--scenario", "churn", "--pace-s", "0.1"),
        *("--client", "websocket-client,websockets-gevent,websockets-asyncio", "--delay-ms", "0,40"),
        *("--mitigation", "none,retry,warmup,verify_state,longer_budget", "--arrival", "constant:12"),
    )
    rows = ended_well(soak)
    connects = rows[(rows["kind"] == "connect") & (rows["retry"] == 0)]
    assert set(connects["client"]) == {"websocket-client", "websockets-gevent", "websockets-asyncio"}
    assert set(connects["delay_s"]) == {0.0, 0.04}
    assert set(connects["mitigation"]) == {"none", "retry", "warmup", "verify_state", "longer_budget"}
    # Balanced within the plan's promise: in the run's only minute every cell got as many, plus or minus one.
    cells = connects.groupby(["client", "delay_s", "mitigation"], observed=True).size()
    assert len(cells) == 30
    assert cells.max() - cells.min() <= 1
    good = connects[connects["outcome"] == "ok"]
    assert (good[good["delay_s"] == 0.04]["rtt_s"] >= 0.04).all()
    assert good[good["delay_s"] == 0.0]["rtt_s"].median() < 0.04
    late_s = (connects["started_at"] - connects["scheduled_at"]).dt.total_seconds()
    assert (late_s >= 0).all()


def test_tokens_signed_with_a_private_key_are_verified_by_the_stand_in_with_its_public_half(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signing = ("--jwt-algorithm", "ES256", "--jwt-key-file", str(key))
    soak = start_soak(*QUIET, *signing, "--users", "8", "--spawn-rate", "8", "--run-time", "4s")
    connects = ended_well(soak).query("kind == 'connect' and outcome != 'aborted'")
    assert set(connects["outcome"]) == {"ok"}
    assert b"PRIVATE" not in b"".join(f.read_bytes() for f in soak.folder.rglob("*") if f.is_file())


def test_the_secret_of_a_file_is_the_stand_ins_too(start_soak: Callable[..., Soak], tmp_path: Path) -> None:
    secret = "a-secret-that-only-this-file-holds-0123456789"
    (tmp_path / "secret").write_text(secret)
    minter = Minter(key_from_text("HS256", secret, source="the test"), issuer="netra-auth-service")
    (tmp_path / "tokens").write_text(minter.fetch("s", time.time()).value)
    # Tokens of a file: nobody but the stand-in needs the secret here.
    known = ("--token-source", f"file:{tmp_path / 'tokens'}", "--jwt-key-file", str(tmp_path / "secret"))
    soak = start_soak(*QUIET, *known, "--users", "2", "--spawn-rate", "2", "--run-time", "4s")
    connects = ended_well(soak).query("kind == 'connect' and outcome != 'aborted'")
    assert set(connects["outcome"]) == {"ok"}
    assert secret.encode() not in b"".join(f.read_bytes() for f in soak.folder.rglob("*") if f.is_file())


def test_a_session_that_was_made_mute_answers_pings_of_the_websocket_and_nothing_else(
    start_soak: Callable[..., Soak],
) -> None:
    soak = start_soak(
        *(*QUIET, "--users", "4", "--spawn-rate", "4", "--run-time", "12s", "--scenario", "mute", "--fault", "mute"),
        *("--exchange-budget-s", "1", "--pace-s", "0.3", "--peer-check-s", "1"),
    )
    rows = ended_well(soak)
    exchanges = rows[(rows["kind"] == "exchange") & (rows["outcome"] != "aborted")]
    assert set(rows[rows["kind"] == "connect"]["outcome"]) == {"ok"}
    assert exchanges["connection"].nunique() == 4
    for _, session in exchanges.groupby("connection"):
        began = session[session["operation"] == "start_agent_unrouted"]["started_at"].min()
        before, after = session[session["started_at"] < began], session[session["started_at"] >= began]
        assert set(before["outcome"]) == {"ok"} and set(before["operation"]) == {"ping", "chat"}
        assert set(after["outcome"]) == {"timeout"} and set(after["operation"]) >= {"start_agent_unrouted", "chat"}
        # The end of the run may cut off the check of the peer that follows the last timeout.
        assert after.sort_values("started_at")["pong_s"].iloc[:-1].notna().all()
    # Nobody closed: each session lasted to the end of the run.
    assert set(rows[rows["kind"] == "hold"]["outcome"]) == {"aborted"}


@pytest.mark.parametrize(
    ("where", "options"),
    [
        ("welcome", ("--fault", "slow_welcome:share=1,delay=30", "--connect-budget-s", "60")),
        ("exchange", ("--fault", "stalled_reply:share=1,delay=30", "--exchange-budget-s", "60")),
        ("close", ("--scenario", "churn", "--churn-exchanges", "0")),
    ],
)
def test_a_stop_stops_a_hundred_users_wherever_they_are(
    start_soak: Callable[..., Soak], where: str, options: tuple[str, ...]
) -> None:
    soak = start_soak(*QUIET, "--users", "100", "--spawn-rate", "100", "--run-time", "10s", "--pace-s", "0.1", *options)
    rows = ended_well(soak)
    if where == "close":
        assert (rows["kind"] == "close").any()
    else:
        assert (rows[rows["outcome"] == "aborted"]["phase"] == where).sum() >= 50


def test_a_stand_in_that_dies_ends_the_run_as_void(start_soak: Callable[..., Soak]) -> None:
    import psutil

    soak = start_soak(*QUIET, "--users", "5", "--spawn-rate", "5", "--run-time", "10m")
    wait_for(lambda: list((soak.folder / "spool").glob("*")), "rows")
    children = psutil.Process(soak.process.pid).children(recursive=True)
    next(c for c in children if "standin" in c.cmdline()).kill()
    status, output = soak.end()
    assert status == 3, output
    assert any("stand-in was killed by SIGKILL" in p for p in soak.run_json()["problems"])
    assert len(attempts(soak)) > 0


def test_a_store_that_dies_ends_the_run_as_void_and_loses_nothing(start_soak: Callable[..., Soak]) -> None:
    import subprocess
    import sys

    import psutil

    from tests.conftest import ROOT

    soak = start_soak(*QUIET, "--users", "5", "--spawn-rate", "5", "--run-time", "10m")
    wait_for(lambda: list((soak.folder / "spool").glob("*")), "rows")
    children = psutil.Process(soak.process.pid).children(recursive=True)
    next(c for c in children if "attempts.store" in c.cmdline()).kill()
    status, output = soak.end()
    assert status == 3, output
    written = soak.run_json()["accounting"]["rows_written"]
    subprocess.run([sys.executable, "-m", "attempts.store", str(soak.folder)], cwd=ROOT, capture_output=True)
    assert len(attempts(soak)) == written > 0
