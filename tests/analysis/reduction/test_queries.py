"""Queries are compiled once for tables of one shape, and give what Ibis gives."""

from __future__ import annotations

from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from ibis import _

from analysis.reduction import queries as module
from analysis.reduction.frames import frame_of
from analysis.reduction.queries import forget, queries_on
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_rows
from tests.analysis.reduction.attempt_rows import LATE, a_row, arrow

ROWS = pa.table({"name": ["b", "a", None, "b"], "n": [1, None, 3, 4], "x": [0.5, None, 2.0, float("nan")]})
NAMES = "select view_name from duckdb_views() union select table_name from duckdb_tables()"
built: list[str] = []


def summed(rows: ibis.Table, least: int) -> ibis.Table:
    built.append("summed")
    known = rows.filter(_.n.fill_null(9) >= least)
    return known.group_by("name").agg(
        n=known.n.sum(), x=known.x.max(), whole=known.count(), is_any=known.n.notnull().any()
    )


def joined(rows: ibis.Table, words: ibis.Table) -> ibis.Table:
    built.append("joined")
    return rows.join(words, "name")


@pytest.fixture(autouse=True)
def nothing_compiled() -> None:
    forget()
    built.clear()


def the_sums(rows: pa.Table, least: int = 0) -> pd.DataFrame:
    with queries_on(open_rows(rows)) as (queries, named):
        return queries.frame(summed, named, least)


@pytest.mark.parametrize("least", [0, 4, 99])
def test_a_query_gives_what_ibis_gives_to_the_type_of_each_column(least: int) -> None:
    for _again in range(2):
        pd.testing.assert_frame_equal(the_sums(ROWS, least), frame_of(summed(open_rows(ROWS), least)))


def test_a_query_is_built_once_for_each_value_and_shape_of_its_table() -> None:
    assert the_sums(ROWS)["whole"].sum() == 4
    assert the_sums(ROWS.slice(1))["whole"].sum() == 3  # other rows
    assert built == ["summed"]
    assert the_sums(ROWS, 4)["whole"].sum() == 2
    assert the_sums(ROWS.set_column(1, "n", ROWS["n"].cast(pa.float64())))["n"].dtype == "float64"
    assert built == ["summed"] * 3


def test_views_kept_rows_and_small_tables_are_built_upon_by_name() -> None:
    words = pd.DataFrame({"name": ["a", "b"], "word": ["x", "y"]})
    seen: list[Any] = []
    for _again in range(2):
        with queries_on(open_rows(ROWS)) as (queries, named):
            sums = queries.view(summed, named, 0)
            both = queries.kept(joined, sums, queries.table("words", words))
            seen.append(queries.frame(joined, both, queries.table("again", words)))
    assert built == ["summed", "joined", "joined"]
    assert seen[0][["name", "whole", "word", "word_right"]].to_dict("list") == {
        "name": ["a", "b"],
        "whole": [1, 2],
        "word": ["x", "y"],
        "word_right": ["x", "y"],
    }
    pd.testing.assert_frame_equal(*seen)


def test_two_at_work_in_one_engine_do_not_meet() -> None:
    rows = open_rows(ROWS)
    with queries_on(rows) as (queries, named), queries_on(rows.filter(_.name == "a")) as (others, theirs):
        mine, their = queries.kept(summed, named, 0), others.kept(summed, theirs, 0)
        assert (mine.table.whole.sum().to_pandas(), their.table.whole.sum().to_pandas()) == (4, 1)


def test_what_is_compiled_is_forgotten_when_it_is_much_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COMPILED", 2)
    for least in (0, 1, 0, 2, 0, 1):
        the_sums(ROWS, least)
    assert len(module._compiled) == 2
    assert built == ["summed"] * 4  # 0 was asked for again in time, 1 was not


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind_in_the_engine(fails: bool) -> None:
    rows = open_rows(arrow([a_row(), LATE]))
    before = set(rows.get_backend().raw_sql(NAMES).fetchall())
    if fails:
        with pytest.raises(ZeroDivisionError), queries_on(rows) as (queries, named):
            queries.kept(as_it_is, named)
            raise ZeroDivisionError
    else:
        reduce(rows)
    assert set(rows.get_backend().raw_sql(NAMES).fetchall()) == before
    assert not module._at_work


def as_it_is(rows: ibis.Table) -> ibis.Table:
    return rows.mutate(again=_.kind)
