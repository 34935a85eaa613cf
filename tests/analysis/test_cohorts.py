import numpy as np

from analysis.cohorts import cohorts_of, contrasts, platform_rates
from analysis.model import Settings
from analysis.view import view_of
from tests.analysis.tables_by_hand import only, sketched


def test_a_host_that_did_hardly_anything_is_left_out():
    tables = sketched()
    idle = only(tables, lambda frame: (frame["host"] != "Linux-2") | (frame.get("minute", frame["n"]) < 29_460_003))
    sides = cohorts_of(view_of(idle, Settings()))
    assert len(sides.hosts) == 5
    assert len(sides.platforms) == 2
    assert sides.small == ("Linux-2",)


def test_three_platforms_are_each_held_against_the_rest():
    view = view_of(sketched(platforms=("Windows", "Linux", "macOS")), Settings())
    sides = cohorts_of(view)
    effects = np.where(view.platform_of[sides.hosts] == 0, 0.1, 0.0)
    found = contrasts(view, sides, effects, np.zeros((20, len(effects))), 20)
    assert [one.name for one in found] == [f"{name} against the rest" for name in view.platforms]
    assert found[0].estimate.value == 0.1


def test_two_platforms_make_one_comparison_with_the_higher_one_first():
    view = view_of(sketched(), Settings())
    sides = cohorts_of(view)
    for worse in (0, 1):
        effects = np.where(view.platform_of[sides.hosts] == worse, 0.1, 0.0)
        (one,) = contrasts(view, sides, effects, np.zeros((20, len(effects))), 20)
        assert one.name.startswith(f"{view.platforms[worse]} against")
        assert one.estimate.value > 0


def test_rates_of_the_platforms():
    view = view_of(sketched(suspect="platform", effect=0.2), Settings())
    rates = dict(zip(view.platforms, platform_rates(view, view.compared), strict=True))
    assert rates["Windows"].estimate > 10 * rates["Linux"].estimate
