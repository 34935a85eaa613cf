"""Soaks of servers with protocols of their own: healthy ones, and ones with an operation that is never answered."""

from __future__ import annotations

import pytest

from lab.protocols import main


@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", ["socketio"])
def test_a_healthy_server_is_cleared_and_a_silent_operation_is_named(
    protocol: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr("lab.protocols.JOBS", 2)  # both soaks at once: each waits for nearly all of its minute
    status = main(["--only", protocol])
    said = capsys.readouterr()
    if "is not installed" in said.err or "npm ci" in said.err:
        pytest.skip(said.err)
    if "void" in said.out:
        pytest.skip(f"this machine is too busy to tell: {said.out}")
    assert status == 0, said.out
