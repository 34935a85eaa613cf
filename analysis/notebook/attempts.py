"""The rows of a run, read when they are asked for and not before, and only as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from analysis.notebook.errors import RunError, first_line, reading
from analysis.runs.dataset import attempts_table
from attempts.schema import COLUMNS

if TYPE_CHECKING:
    import ibis
    import pandas as pd

    from analysis.runs.dataset import Dataset

# A column's values that are wanted, or a condition on the table.
Where = Mapping[str, Any] | Callable[["ibis.Table"], "ibis.Value"]
MOST_MIB: Final = 1024.0
# From so many rows the size of all is estimated.
SAMPLE: Final = 20_000
_MIB: Final = 2**20


class Attempts:
    """The table `attempts` of one or more runs: one row an attempt, probes and what was cut off included.

    Its columns, their units and what null means are in `attempts/schema.py` and docs/method.md. Nothing is read until
    it is asked for.
    """

    def __init__(self, opened: Callable[[], Dataset], names: str) -> None:
        self._opened = opened
        self._names = names

    def __len__(self) -> int:
        """Rows, by the files' footers."""
        return self._opened().rows

    @property
    def columns(self) -> list[str]:
        """Names of the columns that any of the files has, in the order of the record."""
        there = frozenset[str]().union(*(names for run in self._opened().runs for names in run.columns))
        known = [column.name for column in COLUMNS]
        return [name for name in known if name in there] + sorted(there.difference(known))

    def table(self) -> ibis.Table:
        """An Ibis expression over all rows; it reads nothing until it is executed."""
        return attempts_table(self._opened())

    def sql(self, query: str) -> pd.DataFrame:
        """What DuckDB answers to a query of the view `attempts`: `SELECT ... FROM attempts GROUP BY ...`.

        Raises:
            RunError: DuckDB cannot run the query; its first sentence.
        """
        import duckdb
        import ibis

        table = self.table()
        connection = table.get_backend().con
        try:
            connection.execute(f"CREATE OR REPLACE TEMP VIEW attempts AS {ibis.to_sql(table)}")
            found: pd.DataFrame = connection.execute(query).df()
        except duckdb.Error as error:
            raise RunError(
                f"The query cannot be run ({first_line(error)}): it is SQL over the view attempts."
            ) from error
        return found

    def to_pandas(
        self, columns: Sequence[str] | None = None, where: Where | None = None, *, most_mib: float = MOST_MIB
    ) -> pd.DataFrame:
        """Rows as a data frame, once it was said how large that is.

        Args:
            columns: Their names; None: all.
            where: Values by column, one or a list of them (`{"outcome": ["timeout", "failed"]}`), or a function from
                the Ibis table to a condition (`lambda rows: rows.duration_s > 5`); None: all rows.
            most_mib: Refuse what would take more memory than this, in MiB.

        Raises:
            RunError: There is no such column, the condition is none, or the frame would be too large.
        """
        found = self._filtered(where)
        chosen = self.columns if columns is None else self._known([columns] if isinstance(columns, str) else columns)
        wanted = found.select(*chosen)
        how = "by the files' footers" if where is None else "counted"
        with reading(self._names):
            rows = len(self) if where is None else _counted(wanted)
            sample: pd.DataFrame = wanted.limit(SAMPLE).to_pandas()
        mib = float(sample.memory_usage(deep=True).sum()) / _MIB * (rows / len(sample) if len(sample) else 1.0)
        is_all = len(sample) >= rows
        told = "measured" if is_all else f"estimated from {len(sample):,} of them"
        size = f"{rows:,} rows ({how}) of {len(chosen)} columns: {mib:,.1f} MiB of memory ({told})"
        if mib > most_mib:
            raise RunError(
                f"{size} is more than most_mib={most_mib:,g} allows: name fewer columns=, a where=, or "
                f"most_mib={round(1.1 * mib + 1)}."
            )
        print(f"{size}.")
        with reading(self._names):
            frame: pd.DataFrame = sample if is_all else wanted.to_pandas()
        return frame

    def _filtered(self, where: Where | None) -> ibis.Table:
        table = self.table()
        if where is None:
            return table
        try:
            if callable(where):
                return table.filter(where(table))
            for name in self._known(list(where)):
                wanted = where[name]
                values = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else list(wanted)
                there = table[name].isin([value for value in values if value is not None])
                table = table.filter(there | table[name].isnull() if None in values else there)
            return table
        except RunError:
            raise
        except Exception as error:
            raise _no_condition(error) from error

    def _known(self, names: Sequence[str]) -> list[str]:
        there = self.columns
        unknown = [name for name in names if name not in there]
        if unknown:
            raise RunError(f"The attempts have no column {unknown[0]!r}: they have {', '.join(there)}.")
        return list(dict.fromkeys(names))

    def __repr__(self) -> str:
        return (
            f"Attempts of {self._names}: {len(self):,} rows (by the files' footers), none read yet; "
            ".to_pandas(columns=..., where=...) reads them, .sql('SELECT ... FROM attempts') asks DuckDB."
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def _counted(wanted: ibis.Table) -> int:
    """How many rows there are; only here does DuckDB see that a value is none of its column."""
    import duckdb

    try:
        return int(wanted.count().to_pandas())
    except (duckdb.ConversionException, duckdb.BinderException) as error:
        raise _no_condition(error) from error


def _no_condition(error: Exception) -> RunError:
    return RunError(
        f"where= is no condition on the attempts ({first_line(error)}): give values by column, or a function "
        "from the Ibis table to a condition."
    )
