"""Python's cycle collector in a load-generating process: less often, and not over what never dies.

A worker makes a few container objects an exchange, nearly all of which die by reference counting, beside
some 200,000 of Locust's and the libraries' that live for ever. The default threshold (a pass for every
700 new objects) costs 10 to 15 % of throughput, and a full pass over everything is a pause of tens of
milliseconds, which would be seen as our own loop's lag.
"""

from __future__ import annotations

import gc
from typing import Final

# Container objects beyond the frozen ones before a pass over the young; passes of the young before one over
# the middle-aged, and of these before one over all (some 10 ms for a few hundred sessions). Higher ones let
# what is left of ended connections pile up: with (20,000, 50, 100) a worker grew by 1 MB a minute.
THRESHOLDS: Final = (10_000, 5, 5)


def settle_collector() -> None:
    """Call when all modules are loaded and before the load starts; calling it again does no harm."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
