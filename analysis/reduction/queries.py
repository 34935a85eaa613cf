"""Runs the queries of a reduction; each is built and compiled once for tables of one shape, and its SQL is kept.

On a short run Ibis takes several times as long to build and to compile the queries as DuckDB takes to answer them, and
one process reduces again and again: looks at a run that goes on, the runs of a calibration. What the SQL says depends
on the names and columns of the tables that are read, and on the values given, and on no row. Other engines than DuckDB
are given the expressions as they are.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import ibis
import ibis.expr.operations as ops
import pandas as pd
import pyarrow as pa
from ibis.formats.pandas import PandasData

from analysis.reduction.frames import in_order

# From tables, and values that can be hashed, to a table: a function of a module, since its name is that of the table.
Query = Callable[..., ibis.Table]

# A reduction has about forty, of which five hold moments of their run.
MOST_COMPILED: Final = 400


class Named(NamedTuple):
    """A table, or a view, that has a name in the engine."""

    name: str
    table: ibis.Table


class _Compiled(NamedTuple):
    """A query's SQL, and the columns that it gives."""

    sql: str
    schema: ibis.Schema


# What Arrow gives of such a column is what Ibis makes of it.
_SAME_IN_PANDAS: Final = (pa.int64(), pa.float64(), pa.bool_(), pa.string())

# By query, and the names and columns of the tables that it reads; the latest last.
_compiled: Final[OrderedDict[Hashable, _Compiled]] = OrderedDict()
# Columns of what was made by such a query, as the engine has them.
_made: Final[OrderedDict[Hashable, ibis.Schema]] = OrderedDict()
# Numbers in the names of those that are at work: the lowest is taken, so that the same names come again.
_at_work: Final[set[int]] = set()


class Queries:
    """The queries on one table of attempts (`queries_on`), and the names that they have in the engine for a while."""

    def __init__(self, backend: ibis.BaseBackend, number: int) -> None:
        self._backend = backend
        self._is_duckdb = backend.name == "duckdb"
        self._number = number
        self._given: list[tuple[str, str]] = []

    def frame(self, query: Query, *given: Any) -> pd.DataFrame:
        """What a query gives, in the order of its columns.

        Args:
            query: A function of a module.
            given: Its arguments: tables that have a name, and values that can be hashed.
        """
        if not self._is_duckdb:
            return in_order(_expression(query, given).to_pandas())
        compiled = self._known(query, given)
        ordered = f"SELECT * FROM ({compiled.sql}) ORDER BY ALL NULLS LAST"
        return _as_pandas(self._backend.con.sql(ordered).to_arrow_table(), compiled.schema)

    def view(self, query: Query, *given: Any) -> Named:
        """A name for what a query gives, so that what is built on it is short."""
        return self._named("VIEW", query, given)

    def kept(self, query: Query, *given: Any) -> Named:
        """The rows that a query gives, kept where the engine can keep them; elsewhere a name for it."""
        return self._named("TEMP TABLE" if self._is_duckdb else "VIEW", query, given)

    def table(self, called: str, frame: pd.DataFrame) -> Named:
        """A small table that other queries join."""
        table = ibis.memtable(frame)
        if not self._is_duckdb:
            return Named(called, table)
        name = self._name("VIEW", called)
        rows = pa.Table.from_pandas(frame, table.schema().to_pyarrow(), preserve_index=False)
        self._backend.con.register(name, rows)
        return Named(name, self._table(name, table.schema()))

    def named(self, called: str, table: ibis.Table) -> Named:
        """A name for a table that is no query's."""
        name = self._name("VIEW", called)
        return Named(name, self._backend.create_view(name, table))

    def close(self) -> None:
        """Take all names back."""
        # Not `drop_view`: what Ibis 12 writes with SQLGlot 30 has no name in it.
        for kind, name in reversed(self._given):
            self._backend.raw_sql(f"DROP {kind.removeprefix('TEMP ')} IF EXISTS {name}")

    def _named(self, kind: str, query: Query, given: tuple[Any, ...]) -> Named:
        name = self._name(kind, query.__name__)
        if not self._is_duckdb:
            return Named(name, self._backend.create_view(name, _expression(query, given)))
        self._backend.raw_sql(f"CREATE {kind} {name} AS {self._known(query, given).sql}")
        key = (name, _key(query, given))
        if key not in _made:
            _keep(_made, key, self._backend.table(name).schema())
        return Named(name, self._table(name, _made[key]))

    def _known(self, query: Query, given: tuple[Any, ...]) -> _Compiled:
        key = _key(query, given)
        if key not in _compiled:
            built = _expression(query, given)
            _keep(_compiled, key, _Compiled(str(self._backend.compile(built)), built.schema()))
        _compiled.move_to_end(key)
        return _compiled[key]

    def _name(self, kind: str, called: str) -> str:
        name = f"wsoak_{self._number}_{len(self._given)}_{called}"
        self._given.append((kind, name))
        return name

    def _table(self, name: str, schema: ibis.Schema) -> ibis.Table:
        return ops.DatabaseTable(name=name, schema=schema, source=self._backend).to_expr()


@contextmanager
def queries_on(attempts: ibis.Table) -> Iterator[tuple[Queries, Named]]:
    """Queries on a table of attempts, and the table with a name; no name is left when it is done."""
    number = next(number for number in itertools.count() if number not in _at_work)
    _at_work.add(number)
    queries = Queries(attempts.get_backend(), number)
    try:
        yield queries, queries.named("attempts", attempts)
    finally:
        _at_work.discard(number)
        queries.close()


def forget() -> None:
    """Forget all that was compiled."""
    _compiled.clear()
    _made.clear()


def _expression(query: Query, given: tuple[Any, ...]) -> ibis.Table:
    return query(*(one.table if isinstance(one, Named) else one for one in given))


def _key(query: Query, given: tuple[Any, ...]) -> Hashable:
    return query, *((one.name, one.table.schema()) if isinstance(one, Named) else one for one in given)


def _keep(kept: OrderedDict[Hashable, Any], key: Hashable, value: Any) -> None:
    kept[key] = value
    if len(kept) > MOST_COMPILED:
        kept.popitem(last=False)


def _as_pandas(table: pa.Table, schema: ibis.Schema) -> pd.DataFrame:
    """As `to_pandas` of Ibis' DuckDB has it: a column with nulls through Python's values, so that counts stay whole."""
    plain, others = {}, {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            others[name] = column.to_pylist()
        elif column.type in _SAME_IN_PANDAS and column.type == schema[name].to_pyarrow():
            plain[name] = column.to_pandas()
        else:
            others[name] = column.to_pandas()
    if not others:
        return pd.DataFrame(plain)
    converted = PandasData.convert_table(pd.DataFrame(others), ibis.schema({name: schema[name] for name in others}))
    return pd.DataFrame({name: plain.get(name, converted.get(name)) for name in schema}, columns=list(schema))
