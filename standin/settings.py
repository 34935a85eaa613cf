"""Everything that one server is started with."""

from __future__ import annotations

import dataclasses
from typing import Final

from standin.faults import Fault

QUIRKS: Final = {
    "e2e_bypass": "a header whose name contains test or e2e makes any token good, expired and forged ones too",
    "token_type": "the claim token_type is required; tokens that only have type are refused",
    "degraded_health": "/ws/health says degraded on a healthy server",
    "stats_500": "/ws/stats answers HTTP 500",
    "zombie": "after five routing errors in a row the socket stays open and silent, instead of a close 1000",
    "quota": "a user's 21st socket in 300 s on an instance fails (as --fault quota)",
    "start_agent": "start_agent is never answered and counts as a routing error",
    "first_stall": "the first session after a start blocks the event loop for 0.7 s",
    "connect_cost": "each session's set-up blocks the event loop for 0.08 s, so that connects at once queue up",
}
"""Bugs of the original that `--quirks` switches on, with what a client sees of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeline:
    """Waits of the set-up, seconds after the accept unless said otherwise.

    Attributes:
        auth_s: Until the token is checked.
        register_s: From the "authenticated" line to the welcome.
        loop_s: From the welcome to the message loop.
        error_s: From an error frame to the close after it.
    """

    auth_s: float = 0.080
    register_s: float = 0.110
    loop_s: float = 0.050
    error_s: float = 0.100

    @classmethod
    def with_floor(cls, floor_s: float) -> Timeline:
        """The same proportions for another time from accept to welcome; 0 takes out every wait."""
        whole = cls()
        factor = floor_s / (whole.auth_s + whole.register_s)
        return cls(**{field.name: getattr(whole, field.name) * factor for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """What the server's behaviour depends on.

    Attributes:
        seed: Draws instances and, where a fault gives none, faults.
        faults: In the order in which their effects happen.
        instances: How many instances it pretends to be.
        quirks: Names out of `QUIRKS`.
        timeline: Waits of the set-up.
        heartbeat_s: Between two JSON pings; after four of them without a JSON pong they stop.
        log_messages: Two log lines for each message, as the original writes them.
        protocol_ping_s: Between two protocol pings, and the wait for each one's pong.
    """

    seed: int = 1
    faults: tuple[Fault, ...] = ()
    instances: int = 1
    quirks: frozenset[str] = frozenset()
    timeline: Timeline = Timeline()
    heartbeat_s: float = 25.0
    protocol_ping_s: float = 20.0
    log_messages: bool = True
