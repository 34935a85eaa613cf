"""The images: by a linter, by what they promise, and by running the tree that their COPY lines make.

No image is built here: that takes Docker, and a registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.containers import (
    DOCKERFILE,
    MASTER_PORT,
    ROOT,
    UI_PORT,
    build_tree,
    copied_from_context,
    inherited,
    is_sent,
    stages,
    tool,
    words_of,
)

FINAL = ("worker", "controller")


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("hadolint"), str(path)], capture_output=True, text=True, check=False)


def test_the_linter_has_nothing_to_say() -> None:
    done = lint(ROOT / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_refuses_a_shell_in_the_way_of_signals_so_that_the_rule_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM python:3.11-slim\nCMD locust --worker\n")
    assert "DL3025" in lint(wrong).stdout


@pytest.mark.parametrize("name", FINAL)
def test_an_image_hands_signals_to_locust_and_is_nobodys_root(name: str) -> None:
    assert words_of(str(inherited(name, "ENTRYPOINT"))) == ["tini", "--", "locust"]
    assert isinstance(words_of(str(inherited(name, "CMD"))), list)
    user, _, group = str(inherited(name, "USER")).partition(":")
    assert int(user) > 0
    assert group == "0", "a user that the platform chooses at random has group 0, and must get what this one gets"


@pytest.mark.parametrize(("name", "words"), [("worker", "--connected"), ("controller", "--listens")])
def test_an_image_says_whether_it_is_at_work_by_the_port_that_locust_uses(name: str, words: str) -> None:
    check = words_of(str(inherited(name, "HEALTHCHECK")).partition("CMD ")[2])
    assert check == ["python", "-m", "scenarios.machine.container_health", words, str(MASTER_PORT)]


def test_the_ports_that_are_named_are_those_of_master_and_ui() -> None:
    assert str(inherited("controller", "EXPOSE")).split() == [str(MASTER_PORT), str(UI_PORT)]
    assert inherited("worker", "EXPOSE") is None


def test_the_last_stage_is_the_controller_so_that_no_target_means_that_one() -> None:
    assert list(DOCKERFILE)[-1] == "controller"


def test_the_worker_has_none_of_the_controllers_libraries() -> None:
    def libraries_of(name: str) -> list[str]:
        return [rest for word, rest in DOCKERFILE[name].instructions if word == "COPY" and "--from=" in rest]

    assert libraries_of("worker") == ["--from=worker-libraries /opt/venv /opt/venv"]
    assert copied_from_context("worker-libraries") == [("requirements-worker.txt", "/tmp/")]


@pytest.mark.parametrize("name", list(DOCKERFILE))
def test_what_is_copied_is_there_and_is_sent_to_the_build(name: str) -> None:
    for source, _ in copied_from_context(name):
        assert (ROOT / source).exists(), source
        assert is_sent(source), source


@pytest.mark.parametrize("path", [".env", ".git", "reports", ".standin", "tests", "a-folder-of-tomorrow"])
def test_what_is_not_needed_is_never_sent_to_the_build(path: str) -> None:
    assert not is_sent(path)


def test_a_stage_is_read_with_what_follows_its_line_breaks() -> None:
    read = stages("FROM a AS one\n# no word\nRUN x \\\n    # why\n    && y\nFROM one AS two\nUSER 1:0\n")
    assert read["one"].instructions == [("RUN", "x      && y")]
    assert (read["two"].base, read["two"].last("USER"), read["two"].last("CMD")) == ("one", "1:0", None)


@pytest.mark.parametrize(
    ("name", "imports"),
    [
        ("worker", "locustfile"),
        pytest.param(
            "controller",
            "locustfile, analysis.cli, attempts.store.segment_store, standin.serve",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_tree_of_an_image_holds_all_that_it_imports(name: str, imports: str, tmp_path: Path) -> None:
    build_tree(name, tmp_path)
    checked = next(rest for word, rest in DOCKERFILE[name].instructions if word == "RUN")
    assert words_of(checked) == ["python", "-c", f"import {imports}"]
    refused = ["numpy", "pandas", "pyarrow", "duckdb", "starlette"] if name == "worker" else []
    code = f"import sys; sys.modules.update(dict.fromkeys({refused!r})); import {imports}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_tree_without_the_record_does_not_import_so_that_the_rule_can_fail(tmp_path: Path) -> None:
    build_tree("worker", tmp_path)
    (tmp_path / "attempts").rename(tmp_path / "elsewhere")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", "import locustfile"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "No module named 'attempts'" in done.stderr


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_needs_no_library_but_those_of_its_own_stage(tmp_path: Path) -> None:
    """The stages' own commands, in a folder instead of an image."""
    build_tree("worker", tmp_path)
    venv = tmp_path / "venv"
    make, install = [rest for word, rest in DOCKERFILE["worker-libraries"].instructions if word == "RUN"]
    base = sys._base_executable  # type: ignore[attr-defined]
    made = [base if word == "python" else word.replace("/opt/venv", str(venv)) for word in make.split()]
    subprocess.run(made, check=True, capture_output=True)
    wanted = str(ROOT / "requirements-worker.txt")
    pip = [
        word.replace("/opt/venv", str(venv)).replace("/tmp/requirements-worker.txt", wanted) for word in install.split()
    ]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "ConnectionError" in done.stderr:
        pytest.skip("no package index can be reached from here")
    assert done.returncode == 0, done.stderr
    python = str(venv / "bin" / "python")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    check = f"{words_of(str(DOCKERFILE['worker'].last('RUN')))[2]}, importlib.util\n"
    check += "print([name for name in ('numpy', 'pandas', 'pyarrow', 'starlette') if importlib.util.find_spec(name)])"
    ran = subprocess.run([python, "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
