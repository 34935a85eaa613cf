"""compose.yaml: by the published schema, by what it promises, and its own commands and environment run.

Docker itself is not needed: its part (the network, the images) is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scenarios.control.limits import Limits
from scenarios.control.live_run import ANALYSIS_TIMEOUT_S, STORE_TIMEOUT_S
from standin.options import read_options
from tests.conftest import PATIENCE_S
from tests.deploy.containers import (
    DOCKERFILE,
    FLEET_KEY_VARIABLE,
    MASTER_PORT,
    ROOT,
    UI_PORT,
    build_tree,
    compose,
    inherited,
    interpolated,
    known_variables,
    seconds,
    tool,
    words_of,
)
from tests.kit.children import free_port

COMPOSE = compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRET = "a-secret-of-this-test-that-is-long-enough-for-hs256"
OWNER = 10001


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_follows_the_published_schema() -> None:
    done = checked(ROOT / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_the_schema_refuses_a_misspelt_key_so_that_the_rule_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text("services: {master: {imagee: wsoak}}\n")
    assert "imagee" in checked(wrong).stdout


def test_each_service_is_built_from_a_stage_that_there_is() -> None:
    assert {s["build"]["target"]: s["image"] for s in SERVICES.values() if "build" in s} == {
        "controller": "wsoak",
        "worker": "wsoak-worker",
    }
    assert {s["build"]["target"] for s in SERVICES.values() if "build" in s} <= set(DOCKERFILE)
    assert {s["image"] for s in SERVICES.values()} == {"wsoak", "wsoak-worker"}


def test_every_variable_is_one_that_wsoak_or_locust_reads() -> None:
    named = {*SERVICES["master"]["environment"], *SERVICES["worker"]["environment"]}
    assert named <= known_variables()


def test_the_fleets_key_reaches_master_and_workers_only_where_it_is_set() -> None:
    for name in ("master", "worker"):
        assert SERVICES[name]["environment"][FLEET_KEY_VARIABLE] is None
    assert FLEET_KEY_VARIABLE not in SERVICES["standin"]["environment"]


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_service_has_no_rights_and_writes_only_reports(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    reports = str(inherited("base", "VOLUME"))
    assert all(volume.partition(":")[2] == reports for volume in service.get("volumes", []))
    assert all(volume.partition(":")[0] in COMPOSE["volumes"] for volume in service.get("volumes", []))


def test_only_this_machine_reaches_the_ui_and_nobody_outside_the_workers_port() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == [f"127.0.0.1:{UI_PORT}:{UI_PORT}"]


def test_as_many_workers_as_the_master_waits_for() -> None:
    for told in ({}, {"SOAK_WORKERS": "7"}):
        replicas = interpolated(SERVICES["worker"]["deploy"]["replicas"], told)
        assert interpolated(SERVICES["master"]["environment"]["LOCUST_EXPECT_WORKERS"], told) == replicas


def test_a_container_is_given_the_time_to_end_in_order() -> None:
    limits = Limits()
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > limits.drain_s + limits.alone_s
    end_s = limits.drain_s + limits.missing_s + STORE_TIMEOUT_S + ANALYSIS_TIMEOUT_S
    assert seconds(SERVICES["master"]["stop_grace_period"]) > end_s


def test_the_stand_in_takes_its_options_and_is_where_the_master_looks_for_it() -> None:
    service = SERVICES["standin"]
    assert service["entrypoint"] == ["tini", "--", "python", "-m", "standin"]
    options = read_options(service["command"])
    target = interpolated(SERVICES["master"]["environment"]["LOCUST_HOST"], {})
    assert target == f"ws://standin:{options.port}/ws"
    assert interpolated(SERVICES["master"]["environment"]["SOAK_ALLOWED_HOSTS"], {}) == "standin"
    assert service["healthcheck"]["test"][-1] == str(options.port)


def test_a_target_of_ones_own_takes_the_stand_ins_place() -> None:
    told = {"SOAK_TARGET": "wss://staging.example.com/ws", "SOAK_ALLOWED_HOSTS": "staging.example.com"}
    environment = SERVICES["master"]["environment"]
    assert interpolated(environment["LOCUST_HOST"], told) == told["SOAK_TARGET"]
    assert interpolated(environment["SOAK_ALLOWED_HOSTS"], told) == told["SOAK_ALLOWED_HOSTS"]


def environment_of(name: str, told: Mapping[str, str]) -> dict[str, str]:
    """What Compose would put into a container, and the image; the variables without a value are passed on."""
    given = SERVICES[name]["environment"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SOAK_", "LOCUST_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for key, value in given.items():
        if value is not None:
            environment[key] = interpolated(value, told)
        elif key in told:
            environment[key] = told[key]
    return environment


def without_owners_rights(folder: Path) -> list[str]:
    """Give the trees another owner, and the words that start a process which has no more rights than its group.

    Root without capabilities stands for the user that a platform chooses at random: group 0, and nothing its own.
    No words where this is not Linux, or not run by root.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        return []
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OWNER, OWNER)
        path.chmod(0o755)
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all", "--"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_its_own_commands_and_environment_make_a_run(tmp_path: Path) -> None:
    """Master, two workers and stand-in, each in the tree of its image: what they may do they may as group 0."""
    for name in ("worker", "controller"):
        build_tree(name, tmp_path / name)
    as_group_0 = without_owners_rights(tmp_path)
    told = {"SOAK_JWT_SECRET": SECRET, "LOCUST_RUN_TIME": "6s", "LOCUST_USERS": "4"}
    started: list[subprocess.Popen[str]] = []

    def start(name: str, command: list[str], reports: str) -> subprocess.Popen[str]:
        volume = tmp_path / reports
        volume.mkdir()
        volume.chmod(0o2775)  # as the image has it
        if as_group_0:
            os.chown(volume, OWNER, 0)
        stage = {"wsoak": "controller", "wsoak-worker": "worker"}[SERVICES[name]["image"]]
        with open(tmp_path / f"{reports}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*as_group_0, *command],
                cwd=tmp_path / stage,
                env={**environment_of(name, told), "SOAK_REPORTS_DIR": str(volume), "HOME": str(volume)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
        started.append(process)
        return process

    port = free_port()
    standin = free_port()
    try:
        # One loopback instead of a network of Docker's: other ports, and one name for all.
        told |= {"SOAK_TARGET": f"ws://127.0.0.1:{standin}/ws", "SOAK_ALLOWED_HOSTS": "127.0.0.1"}
        options = [{"9090": str(standin), "0.0.0.0": "127.0.0.1"}.get(w, w) for w in SERVICES["standin"]["command"]]
        state = options.index("--state-dir") + 1
        options[state] = str(tmp_path / "standin" / "state")
        start("standin", [*SERVICES["standin"]["entrypoint"][2:], *options], "standin")
        locust = words_of(str(inherited("worker", "ENTRYPOINT")))[2:]
        master = start("master", [*locust, *SERVICES["master"]["command"], "--master-bind-port", str(port)], "master")
        command = [{"master": "127.0.0.1"}.get(word, word) for word in SERVICES["worker"]["command"]]
        workers = [start("worker", [*locust, *command, "--master-port", str(port)], f"worker-{n}") for n in range(2)]
        status = master.wait(PATIENCE_S)
        said = (tmp_path / "master.log").read_text()
        assert [worker.wait(PATIENCE_S) for worker in workers] == [0, 0], said
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    (run,) = (tmp_path / "master").glob("*/run.json")
    recorded = json.loads(run.read_text())
    assert recorded["problems"] == [], said
    assert recorded["accounting"]["balanced"] is True
    assert len(recorded["workers"]) == 2
    # Void only for what a machine that is busy with other tests does to a loop, or to a few seconds of load.
    slo = json.loads((run.parent / "verdict.json").read_text())["slo"]
    assert status == {"met": 0, "breached": 1, "void": 3}[slo["state"]], said


def test_the_ports_of_compose_and_image_are_locusts() -> None:
    assert "--master-port" not in SERVICES["worker"]["command"]
    assert "--master-bind-port" not in SERVICES["master"]["command"]
    assert MASTER_PORT == 5557
