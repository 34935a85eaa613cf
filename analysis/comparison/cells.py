"""Table G1 as arrays: where attempts were made, by whom, and how they ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from analysis.stats.groups import Bools, Ints

COUNTS: Final = (
    "n",
    "connections",
    "bad",
    "timeouts",
    "client_loop",
    "any_lag_bad",
    "lag_null",
    "auth",
    "auth_fresh",
    "format",
    "explicit",
    "residual",
    "checked",
    "unasked",
    "late",
    "unanswered",
    "acknowledged",
    "on_way",
    "unmatched",
    "placed",
    "here",
    "may_be_way",
    "repeated",
    "said_no",
    "n_always",
    "bad_always",
    "n_clean",
)


class Cells:
    """Table G1 as arrays, each (rows,): codes from 0 for who and how, and counts (see `Tables.cells`).

    `client` is the library on its event loop, by name; `family` what platforms share of it (`loops.py`). `scenario` is
    one and the same where the sides run the same mix (`reduction.scenarios`).

    A column is made when it is first read: a verdict takes parts of the table a thousand times, and of each reads few.
    """

    host: Ints
    platform: Ints
    site: Ints
    minute: Ints
    client: Ints
    library: Ints
    loop: Ints
    family: Ints
    delay: Ints
    kind: Ints
    operation: Ints
    scenario: Ints
    preface: Ints
    expired: Ints
    n: Ints
    connections: Ints
    bad: Ints
    timeouts: Ints
    client_loop: Ints
    any_lag_bad: Ints
    lag_null: Ints
    auth: Ints
    auth_fresh: Ints
    format: Ints
    explicit: Ints
    residual: Ints
    checked: Ints
    unasked: Ints
    late: Ints
    unanswered: Ints
    acknowledged: Ints
    on_way: Ints
    unmatched: Ints
    placed: Ints
    here: Ints
    may_be_way: Ints
    repeated: Ints
    said_no: Ints
    n_always: Ints
    bad_always: Ints
    n_clean: Ints
    returned: Ints  # explained failures that comparisons are about all the same (`View.compared`)

    def __init__(self, size: int, column: Callable[[str], Ints]) -> None:
        """Rows, by their number, and what makes a column by its name."""
        self._size = size
        self._column = column

    if not TYPE_CHECKING:  # which would take any name for a column

        def __getattr__(self, name: str) -> Ints:
            if name not in Cells.__annotations__:
                raise AttributeError(name)
            vars(self)[name] = made = self._column(name)
            return made

    @cached_property
    def unexplained(self) -> Ints:
        """(rows,) failures that comparisons are about: nothing shows yet whose they are."""
        return self.residual - self.unanswered - self.on_way + self.returned

    def where(self, mask: Bools) -> Cells:
        """The rows of the mask."""
        rows = np.flatnonzero(mask)
        return Cells(len(rows), lambda name: getattr(self, name)[rows])

    def having(self, **columns: Ints) -> Cells:
        """The same rows with other columns of these names."""
        return Cells(self._size, lambda name: columns[name] if name in columns else getattr(self, name))

    def __len__(self) -> int:
        return self._size
