"""A middlebox that forgets silent connections."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdleCut(ConnectionFault):
    """After `idle` seconds without a client message (protocol pings do not count) it is cut: no close frame."""

    name: ClassVar[str] = "idle_cut"
    idle_s: float = setting(60.0, "seconds without a message", low=0)

    def idle_limit_s(self) -> float | None:
        """The limit."""
        return self.idle_s
