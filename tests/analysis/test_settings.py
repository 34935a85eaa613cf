import json
from pathlib import Path
from typing import Any

import pytest

from analysis.model import Criteria
from analysis.settings import SettingsError, settings_for
from analysis.verdict.service_levels import Levels


def run(folder: Path, **settings: Any) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"settings": settings}))
    return folder


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    assert settings_for([tmp_path], {}) == (Criteria(), Levels())


def test_run_s_own_settings_count(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", slo={"success_ratio": 0.9, "timeouts": 3}, margin=0.01)
    settings, levels = settings_for([folder], {})
    assert settings.margin == 0.01
    assert (levels.success_ratio, levels.timeouts, levels.max_duration_s) == (0.9, 3, 30.0)


@pytest.mark.parametrize(
    ("kinds", "has_any"),
    [([[]], False), ([["token"]], True), ([[], ["header"]], True), ([[], []], False), ([None], True)],
)
def test_whether_anything_could_be_refused_is_what_the_runs_say(
    tmp_path: Path, kinds: list[list[str] | None], has_any: bool
) -> None:
    folders = [
        run(tmp_path / str(number), **({} if found is None else {"credentials": found}))
        for number, found in enumerate(kinds)
    ]
    assert settings_for(folders, {})[0].has_credentials is has_any


def test_command_line_outranks_the_run(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", slo={"success_ratio": 0.9}, margin=0.01)
    settings, levels = settings_for([folder], {"slo_success_ratio": 0.99, "margin": 0.02, "rehearsal": True})
    assert (settings.margin, settings.rehearsal, levels.success_ratio) == (0.02, True, 0.99)


def test_less_load_is_allowed_by_the_command_line_or_by_each_of_the_runs(tmp_path: Path) -> None:
    allows, silent = run(tmp_path / "a", allow_less_load=True), run(tmp_path / "b")
    assert settings_for([allows], {})[0].allow_less_load is True
    assert settings_for([allows, silent], {})[0].allow_less_load is False
    assert settings_for([silent], {"allow_less_load": True})[0].allow_less_load is True


def test_runs_that_disagree_are_refused_until_the_command_line_decides(tmp_path: Path) -> None:
    folders = [run(tmp_path / "a", margin=0.01), run(tmp_path / "b", margin=0.02)]
    with pytest.raises(SettingsError, match="--margin"):
        settings_for(folders, {})
    assert settings_for(folders, {"margin": 0.03})[0].margin == 0.03


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("margin", 0.0),
        ("margin", 1.0),
        ("margin", float("nan")),
        ("alpha", -0.1),
        ("slo_success_ratio", 1.1),
        ("slo_max_duration_s", 0.0),
        ("slo_timeouts", -1),
    ],
)
def test_value_that_breaks_its_rule_is_named(tmp_path: Path, option: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"--{option.replace('_', '-')} = {value!r} is not allowed: it is "):
        settings_for([tmp_path], {option: value})


def test_nonsense_in_run_json_is_named_with_its_place(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", margin="wide")
    with pytest.raises(SettingsError, match=r"run\.json: settings\.margin = 'wide' is not allowed"):
        settings_for([folder], {})
