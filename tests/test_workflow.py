"""The workflow that soaks from many hosts: its form by the published schema, its promises, and its own commands run."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scenarios.control.target import ALLOWED_HOSTS_VARIABLE
from scenarios.credentials.endpoint import AUTHORIZATION_VARIABLE
from scenarios.credentials.jwt import KEY_VARIABLE
from scenarios.machine.fingerprint import SALT_VARIABLE
from scenarios.options import OPTIONS

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# Vendored from SchemaStore (Apache-2.0, see LICENSE beside it), so that the test needs no network.
SCHEMA = json.loads((ROOT / "tests/workflow/github-workflow.schema.json").read_text(encoding="utf-8"))


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1, which this parser speaks, reads the key `on` as true; GitHub reads the word.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


SOAK = read(ROOT / ".github/workflows/soak.yml")


def step(job: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in SOAK["jobs"][job]["steps"] if s.get("name") == name)
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_follows_githubs_published_schema(path: Path) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(read(path))


def test_the_schema_refuses_a_misspelt_key_so_that_the_rule_can_fail() -> None:
    wrong = {**SOAK, "jobs": {"host": {"runs-onn": "ubuntu-24.04", "steps": []}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(wrong)


def test_three_platforms_have_several_hosts_each_and_one_failure_ends_none() -> None:
    strategy = SOAK["jobs"]["host"]["strategy"]
    runners = {entry["platform"]: entry["runner"].partition("-")[0] for entry in strategy["matrix"]["include"]}
    assert runners == {"windows": "windows", "ubuntu": "ubuntu", "macos": "macos"}
    assert set(strategy["matrix"]["platform"]) == set(runners)
    assert len(strategy["matrix"]["host"]) >= 6, "docs/experiment.md: fewer find only a large effect"
    assert strategy["fail-fast"] is False


def test_only_the_names_of_host_site_and_run_differ_between_the_hosts() -> None:
    differing = {name for name, value in SOAK["jobs"]["host"]["env"].items() if "matrix." in str(value)}
    assert differing == {"SOAK_SITE", "SOAK_RUN_ID", SALT_VARIABLE}


def test_every_variable_is_one_that_wsoak_or_locust_reads() -> None:
    ours = {f"SOAK_{option.name.upper()}" for option in OPTIONS}
    ours |= {ALLOWED_HOSTS_VARIABLE, SALT_VARIABLE, KEY_VARIABLE, AUTHORIZATION_VARIABLE}
    locusts = {"LOCUST_HOST", "LOCUST_RUN_TIME", "LOCUST_USERS", "LOCUST_SPAWN_RATE"}
    named = {*SOAK["jobs"]["host"]["env"], *step("host", "Soak")["env"]}
    assert named <= ours | locusts
    # Read and not imported: importing Locust would patch this process.
    package = importlib.util.find_spec("locust")
    assert package is not None and package.origin is not None
    parser = Path(package.origin).with_name("argument_parser.py").read_text(encoding="utf-8")
    assert all(f'env_var="{name}"' in parser for name in locusts)


def test_secrets_reach_only_the_step_that_needs_them_and_no_command_line() -> None:
    holders = [
        s.get("name") for job in SOAK["jobs"].values() for s in job["steps"] if "secrets." in json.dumps(s, default=str)
    ]
    assert holders == ["Soak"]
    commands = [s.get("run", "") for job in SOAK["jobs"].values() for s in job["steps"]]
    assert not [command for command in commands if "${{" in command], "an input in a command is an injection"


def test_every_platform_shows_what_its_kernel_says_of_a_connection_and_soaks_whatever_that_is(tmp_path: Path) -> None:
    asked = step("host", "Ask the kernel about a connection")
    assert "if" not in asked and asked["continue-on-error"] is True
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = {**os.environ, "PATH": python, "PYTHONPATH": str(ROOT)}
    assert shell(asked["run"], told, cwd=tmp_path, allowed={0}) == 0


def test_all_hosts_wait_for_one_start_and_a_late_one_does_not_run() -> None:
    command = step("host", "Wait for the others")["run"]
    assert step("host", "Wait for the others")["env"]["START_AT"] == "${{ needs.start.outputs.at }}"
    late = subprocess.run(
        ["bash", "-e", "-c", command], env={**os.environ, "START_AT": "1"}, capture_output=True, text=True, check=False
    )
    assert late.returncode == 1
    assert "after the agreed start" in late.stdout


def default(expression: str) -> str:
    """The value of `${{ inputs.x || 'value' }}` where nothing was put in, or a plain value itself."""
    found = re.search(r"\|\| '([^']*)' }}$", expression)
    return found.group(1) if found else ("" if expression.startswith("${{") else expression)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_its_own_commands_soak_and_judge_the_hosts_together(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": python, "PYTHONPATH": str(ROOT), "SOAK_REPORTS_DIR": str(runs)}
    environment |= {name: default(str(value)) for name, value in SOAK["jobs"]["host"]["env"].items()}
    environment |= {name: default(str(value)) for name, value in step("host", "Soak")["env"].items()}
    # The rehearsal without a target, short, and with clients that start at once.
    environment |= {"LOCUST_RUN_TIME": "5s", "LOCUST_USERS": "4", "SOAK_CLIENT": "websocket-client,websockets-gevent"}
    for host in ("1", "2"):
        told = {**environment, "SOAK_RUN_ID": f"run-{host}", "SOAK_HOST_SALT": host}
        ended = shell(step("host", "Soak")["run"], told, cwd=ROOT, allowed={0, 3})
        # Void only for what a machine that is busy with other tests does to the relay's milliseconds.
        problems = json.loads((runs / f"run-{host}" / "run.json").read_text())["problems"]
        assert [p for p in problems if not p.startswith("The relay delayed")] == []
        assert (ended == 3) == bool(problems)
    summary = tmp_path / "job-summary.md"
    told = {**environment, "GITHUB_STEP_SUMMARY": str(summary)}
    status = shell(step("verdict", "Analyse them together")["run"], told, cwd=tmp_path, allowed={0, 1, 3})
    shell(step("verdict", "Show the summary")["run"], told, cwd=tmp_path, allowed={0})
    verdict = json.loads((tmp_path / "verdict/verdict.json").read_text())
    assert len(verdict["runs"]) == 2
    assert verdict["hosts"] == {"Linux": 2}
    assert {"met": 0, "breached": 1, "void": 3}[verdict["slo"]["state"]] == status
    assert summary.read_text().strip()
    assert (tmp_path / "verdict/report.html").exists()


def shell(command: str, environment: dict[str, str], *, cwd: Path, allowed: set[int]) -> int:
    """Run a step as GitHub does (bash, ending at the first error)."""
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in allowed, done.stdout[-2000:] + done.stderr[-2000:]
    return done.returncode
