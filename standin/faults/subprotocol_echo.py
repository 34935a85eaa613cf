"""The upgrade's answer names a subprotocol that the client did not offer."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Effects, Facts, Moment, Subprotocol, setting

SUBPROTOCOL = "jwt-auth"
_ANSWERS = {"always": SUBPROTOCOL, "wrong": "graphql-ws", "mangled": "JWT-Auth"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubprotocolEcho(ConnectionFault):
    """The upgrade always names a subprotocol: `jwt-auth`, one never offered, or `jwt-auth` in the wrong case."""

    name: ClassVar[str] = "subprotocol_echo"
    variant: str = setting("always", "which one", choices=tuple(_ANSWERS))

    def on_accept(self, facts: Facts, moment: Moment) -> Effects:
        """Name it, unless it is what a healthy server would name anyway."""
        answer = _ANSWERS[self.variant]
        return NOTHING if answer in facts.offered else (Subprotocol(answer),)
