"""Waiting times before a user connects again: no storm of our own, and the retry arm's settings. Pure."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from scenarios.plan import ConnectionResult

# The contract's ReconnectionConfig.
MAX_ATTEMPTS: Final = 5
_INITIAL_S: Final = 1.0
_FACTOR: Final = 2.0
_CAP_S: Final = 30.0
_JITTER_RATIO: Final = 0.10
_JITTER_CAP_S: Final = 2.0
# In staging the delay doubles from the third failure in a row on, up to a cap of its own.
_SLOW_FROM: Final = 3
_SLOW_FACTOR: Final = 2.0
_SLOW_CAP_S: Final = 120.0


# A user whose connect failed at once (refused, say) must not spin: the contract's browser client waits as long between
# attempts, and backs off to ten times that.
RECONNECT_PAUSE_S: Final = 1.0
_REOPENING_CAP_S: Final = 10.0
# What all users met in the same moment must not bring them back in the same moment.
_RECONNECT_JITTER: Final = 0.5
# A session that the peer ends sooner than this was let in to be thrown out.
SHORT_SESSION_S: Final = 1.0


class Pause(NamedTuple):
    """What a user does before it connects again.

    Attributes:
        seconds: How long it waits.
        short_sessions: How many of its sessions in a row have been ended at once.
        is_backing_off: Whether it waits because its last session was one of them.
    """

    seconds: float
    short_sessions: int
    is_backing_off: bool


def pause_after(result: ConnectionResult, short_sessions: int, rng: random.Random, *, is_probe: bool) -> Pause:
    """The pause after a connection that is not tried again as a retry.

    A session that did what it planned, or lived for a while, is followed at once by the next one; sessions that the
    peer ends within a second by 1, 2, 4, 8 and 10 seconds, each with a jitter of up to a half.

    Args:
        result: What came of the connection.
        short_sessions: How many before it, in a row, had been ended at once.
        rng: For the jitter.
        is_probe: It came with credentials that had to be refused: to be let in, too, is the end of its errand.
    """
    jitter = rng.uniform(1.0, 1.0 + _RECONNECT_JITTER)
    if result.ended_by == "stop":
        return Pause(0.0, short_sessions, False)
    if not result.ready or (is_probe and result.ended_by == "script"):
        return Pause(RECONNECT_PAUSE_S * jitter, short_sessions, False)
    if result.ended_by == "script":
        return Pause(result.pause_s, 0, False)
    if result.open_s is None or result.open_s >= SHORT_SESSION_S:
        return Pause(0.0, 0, False)
    delay_s = min(RECONNECT_PAUSE_S * _FACTOR ** min(short_sessions, MAX_ATTEMPTS), _REOPENING_CAP_S)
    return Pause(delay_s * jitter, short_sessions + 1, True)


def backoff_s(failures: int, rng: random.Random) -> float | None:
    """Seconds that the retry arm waits after so many failures in a row (1, 2, ...); None = give up.

    1, 2, 8, 16 seconds and then no more, each with a jitter of up to a tenth (2 s at most).
    """
    if failures >= MAX_ATTEMPTS:
        return None
    delay_s = min(_INITIAL_S * _FACTOR ** (failures - 1), _CAP_S)
    if failures >= _SLOW_FROM:
        delay_s = min(delay_s * _SLOW_FACTOR, _SLOW_CAP_S)
    return delay_s + rng.uniform(0.0, min(_JITTER_CAP_S, _JITTER_RATIO * delay_s))
