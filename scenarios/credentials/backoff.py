"""Says when a source of tokens that could not answer may be asked again. No I/O."""

from __future__ import annotations

import email.utils
import math
import random
from collections.abc import Mapping
from datetime import UTC
from typing import Final

FIRST_S: Final = 1.0
MOST_S: Final = 30.0
# Nobody means more by `Retry-After`; a typing error of a server's must not end all asking.
MOST_RETRY_AFTER_S: Final = 3600.0


class Backoff:
    """Waits after failures: twice as long at most each time, evenly drawn from 0 on ("full jitter").

    All waiting users of a process share one, so that they do not ask one after the other what each has been refused.
    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, has the comparison of jitters.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0
        self._failed_at = -math.inf
        self._again_at = -math.inf

    def wait_s(self, now: float) -> float:
        """How long it is not to be asked, for whoever wanted to ask at `now`; 0 = ask.

        Who has been waiting for its turn since before the last failure has the failure's answer, too.
        """
        return max(0.0, self._again_at - max(now, self._failed_at))

    def failed(self, asked_at: float, now: float, *, retry_after_s: float | None = None) -> None:
        """An answer came that was none; `retry_after_s` as the source says."""
        if asked_at >= self._failed_at:  # else it was on its way when the failure before it was counted
            self._failures += 1
        longest_s = min(MOST_S, FIRST_S * 2.0 ** min(self._failures - 1, 16))
        wait_s = (retry_after_s or 0.0) + self._rng.uniform(0.0, longest_s)
        self._failed_at = max(self._failed_at, now)
        self._again_at = max(self._again_at, now + wait_s)

    def succeeded(self) -> None:
        """An answer came."""
        self._failures = 0
        self._again_at = -math.inf


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """How long a response asks to wait (RFC 9110, section 10.2.3): seconds or a date; None = it does not say.

    Args:
        headers: Their names in small letters.
        now: Epoch seconds.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MOST_RETRY_AFTER_S)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:  # RFC 9110, section 5.6.7: a date of HTTP is in UTC
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), MOST_RETRY_AFTER_S)
