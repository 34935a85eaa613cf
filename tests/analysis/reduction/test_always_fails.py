"""What always fails while others do not: users, scenarios, and requests from a size on."""

from itertools import chain
from typing import Any

import pytest

from analysis.reduction.tables import Tables
from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import LATE, tables_of, tried

Rows = list[oracle.Row]


def tables_of_each(cases: tuple[Rows, ...]) -> Tables:
    """The tables of all cases at once, each on platforms of its own, which no other case has a say in."""
    apart = [
        row | {"platform": f"{row['platform']} {case}", "worker": f"w{case}"}
        for case, rows in enumerate(cases)
        for row in rows
    ]
    return tables_of(*(row | {"seq": seq} for seq, row in enumerate(apart)), LATE | {"seq": len(apart)})


def always_of(*cases: Rows) -> list[list[tuple[Any, ...]]]:
    """What always fails in each case, by rows that are numbered here; each user stands for a number of attempts."""
    table = tables_of_each(cases).always
    platform = table["platform"].astype(str).str.rsplit(" ", n=1)
    named = table.assign(platform=platform.str[0], case=platform.str[1])
    columns = ["platform", "what", "subject", "part", "size", "n", "bad"]
    return [
        list(named.loc[named["case"] == str(case), columns].itertuples(index=False, name=None))
        for case in range(len(cases))
    ]


@pytest.mark.slow
def test_a_user_whose_attempts_fail_nine_times_in_ten_of_ten_and_more_is_one_that_always_fails() -> None:
    fine = tried(10, 0, subject="bert")
    often, seldom, few, second, elsewhere = always_of(
        [*tried(10, 9, subject="anna"), *fine],
        [*tried(10, 8, subject="anna"), *fine],
        [*tried(9, 9, subject="anna"), *fine],
        # A second try is no attempt of its own, and other arms may change what fails.
        [*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", retry=1), *fine],
        [*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", mitigation="retry"), *fine],
    )
    assert often == [("Windows", "user", "anna", "", -1, 10, 9)]
    assert seldom == few == second == elsewhere == []


@pytest.mark.slow
def test_where_most_users_of_a_platform_always_fail_it_is_not_they_who_do() -> None:
    struck = [tried(10, 10, subject=name) for name in ("anna", "bert")]
    fine = [tried(10, 0, subject=name) for name in ("cleo", "dora")]
    elsewhere = [tried(10, 0, subject=name, platform="Linux", host="h2") for name in ("cleo", "dora")]
    half, most, all_here = always_of(
        [*chain(*struck, *fine)], [*chain(*struck, fine[0])], [*chain(*struck, *elsewhere)]
    )
    assert [row[2] for row in half] == ["anna", "bert"]
    assert most == all_here == []


@pytest.mark.slow
def test_a_user_may_fail_always_in_one_kind_or_one_operation_only() -> None:
    fine = [*tried(10, 0, subject="bert"), *tried(30, 0, subject="bert", kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    half = [
        *tried(10, 0, subject="anna"),
        *tried(6, 6, operation="chat", **mine),
        *tried(6, 6, operation="ping", **mine),
    ]
    one = [*half[:10], *tried(10, 10, operation="chat", **mine), *tried(10, 0, operation="ping", **mine)]
    assert always_of([*fine, *half], [*fine, *one]) == [
        [("Windows", "user", "anna", "exchanges", -1, 12, 12)],
        [("Windows", "user", "anna", "chat", -1, 10, 10)],
    ]


def never_ok_of(*cases: Rows) -> list[dict[str, tuple[int, int]]]:
    """In each case the users who never succeeded and their attempts, by kind; the rows are numbered here."""
    table = tables_of_each(cases).never_ok
    found = list(table[["platform", "kind", "users", "n"]].itertuples(index=False, name=None))
    return [
        {kind: (users, n) for platform, kind, users, n in found if platform == f"Windows {case}"}
        for case in range(len(cases))
    ]


@pytest.mark.slow
def test_a_user_who_failed_each_time_of_two_to_nine_never_succeeded() -> None:
    others = [row for name in ("bert", "cleo", "dora") for row in tried(30, 0, subject=name)]
    two, nine, *not_so = never_ok_of(
        [*tried(2, 2, subject="anna"), *others],
        [*tried(9, 9, subject="anna"), *others],
        # Once may be bad luck, ten times is always, and one success is a success.
        *([*tried(n, bad, subject="anna"), *others] for n, bad in ((1, 1), (10, 10), (9, 8))),
        # Where most users never succeed it is not they who fail, and whoever came in an outage failed with everybody.
        [*tried(2, 2, subject="anna"), *tried(2, 2, subject="emil"), *others[:30]],
        [*tried(2, 2, subject="anna"), *tried(3, 2, subject="bert")],
    )
    assert two == {"connect": (1, 2)}
    assert nine == {"connect": (1, 9)}
    assert not_so == [{}] * 5


@pytest.mark.slow
def test_a_user_may_never_succeed_at_one_operation_only() -> None:
    others = [row for name in ("bert", "cleo") for row in tried(30, 0, subject=name, kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    rows = [*tried(3, 3, operation="chat", **mine), *tried(20, 0, operation="ping", **mine), *others]
    assert never_ok_of(rows) == [{"exchange": (1, 3)}]


@pytest.mark.slow
def test_a_scenario_may_fail_always_as_a_user_may() -> None:
    burst = {"scenario": "burst", "kind": "exchange"}
    fine = [*tried(10, 0), *tried(10, 0, kind="exchange", operation="chat")]
    always, often, alone = always_of(
        [*fine, *tried(10, 0, scenario="burst"), *tried(10, 10, operation="chat", **burst)],
        [*fine, *tried(10, 8, operation="chat", **burst)],
        # The only scenario is no condition.
        tried(10, 10, operation="chat", **burst),
    )
    assert always == [("Windows", "scenario", "burst", "exchanges", -1, 10, 10)]
    assert often == alone == []


def test_attempts_of_a_scenario_that_always_fails_are_counted_in_their_cells() -> None:
    fine, struck = tried(12, 0), tried(12, 12, scenario="burst")
    rows = [row | {"seq": seq} for seq, row in enumerate([*fine, *struck])]
    cells = tables_of(*rows, LATE | {"seq": len(rows)}).cells
    assert cells[["n_always", "bad_always"]].sum().to_dict() == {"n_always": 12, "bad_always": 12}


@pytest.mark.slow
def test_a_user_who_came_during_an_outage_is_not_one_that_always_fails() -> None:
    fine = [row | {"scheduled_at": row["scheduled_at"] + 300_000_000} for row in tried(30, 0, subject="bert")]
    outage, anna = always_of(
        [*tried(10, 10, subject="anna"), *tried(5, 5, subject="bert"), *fine],
        [*tried(10, 10, subject="anna"), *tried(15, 0, subject="bert"), *fine],
    )
    assert outage == []
    assert [row[2] for row in anna] == ["anna"]


def asked(n: int, bad: int, size: int | None, **given: Any) -> list[oracle.Row]:
    return tried(n, bad, **({"kind": "exchange", "operation": "chat", "bytes_out": size} | given))


@pytest.mark.slow
def test_a_size_from_which_on_requests_always_fail_is_the_smallest_such() -> None:
    fine = [*asked(10, 0, 100), *asked(10, 0, 600)]
    from_2_kib, from_4_kib, few, unknown, connects = always_of(
        [*fine, *asked(6, 6, 2048), *asked(10, 10, 5000)],
        [*fine, *asked(10, 2, 2048), *asked(10, 10, 5000)],
        [*fine, *asked(9, 9, 5000)],
        [*fine, *asked(10, 10, None)],
        [*fine, *asked(10, 10, 5000, kind="connect", operation="connect")],
    )
    assert from_2_kib == [("Windows", "size", "", "chat", 11, 16, 16)]
    assert from_4_kib == [("Windows", "size", "", "chat", 12, 10, 10)]
    assert few == unknown == connects == []


@pytest.mark.slow
def test_an_operation_that_fails_at_every_size_is_not_one_of_a_size() -> None:
    few = [*asked(2, 1, 100_000), *asked(2, 1, 5000), *asked(2, 1, 1000)]
    assert always_of([*few, *asked(100, 100, 100)]) == [[]]


def test_what_always_fails_on_one_platform_is_not_counted_on_the_other() -> None:
    rows = [
        row
        for platform, host, bad in (("Windows", "h1", 10), ("Linux", "h2", 0))
        for row in (
            *asked(10, 0, 100, platform=platform, host=host),
            *asked(11, bad, 5000, platform=platform, host=host),
        )
    ]
    tables = tables_of(*rows, LATE)
    assert list(tables.always["platform"]) == ["Windows"]
    counted = tables.cells.groupby("platform")[["n", "n_always", "bad_always"]].sum()
    assert counted.to_dict("index") == {
        "Linux": {"n": 21, "n_always": 0, "bad_always": 0},
        "Windows": {"n": 21, "n_always": 11, "bad_always": 10},
    }


@pytest.mark.slow
def test_many_users_who_always_fail_hide_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.reduction.always_fails.MOST_ALWAYS", 1)
    users = [row for name in ("anna", "bert") for row in tried(10, 10, subject=name)]
    fine = [row for name in ("cleo", "dora") for row in tried(10, 0, subject=name)]
    sizes = [*asked(30, 0, 100, subject="cleo"), *asked(10, 10, 5000, subject="dora")]
    (found,) = always_of([*users, *fine, *sizes])
    assert [row[1:4] for row in found] == [("user", "anna", ""), ("size", "", "chat")]
