"""How long the retry arm waits before it tries again: the staging client's own reconnect settings."""

from __future__ import annotations

import random
from typing import Final

# The contract's ReconnectionConfig (staging-contract, section 13).
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


def backoff_s(failures: int, rng: random.Random) -> float | None:
    """Seconds to wait after so many failures in a row (1, 2, ...); None = give up.

    1, 2, 8, 16 seconds and then no more, each with a jitter of up to a tenth (2 s at most).
    """
    if failures >= MAX_ATTEMPTS:
        return None
    delay_s = min(_INITIAL_S * _FACTOR ** (failures - 1), _CAP_S)
    if failures >= _SLOW_FROM:
        delay_s = min(delay_s * _SLOW_FACTOR, _SLOW_CAP_S)
    return delay_s + rng.uniform(0.0, min(_JITTER_CAP_S, _JITTER_RATIO * delay_s))
