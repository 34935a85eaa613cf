"""The authentication service answers more slowly than the caller is willing to wait."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, Effects, Facts, Moment, RefuseToken, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuthGate(ConnectionFault):
    """While the dependency is slow any token of three parts is refused `cap` seconds after the accept, unchecked.

    Close 1008, text `auth_service_unreachable`. A session that bypasses the check is not hit.
    """

    name: ClassVar[str] = "auth_gate"
    cap_s: float = setting(0.5, "the wait allowed for the dependency, s", low=0)

    def on_check(self, facts: Facts, moment: Moment) -> Effects:
        """Refuse the token, good or bad: nobody looks at it."""
        return (RefuseToken(self.cap_s, "auth_service_unreachable: health check timed out"),)
