"""No healthy instance: the upgrade is refused over HTTP."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, Effects, Facts, Moment, Refuse


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refuse503(ConnectionFault):
    """The upgrade is answered with HTTP 503 and the connection closed."""

    name: ClassVar[str] = "refuse_503"

    def on_upgrade(self, facts: Facts, moment: Moment) -> Effects:
        """Refuse over HTTP."""
        return (Refuse(503),)
