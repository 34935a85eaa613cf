import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison.loops import BESIDE, KINDS, families, family, own_loops
from analysis.simulation.design import ARMS, arm_of

PLATFORMS = ("Windows", "Linux", "Darwin")
LOOPS = (*KINDS, "uvloop", "unknown")
arms = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(LOOPS), st.sampled_from(PLATFORMS))


@pytest.mark.parametrize(
    ("event_loop", "platform", "expected"),
    [
        ("gevent-libuv", "Windows", "gevent"),
        ("gevent-libev", "Linux", "gevent"),
        ("gevent-libev", "Windows", "gevent"),  # so under Wine
        ("asyncio-proactor", "Windows", "asyncio"),
        ("asyncio-selector", "Linux", "asyncio"),
        ("asyncio-selector", "Darwin", "asyncio"),
        ("asyncio-selector", "Windows", "asyncio-selector"),
        ("uvloop", "Linux", "uvloop"),
        ("unknown", "Windows", "unknown"),
    ],
)
def test_a_platforms_default_loops_are_one_family_and_what_runs_beside_them_is_its_own(
    event_loop: str, platform: str, expected: str
) -> None:
    assert family(event_loop, platform) == expected


def test_every_client_has_the_same_family_on_every_platform_but_for_the_selector_on_windows() -> None:
    for client in ARMS:
        found = {family(arm_of(client, platform)[1], platform) for platform in PLATFORMS}
        assert (len(found) == 1) == (client != "websockets-selector")


def test_the_selector_alone_on_windows_is_what_its_library_is_compared_by() -> None:
    alone = families([("websockets", "asyncio-selector", "Windows"), ("websockets", "asyncio-selector", "Linux")])
    assert set(alone.values()) == {"asyncio"}
    beside = families([*alone, ("websockets", "asyncio-proactor", "Windows")])
    assert beside["websockets", "asyncio-selector", "Windows"] == "asyncio-selector"
    assert beside["websockets", "asyncio-proactor", "Windows"] == "asyncio"


@given(st.lists(arms, max_size=12))
def test_no_two_loops_of_a_library_on_one_platform_are_one_family_unless_both_are_defaults_of_gevent(
    listed: list[tuple[str, str, str]],
) -> None:
    found = families(listed)
    assert set(found) == set(listed)
    for one in listed:
        assert found[one] in (family(one[1], one[2]), KINDS.get(one[1]))
        for two in listed:
            if one[::2] == two[::2] and one[1] != two[1] and (one[1], one[2]) in BESIDE:
                assert found[one] != found[two]


def test_loops_that_only_one_platform_takes_are_named_where_others_lack_them() -> None:
    windows, linux = ("asyncio-proactor", "gevent-libuv"), ("asyncio-selector", "gevent-libev")
    assert own_loops(windows, linux) == "whose asyncio loop is the Proactor and whose gevent loop is libuv"
    assert own_loops(windows[:1], linux) == "whose asyncio loop is the Proactor"
    assert own_loops(linux, windows) == ""
    assert own_loops(windows, windows) == ""
