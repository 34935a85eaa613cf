"""Every command in the README and the docs is run by CI, or named here with the reason why not."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "reports" / "README.md",
        ROOT / "bench" / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
    ]
)
BLOCK = re.compile(r"^```(?:sh|console|powershell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")

# A command (by its beginning) and what runs it in CI: the test looks for the words in that file.
RUN_BY = {
    "make test": ("Makefile", "test-all: test"),
    "make test-all": (".ci/run", "make test-all"),
    "make check": (".ci/run", "make check"),
    "make soak": ("tests/system/test_make.py", '"make", "soak"'),
    "make web": ("tests/system/test_web_ui.py", "--web-port"),
    "make windows": ("tests/windows", "windows.check"),
    "locust --headless": ("tests/system/test_soak.py", '"--headless"'),
    "locust --headless --users 60 --run-time 30m --client": ("tests/system/test_scenarios.py", '"--delay-ms"'),
    "locust --master": ("tests/fleets.py", '"--master"'),
    "locust --master --headless --resume": ("tests/system/test_fleet_resume.py", '"--resume"'),
    "locust --worker": ("tests/fleets.py", '"--worker"'),
    "python -m analysis reports": ("tests/analysis/test_cli.py", "main("),
    "python -m analysis reports/<run> --server-log": ("tests/system/test_server_log.py", '"--server-log"'),
    "python -m analysis.server_log": ("tests/analysis/server_log/test_main.py", "main("),
    "locust --headless --server-log": ("tests/system/test_server_log.py", '"--server-log"'),
    "python -m analysis runs": (".github/workflows/soak.yml", "python -m analysis runs"),
    "locust --headless --processes": ("tests/system/test_processes.py", '"--processes"'),
    "python -m windows.run": ("windows/unit_tests.py", "run"),
    "python -m analysis compare": ("tests/analysis/releases/test_compare.py", '"compare", str(base), str(new)'),
    "python -m analysis plan": ("tests/analysis/planning/test_power.py", "plan"),
    "python -m analysis simulate": ("tests/analysis/simulation/test_simulate.py", "simulate"),
    "python -m attempts.store": ("tests/system/test_soak.py", "attempts.store"),
    "python -m attempts.collect": ("tests/fleets.py", "attempts.collect"),
    "python -m scenarios.protocols": ("tests/scenarios/first_look/test_cli.py", '"scenarios.protocols"'),
    "python -m scenarios.options": ("tests/scenarios/options/test_main.py", '"scenarios.options"'),
    "locust --headless --users 4 --run-time 1m --scenario p1": ("tests/system/test_p1.py", '"p1"'),
    "locust --headless --users 4 --run-time 270s --scenario p1_naive": ("tests/system/test_p1.py", '"p1_naive"'),
    "python docs/waiting_loop.py": ("tests/test_waiting_loop.py", "waiting_loop.py"),
    "python -m windows.run docs/waiting_loop.py": ("tests/windows/test_on_windows.py", "docs/waiting_loop.py"),
    "python -m standin": ("tests/standin/test_main.py", "standin"),
}
# A command (by its beginning) and why CI does not run it.
NOT_RUN = {
    "export ": "sets variables for the line below it",
    "py -3.11": "needs real Windows; windows.build does the same for the CPython under Wine",
    ".venv\\Scripts\\python -m pip": "needs real Windows; windows.build installs the same pins",
    ".venv\\Scripts\\locust": "needs real Windows; windows.check runs it under Wine",
    ".venv\\Scripts\\python -m locust": "needs real Windows; windows.check runs it under Wine",
    "1..4 | ForEach-Object": "needs real Windows, and is the line above four times",
    "$env:SOAK_JWT_SECRET": "asks for a key at a terminal",
    "git clone": "the tests run in a clone already",
    "sudo apt-get install": ".ci/run lets windows.build --install-wine do it",
    "tc qdisc": "changes the host's network",
    "sudo ufw": "changes the host's firewall",
    "sudo systemd-run": "needs systemd as the first process; the command in it is the first one of this page's kind",
    "journalctl": "needs systemd as the first process",
    "sudo cp deploy/systemd": "needs systemd as the first process; tests/deploy/test_systemd.py checks the unit",
    "sudo systemctl": "needs systemd as the first process",
    "docker": "needs Docker; tests/deploy/test_compose.py runs what compose.yaml and the Dockerfile would run",
    "kubectl": "needs a cluster; tests/deploy/test_kubernetes.py checks the manifests",
    "Test-NetConnection": "needs real Windows",
    "powercfg": "needs real Windows",
    "$env:SOAK_FLEET_KEY": "asks for a key at a terminal",
    "make calibrate": "takes hours; tests/analysis/calibration/test_calibrate.py runs a small one",
    "make bench": "takes half an hour and wants a quiet machine",
    "make figures": "needs a run's report; the drawings are tested with the states they show",
}


def commands(page: Path) -> list[str]:
    lines = [line for block in BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]
    joined = "\n".join(lines).replace("\\\n", " ")
    shown = [line.removeprefix("$ ").strip() for line in joined.splitlines()]
    return [line for line in shown if line and not line.startswith("#")]


def known(command: str, table: Mapping[str, object]) -> str | None:
    return max((key for key in table if command.startswith(key)), key=len, default=None)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_runs_in_ci_or_says_why_not(page: Path) -> None:
    unknown = [c for c in commands(page) if known(c, {**RUN_BY, **NOT_RUN}) is None]
    assert not unknown


def test_what_is_said_to_run_in_ci_does() -> None:
    for command, (place, words) in RUN_BY.items():
        path = ROOT / place
        files = sorted(path.glob("test_*.py")) if path.is_dir() else [path]
        assert any(words in file.read_text(encoding="utf-8") for file in files), command


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(EXAMPLE.sub("", page.read_text(encoding="utf-8"))):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_of_the_experiment_names_every_request_and_says_which_are_never_answered() -> None:
    from scenarios.protocols.staging import Staging

    section = (ROOT / "docs" / "experiment.md").read_text(encoding="utf-8").partition("\n## What users do\n")[2]
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    named = {row: set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in rows}
    (never,) = [row for row in rows if "**never any**" in row]
    assert named[never] == Staging.NEVER_ANSWERED
    assert Staging.operations is not None
    assert not Staging.operations - set().union(*named.values())


def test_the_page_of_options_is_what_its_command_prints() -> None:
    command = [sys.executable, "-m", "scenarios.options", "--markdown"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "options.md").read_text(encoding="utf-8") == printed, (
        "run: python -m scenarios.options --markdown > docs/options.md"
    )


def test_the_pictures_are_what_the_command_draws_and_name_rooms_that_are_there() -> None:
    figures = runpy.run_path(str(ROOT / "docs" / "make_figures.py"))
    assert (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8") == figures["pipeline"]()
    assert (ROOT / "docs" / "session-states.svg").read_text(encoding="utf-8") == figures["session_states"]()
    words = " ".join(line for _, _, *lines in figures["PIPELINE"] for line in lines).split()
    rooms = {word for word in words if word.endswith("/")}
    assert len(rooms) > 10
    packages = ("analysis", "attempts", "scenarios")
    assert not [room for room in rooms if not any((ROOT / package / room).is_dir() for package in packages)]
