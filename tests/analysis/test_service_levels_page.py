"""The page on service levels names what the code has."""

from pathlib import Path

import pytest

from analysis.cli import parser
from analysis.verdict.generator_health import BUSY_RUN_S, LAGGED_SHARE, LATE_SECONDS, UNMEASURED_SHARE
from analysis.verdict.load import LEAST_SHARE, TOLERANCE
from analysis.verdict.service_levels import Levels, fewest_attempts
from analysis.verdict.stability import FEWEST_PARTS

PAGE = (Path(__file__).parents[2] / "docs" / "service-levels.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", [action.option_strings[0] for action in parser()._actions if action.option_strings])
def test_every_service_level_s_option_is_on_the_page(option: str) -> None:
    if option.startswith("--slo-"):
        assert f"`{option}`" in PAGE


def test_numbers_on_the_page_are_the_code_s() -> None:
    levels = Levels()
    assert f"at least {100 * levels.success_ratio:.0f} %" in PAGE
    assert f"longer than {levels.max_duration_s:.0f} s" in PAGE
    assert f"more than {100 * levels.worsening_ratio:.0f} point" in PAGE
    assert f"shown by {fewest_attempts(levels.success_ratio)} attempts" in PAGE
    assert (levels.timeouts, levels.slowdown_ratio, FEWEST_PARTS) == (0, 0.5, 5)
    assert f"within {100 * TOLERANCE:.0f} % of the plan in less than {100 * LEAST_SHARE:.0f} % of the time" in PAGE
    assert (LAGGED_SHARE, LATE_SECONDS, BUSY_RUN_S, UNMEASURED_SHARE) == (0.1, 5, 10, 0.01)
