"""The platform's request timeout: a socket may live so long."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class LifetimeCut(ConnectionFault):
    """At the age of `age` seconds the connection is cut, whatever happens on it: no close frame."""

    name: ClassVar[str] = "lifetime_cut"
    age_s: float = setting(600.0, "age at the cut, s", low=0)

    def lifetime_s(self) -> float | None:
        """The limit."""
        return self.age_s
