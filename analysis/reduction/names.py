"""Names that Ibis expressions have in an engine for a while."""

from __future__ import annotations

import ibis
from ibis.util import gen_name


class Names:
    """Names that expressions have in the engine for a while, so that what is built on them is short.

    Ibis compiles a named expression once, and an unnamed one again in everything that uses it.
    """

    def __init__(self, backend: ibis.BaseBackend) -> None:
        self._backend = backend
        self._given: list[tuple[str, str]] = []

    def view(self, table: ibis.Table) -> ibis.Table:
        """A name for an expression."""
        name = gen_name("wsoak")
        view = self._backend.create_view(name, table)
        self._given.append(("VIEW", name))
        return view

    def kept(self, table: ibis.Table) -> ibis.Table:
        """The rows of an expression, kept where the engine can keep them; elsewhere a name for it."""
        if self._backend.name != "duckdb":
            return self.view(table)
        name = gen_name("wsoak")
        kept = self._backend.create_table(name, table, temp=True)
        self._given.append(("TABLE", name))
        return kept

    def __enter__(self) -> Names:
        return self

    def __exit__(self, *failure: object) -> None:
        # Not `drop_view`: what Ibis 12 writes with SQLGlot 30 has no name in it.
        for kind, name in reversed(self._given):
            self._backend.raw_sql(f"DROP {kind} IF EXISTS {name}")
