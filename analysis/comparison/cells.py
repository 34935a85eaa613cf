"""Table G1 as arrays: where attempts were made, by whom, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

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


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Table G1 as arrays, each (rows,): codes from 0 for who and how, and counts (see `Tables.cells`).

    `client` is the library on its event loop, by name; `family` what platforms share of it (`loops.py`). `scenario` is
    one and the same where the sides run the same mix (`reduction.scenarios`).
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

    @property
    def unexplained(self) -> Ints:
        """(rows,) failures that comparisons are about: nothing shows yet whose they are."""
        return self.residual - self.unanswered - self.on_way + self.returned

    def where(self, mask: Bools) -> Cells:
        """The rows of the mask."""
        return Cells(**{one.name: getattr(self, one.name)[mask] for one in fields(self)})

    def __len__(self) -> int:
        return len(self.n)
