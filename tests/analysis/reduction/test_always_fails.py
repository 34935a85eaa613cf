"""What always fails while others do not: users, scenarios, and requests from a size on."""

from itertools import chain
from typing import Any

import pytest

from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import LATE, tables_of, tried


def always_of(*rows: oracle.Row) -> list[tuple[Any, ...]]:
    """What always fails, by rows that are numbered here; each user stands for a number of attempts."""
    table = tables_of(*(row | {"seq": seq} for seq, row in enumerate(rows)), LATE | {"seq": len(rows)}).always
    return list(table[["platform", "what", "subject", "part", "size", "n", "bad"]].itertuples(index=False, name=None))


def test_a_user_whose_attempts_fail_nine_times_in_ten_of_ten_and_more_is_one_that_always_fails() -> None:
    fine = tried(10, 0, subject="bert")
    assert always_of(*tried(10, 9, subject="anna"), *fine) == [("Windows", "user", "anna", "", -1, 10, 9)]
    assert always_of(*tried(10, 8, subject="anna"), *fine) == []
    assert always_of(*tried(9, 9, subject="anna"), *fine) == []
    # A second try is no attempt of its own, and other arms may change what fails.
    assert always_of(*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", retry=1), *fine) == []
    assert always_of(*tried(9, 9, subject="anna"), *tried(1, 1, subject="anna", mitigation="retry"), *fine) == []


def test_where_most_users_of_a_platform_always_fail_it_is_not_they_who_do() -> None:
    struck = [tried(10, 10, subject=name) for name in ("anna", "bert")]
    fine = [tried(10, 0, subject=name) for name in ("cleo", "dora")]
    assert [row[2] for row in always_of(*chain(*struck, *fine))] == ["anna", "bert"]
    assert always_of(*chain(*struck, fine[0])) == []
    elsewhere = [tried(10, 0, subject=name, platform="Linux", host="h2") for name in ("cleo", "dora")]
    assert always_of(*chain(*struck, *elsewhere)) == []


def test_a_user_may_fail_always_in_one_kind_or_one_operation_only() -> None:
    fine = [*tried(10, 0, subject="bert"), *tried(30, 0, subject="bert", kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    half = [
        *tried(10, 0, subject="anna"),
        *tried(6, 6, operation="chat", **mine),
        *tried(6, 6, operation="ping", **mine),
    ]
    assert always_of(*fine, *half) == [("Windows", "user", "anna", "exchanges", -1, 12, 12)]
    one = [*half[:10], *tried(10, 10, operation="chat", **mine), *tried(10, 0, operation="ping", **mine)]
    assert always_of(*fine, *one) == [("Windows", "user", "anna", "chat", -1, 10, 10)]


def never_ok_of(*rows: oracle.Row) -> dict[tuple[str, str], tuple[int, int]]:
    """Users who never succeeded and their attempts, by platform and kind; the rows are numbered here."""
    table = tables_of(*(row | {"seq": seq} for seq, row in enumerate(rows)), LATE | {"seq": len(rows)}).never_ok
    found = table[["platform", "kind", "users", "n"]].itertuples(index=False, name=None)
    return {(platform, kind): (users, n) for platform, kind, users, n in found}


def test_a_user_who_failed_each_time_of_two_to_nine_never_succeeded() -> None:
    others = [row for name in ("bert", "cleo", "dora") for row in tried(30, 0, subject=name)]
    assert never_ok_of(*tried(2, 2, subject="anna"), *others) == {("Windows", "connect"): (1, 2)}
    assert never_ok_of(*tried(9, 9, subject="anna"), *others) == {("Windows", "connect"): (1, 9)}
    # Once may be bad luck, ten times is always, and one success is a success.
    for n, bad in ((1, 1), (10, 10), (9, 8)):
        assert never_ok_of(*tried(n, bad, subject="anna"), *others) == {}
    # Where most users never succeed it is not they who fail, and whoever came in an outage failed with everybody.
    assert never_ok_of(*tried(2, 2, subject="anna"), *tried(2, 2, subject="emil"), *others[:30]) == {}
    assert never_ok_of(*tried(2, 2, subject="anna"), *tried(3, 2, subject="bert")) == {}


def test_a_user_may_never_succeed_at_one_operation_only() -> None:
    others = [row for name in ("bert", "cleo") for row in tried(30, 0, subject=name, kind="exchange", operation="chat")]
    mine = {"subject": "anna", "kind": "exchange"}
    rows = [*tried(3, 3, operation="chat", **mine), *tried(20, 0, operation="ping", **mine), *others]
    assert never_ok_of(*rows) == {("Windows", "exchange"): (1, 3)}


def test_a_scenario_may_fail_always_as_a_user_may() -> None:
    burst = {"scenario": "burst", "kind": "exchange"}
    fine = [*tried(10, 0), *tried(10, 0, kind="exchange", operation="chat")]
    assert always_of(*fine, *tried(10, 0, scenario="burst"), *tried(10, 10, operation="chat", **burst)) == [
        ("Windows", "scenario", "burst", "exchanges", -1, 10, 10)
    ]
    assert always_of(*fine, *tried(10, 8, operation="chat", **burst)) == []
    # The only scenario is no condition.
    assert always_of(*tried(10, 10, operation="chat", **burst)) == []


def test_attempts_of_a_scenario_that_always_fails_are_counted_in_their_cells() -> None:
    fine, struck = tried(12, 0), tried(12, 12, scenario="burst")
    rows = [row | {"seq": seq} for seq, row in enumerate([*fine, *struck])]
    cells = tables_of(*rows, LATE | {"seq": len(rows)}).cells
    assert cells[["n_always", "bad_always"]].sum().to_dict() == {"n_always": 12, "bad_always": 12}


def test_a_user_who_came_during_an_outage_is_not_one_that_always_fails() -> None:
    fine = [row | {"scheduled_at": row["scheduled_at"] + 300_000_000} for row in tried(30, 0, subject="bert")]
    assert always_of(*tried(10, 10, subject="anna"), *tried(5, 5, subject="bert"), *fine) == []
    assert [row[2] for row in always_of(*tried(10, 10, subject="anna"), *tried(15, 0, subject="bert"), *fine)] == [
        "anna"
    ]


def asked(n: int, bad: int, size: int | None, **given: Any) -> list[oracle.Row]:
    return tried(n, bad, **({"kind": "exchange", "operation": "chat", "bytes_out": size} | given))


def test_a_size_from_which_on_requests_always_fail_is_the_smallest_such() -> None:
    fine = [*asked(10, 0, 100), *asked(10, 0, 600)]
    assert always_of(*fine, *asked(6, 6, 2048), *asked(10, 10, 5000)) == [("Windows", "size", "", "chat", 11, 16, 16)]
    assert always_of(*fine, *asked(10, 2, 2048), *asked(10, 10, 5000)) == [("Windows", "size", "", "chat", 12, 10, 10)]
    assert always_of(*fine, *asked(9, 9, 5000)) == []
    assert always_of(*fine, *asked(10, 10, None)) == []
    assert always_of(*fine, *asked(10, 10, 5000, kind="connect", operation="connect")) == []


def test_an_operation_that_fails_at_every_size_is_not_one_of_a_size() -> None:
    few = [*asked(2, 1, 100_000), *asked(2, 1, 5000), *asked(2, 1, 1000)]
    assert always_of(*few, *asked(100, 100, 100)) == []


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


def test_many_users_who_always_fail_hide_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.reduction.always_fails.MOST_ALWAYS", 1)
    users = [row for name in ("anna", "bert") for row in tried(10, 10, subject=name)]
    fine = [row for name in ("cleo", "dora") for row in tried(10, 0, subject=name)]
    sizes = [*asked(30, 0, 100, subject="cleo"), *asked(10, 10, 5000, subject="dora")]
    assert [row[1:4] for row in always_of(*users, *fine, *sizes)] == [("user", "anna", ""), ("size", "", "chat")]
