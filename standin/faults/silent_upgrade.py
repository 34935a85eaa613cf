"""TCP (and TLS) accepted, the upgrade request read, no answer ever."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, Effects, Facts, Moment, Silence


@dataclasses.dataclass(frozen=True, kw_only=True)
class SilentUpgrade(ConnectionFault):
    """TCP and TLS are accepted and the upgrade request is read, but never answered."""

    name: ClassVar[str] = "silent_upgrade"

    def on_upgrade(self, facts: Facts, moment: Moment) -> Effects:
        """Say nothing."""
        return (Silence(),)
