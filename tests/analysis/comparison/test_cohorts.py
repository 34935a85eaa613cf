import numpy as np

from analysis.comparison.cohorts import at_equal_loop, cohorts_of, contrasts, in_common, narrowed, platform_rates
from analysis.comparison.view import view_of
from analysis.model import Criteria
from tests.analysis.tables_by_hand import only, sketched, with_cells
from tests.typed import known

PAIR = ("websockets-asyncio", "websockets-selector")


def test_a_host_that_did_hardly_anything_is_left_out() -> None:
    tables = sketched()
    idle = only(tables, lambda frame: (frame["host"] != "Linux-2") | (frame.get("minute", frame["n"]) < 29_460_003))
    sides = cohorts_of(view_of(idle, Criteria()))
    assert len(sides.hosts) == 5
    assert len(sides.platforms) == 2
    assert sides.small == ("Linux-2",)


def test_three_platforms_are_each_held_against_the_rest() -> None:
    view = view_of(sketched(platforms=("Windows", "Linux", "macOS")), Criteria())
    sides = cohorts_of(view)
    effects = np.where(view.platform_of[sides.hosts] == 0, 0.1, 0.0)
    found = contrasts(view, sides, effects, np.zeros((20, len(effects))), 20)
    assert [one.name for one in found] == [f"{name} against the rest" for name in view.platforms]
    assert found[0].estimate.value == 0.1


def test_two_platforms_make_one_comparison_with_the_higher_one_first() -> None:
    view = view_of(sketched(), Criteria())
    sides = cohorts_of(view)
    for worse in (0, 1):
        effects = np.where(view.platform_of[sides.hosts] == worse, 0.1, 0.0)
        (one,) = contrasts(view, sides, effects, np.zeros((20, len(effects))), 20)
        assert one.name.startswith(f"{view.platforms[worse]} against")
        assert one.estimate.value > 0


def test_rates_of_the_platforms() -> None:
    view = view_of(sketched(suspect="platform", effect=0.2), Criteria())
    rates = dict(zip(view.platforms, platform_rates(view, view.compared), strict=True))
    assert known(rates["Windows"].estimate) > 10 * known(rates["Linux"].estimate)


def test_an_arm_beside_a_platforms_own_loop_is_left_out_and_named() -> None:
    view = view_of(sketched(clients=("websocket-client", *PAIR)), Criteria())
    sides = cohorts_of(view)
    assert sides.beside == ("websockets-asyncio/asyncio-selector",)
    left = sides.every_arm.where(~in_common(sides.every_arm, sides.platforms))
    assert {view.platforms[p] for p in left.platform} == {"Windows"}
    assert len(sides.cells) + len(left) == len(sides.every_arm)


def test_uvloop_beside_the_selector_is_an_arm_that_windows_lacks() -> None:
    tables = sketched(clients=PAIR)
    fast = (tables.cells["platform"] == "Linux") & (tables.cells["delay_us"] == 0)
    view = view_of(with_cells(tables, event_loop=np.where(fast, "uvloop", tables.cells["event_loop"])), Criteria())
    assert "websockets-asyncio/uvloop" in cohorts_of(view).beside


def test_a_library_that_only_one_platform_has_stays_and_is_missed_by_the_check() -> None:
    tables = sketched()
    only_there = (tables.cells["platform"] == "Windows") & (tables.cells["client"] == "websockets-asyncio")
    view = view_of(with_cells(tables, client=np.where(only_there, "another", tables.cells["client"])), Criteria())
    assert cohorts_of(view).beside == ()


def test_at_equal_loop_the_same_client_is_the_one_of_that_name() -> None:
    view = view_of(sketched(clients=("websocket-client", *PAIR)), Criteria())
    equal = known(at_equal_loop(view, cohorts_of(view)))
    assert {view.clients[c] for c in equal.cells.client} == {"websockets-asyncio/asyncio-selector"}
    assert len(set(equal.cells.family)) == 1
    assert set(equal.cells.platform) == {0, 1}


def test_without_one_loop_everywhere_or_with_nothing_else_there_is_no_equal_loop_apart() -> None:
    for given in ({"clients": PAIR[:1]}, {"platforms": ("Linux", "macOS")}, {"clients": PAIR[1:]}):
        view = view_of(sketched(**given), Criteria())
        assert at_equal_loop(view, cohorts_of(view)) is None


def test_sides_with_one_host_left_are_no_sides() -> None:
    view = view_of(sketched(), Criteria())
    sides = cohorts_of(view)
    few = np.isin(sides.cells.host, [0, 3, 4, 5])
    assert narrowed(view, sides, sides.cells.where(few)) is None
    assert len(known(narrowed(view, sides, sides.cells)).hosts) == 6
