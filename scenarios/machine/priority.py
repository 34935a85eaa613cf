"""Ask the operating system to run this process before others: for one that must be punctual and does little.

Media and time servers do the same. Where it takes rights that the user does not have, nothing happens.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import psutil

# The lowest real-time priority goes before every ordinary process, and Linux keeps 5 % of the time for
# those in any case (sched(7)).
_REAL_TIME_PRIORITY: Final = 1
_NICE: Final = -10


def raise_priority() -> str | None:
    """How this process now goes before others (real-time, high); None = it does not."""
    if sys.platform == "linux":
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME_PRIORITY))
        except OSError:
            pass
        else:
            return "real-time"
    try:
        # The name exists on Windows only.
        psutil.Process().nice(getattr(psutil, "HIGH_PRIORITY_CLASS", _NICE))
    except (psutil.Error, OSError):
        return None
    return "high"
