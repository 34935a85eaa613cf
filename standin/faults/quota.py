"""The leak of connection managers: a user may open so many sockets in a sliding window."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Effects, Facts, Fail, Moment, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quota(ConnectionFault):
    """A user's sockets beyond `limit` in `window` seconds, per instance, get FACTORY_INIT_FAILED and close 1011.

    Closed and abandoned sockets count, refused ones do not.
    """

    name: ClassVar[str] = "quota"
    limit: int = setting(20, "sockets of a user and instance within the window", low=1)
    window_s: float = setting(300.0, "the sliding window, s", low=0)

    def on_auth(self, facts: Facts, moment: Moment) -> Effects:
        """Refuse the socket when the window is full."""
        since_s = moment.since_ready_s - self.window_s
        used = sum(accepted_s > since_s for accepted_s in facts.user_accepts)
        if used < self.limit:
            return NOTHING
        message = f"WebSocket factory initialization failed ({used}/{self.limit} managers)"
        return (Fail("FACTORY_INIT_FAILED", message, 1011, "Factory SSOT validation failed"),)
