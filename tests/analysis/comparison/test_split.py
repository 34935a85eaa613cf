"""Rates in every part of the run: which parts there are, and which of them keep a claim open."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from analysis.comparison.split import Share, bound, by_instance, counted, shares
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from analysis.stats.rates import Rate
from tests.analysis.tables_by_hand import sketched, with_cells

MARGIN = Criteria().margin


def share(events: int, n: int, usual: float = 0.0, name: str = "connects of x") -> Share:
    return Share(name=name, rate=Rate(events=events, n=n, design_effect=1.0), usual=usual)


def names(found: Iterable[Share]) -> list[str]:
    return [one.name for one in found]


# -- what keeps a claim open --------------------------------------------------------------------------------


def test_a_part_below_the_margin_is_neither_beyond_nor_too_small() -> None:
    found = bound([share(0, 1000), share(10, 10_000, usual=0.001)], MARGIN)
    assert (found.beyond, found.few) == ((), ())


def test_a_small_part_like_the_rest_is_named_and_one_unlike_the_rest_keeps_the_claim_open() -> None:
    found = bound([share(0, 100, name="a"), share(6, 200, usual=0.001, name="b")], MARGIN)
    assert found.few == ("a",)
    assert names(found.beyond) == ["b"]


def test_one_failure_in_one_of_many_small_parts_is_bad_luck() -> None:
    many = [share(0, 200, usual=1e-4, name=str(n)) for n in range(20)]
    assert not bound([*many, share(1, 200, usual=1e-4)], MARGIN).beyond


def test_failing_as_usual_a_large_part_is_bounded_and_one_of_middle_size_is_too_small() -> None:
    usual = 0.002
    large, middle = share(12, 10_000, usual=usual), share(4, 1500, usual=usual, name="middle")
    assert bound([large], MARGIN) == bound([], MARGIN)
    assert bound([large, middle], MARGIN).few == ("middle",)


def test_a_large_part_that_reaches_the_margin_keeps_the_claim_open_though_it_is_like_the_rest() -> None:
    # Forty of ten thousand, where a third of that is usual, are not far from it; 200 of 50,000 are as many as usual.
    assert bound([share(42, 10_000, usual=0.0035)], MARGIN).beyond
    assert bound([share(250, 50_000, usual=0.005)], MARGIN).beyond


def test_beside_the_rest_only_the_excess_counts() -> None:
    assert bound([share(250, 50_000, usual=0.005)], MARGIN).beyond
    assert not bound([share(250, 50_000, usual=0.005)], MARGIN, beside_the_rest=True).beyond
    assert bound([share(700, 50_000, usual=0.005)], MARGIN, beside_the_rest=True).beyond


def test_the_finding_names_three_parts_and_shows_all_and_says_what_would_bound_the_worst() -> None:
    found = bound([share(20, 500, name=f"p{n}") for n in range(4)], MARGIN)
    held = found.held_open(Finding(state="undecided"), MARGIN, "Little as a whole.")
    assert held.evidence.startswith("Little as a whole. Not surely below 0.5 %: p0 (4.00 % (20 of 500")
    assert "p2" in held.evidence
    assert "p3" not in held.evidence
    assert {name: part.state for name, part in held.parts.items()} == dict.fromkeys(
        ("p0", "p1", "p2", "p3"), "confirmed"
    )
    assert held.needs.startswith("A run that looks at the p3 alone")
    few = bound([share(3, 1500, usual=1e-5)], MARGIN)
    assert few.needs(MARGIN).startswith("About ")
    assert "more connects of x (now 1,500)" in few.needs(MARGIN)


# -- the parts ----------------------------------------------------------------------------------------------


def parts(**given: Any) -> dict[str, Share]:
    view = view_of(sketched(1, **given), Criteria())
    return {one.name: one for one in shares(view, view.cells, counted(view.cells, view.cells.residual))}


def test_each_kind_is_taken_apart_by_operation_platform_client_delay_site_and_host() -> None:
    found = parts()
    for name in (
        "connects",
        "chat exchanges",
        "exchanges of Windows",
        "connects of websocket-client/gevent-libev",
        "connects with 160 ms added",
        "exchanges of north",
        "connects of Linux Linux-1",
        "exchanges with 320 ms added on Windows",
    ):
        assert name in found, name
    # There is one operation that connects, and that client runs on one platform only.
    assert "connect connects" not in found
    assert "connects of websocket-client/gevent-libev on Linux" not in found
    hosts = [one.rate.n for name, one in found.items() if name.startswith("connects of ") and "-" in name[-3:]]
    assert sum(hosts) == found["connects"].rate.n
    assert found["connects of Linux Linux-1"].usual == found["connects"].rate.estimate


def test_what_there_is_one_of_is_no_part() -> None:
    alone = {"operations": ("connect",), "delays_us": (0,), "platforms": ("Linux",), "hosts": 1}
    assert not parts(**alone, clients=("websocket-client",))


def test_instances_are_told_apart_by_kind_and_operation_and_one_alone_is_none() -> None:
    tables = sketched(1)
    view = view_of(tables, Criteria())
    found = by_instance(view, ["bad"])
    assert {one.name for one in found} == {
        f"{what} of {instance}"
        for what in ("connects", "exchanges", "chat exchanges", "ping exchanges")
        for instance in "ab"
    }
    assert {one.name for one in by_instance(view, ["bad"], kinds=("connect",))} == {"connects of a", "connects of b"}
    assert not [one for one in by_instance(view, ["bad"], but=("chat",)) if "chat" in one.name]
    single = replace(tables, instances=tables.instances.assign(server_instance="a"))
    assert not by_instance(view_of(single, Criteria()), ["bad"])


def test_an_instances_events_are_the_sum_of_its_columns() -> None:
    explicit = with_cells(sketched(1, base_risk=0.0), explicit=lambda cells: cells["n"] // 2)
    view = view_of(explicit, Criteria())
    total = int(view.cells.explicit.sum())
    for counts in (["explicit"], ["bad"], ["format", "explicit"]):
        by_kind = [one for one in by_instance(view, counts) if one.name.split()[0] in ("connects", "exchanges")]
        assert sum(one.rate.events for one in by_kind) == total
    assert by_instance(view, ["auth"])[0].rate.events == 0
