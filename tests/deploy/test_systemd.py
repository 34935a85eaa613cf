"""The unit of a worker on a machine of its own: by systemd's own reader, and by what it promises."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from scenarios.control.limits import Limits
from scenarios.exit_codes import EXIT_USAGE, EXIT_VOID
from tests.deploy.containers import ROOT

UNIT = ROOT / "deploy" / "systemd" / "wsoak-worker.service"


def service() -> dict[str, str]:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read(UNIT, encoding="utf-8")
    return dict(read["Service"])


def complaints(text: str, tmp_path: Path) -> str:
    """What systemd says of a unit; its program is one that there is on every machine."""
    unit = tmp_path / "wsoak-worker.service"
    unit.write_text(text.replace("/opt/wsoak/.venv/bin/locust", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd's reader is not here")


@needs_systemd
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    assert "wsoak-worker.service" not in complaints(UNIT.read_text(encoding="utf-8"), tmp_path)


@needs_systemd
def test_systemd_complains_of_a_misspelt_key_so_that_the_rule_can_fail(tmp_path: Path) -> None:
    wrong = UNIT.read_text(encoding="utf-8").replace("KillMode=", "KillMod=")
    assert "KillMod" in complaints(wrong, tmp_path)


def test_a_worker_is_given_the_time_to_ship_and_comes_back_only_after_a_crash() -> None:
    limits = Limits()
    assert float(service()["TimeoutStopSec"]) > limits.drain_s + limits.alone_s
    assert service()["Restart"] == "on-failure"
    assert service()["RestartPreventExitStatus"].split() == [str(EXIT_USAGE), str(EXIT_VOID)]
    assert service()["KillMode"] == "mixed"


def test_no_secret_is_in_the_unit() -> None:
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert not [line for line in lines if "SECRET" in line or "KEY" in line]
    assert service()["EnvironmentFile"] == "/etc/wsoak/environment"
