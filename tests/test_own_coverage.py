"""Each module of the core has a test file of its own, and a command says how much of it that file runs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.own_coverage import ROOMS, ROOT, modules, own_tests


@pytest.mark.parametrize("room", ROOMS)
def test_each_module_of_the_core_has_a_test_file_of_its_own(room: str) -> None:
    code = [path for path in modules(room) if re.search(r"^(def|class) ", (ROOT / path).read_text(), re.MULTILINE)]
    assert code
    assert not [path.as_posix() for path in code if not (ROOT / own_tests(path)).is_file()]


@pytest.mark.slow
def test_the_command_prints_each_module_with_its_share() -> None:
    command = [sys.executable, "-m", "tests.own_coverage", "scenarios/experiment"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines() if line.startswith("scenarios/")}
    assert set(rows) == {path.as_posix() for path in modules("scenarios/experiment")}
    own, of_room = rows["scenarios/experiment/arrivals.py"][1:3]
    assert 50 <= float(own.rstrip("%")) <= float(of_room.rstrip("%")) <= 100


def test_a_room_without_modules_is_refused_in_a_sentence() -> None:
    command = [sys.executable, "-m", "tests.own_coverage", "scenarios/nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2
    assert "'scenarios/nowhere' has no modules or no tests" in result.stderr
