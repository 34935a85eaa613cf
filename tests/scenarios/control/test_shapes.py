"""The stages are pure, but their module imports Locust, which patches: so they are asked in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def stages() -> dict[str, list[float] | None]:
    code = (
        "from scenarios.control.shapes import ramp_soak_storm, storm_at_s; import json;"
        "ask = lambda t: ramp_soak_storm(t, users=40, run_time_s=80);"
        "print(json.dumps({**{str(t): ask(t) for t in (0, 40, 79.9, 80)}, 'storm': [storm_at_s(80)]}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    answer: dict[str, list[float] | None] = json.loads(result.stdout)
    return answer


def test_the_ramp_takes_a_quarter_of_the_run(stages: dict[str, list[float] | None]) -> None:
    assert stages["0"] == [40, 2.0]  # 40 users at 2 a second: 20 of 80 seconds


def test_the_storm_changes_no_number_of_users(stages: dict[str, list[float] | None]) -> None:
    assert stages["storm"] == [48.0]
    assert stages["0"] == stages["40"] == stages["79.9"]


def test_the_shape_ends_with_the_run(stages: dict[str, list[float] | None]) -> None:
    assert stages["80"] is None
