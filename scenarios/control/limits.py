"""How long the parts of a fleet wait for each other: all of these limits, and one factor for them.

Minutes that only pass cannot be tested often. With `SOAK_FLEET_SCALE=0.1` every limit is a tenth, on the master and on
the workers alike, and what happens at it happens in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from scenarios.errors import ConfigError

VARIABLE: Final = "SOAK_FLEET_SCALE"


class Limits(NamedTuple):
    """Seconds, in true size.

    Attributes:
        drain_s: The master waits so long for the rows of workers that it hears, and a worker for a master that it hears
            to acknowledge them: minutes of unsent rows over a slow line; short enough that a CI job ends by itself.
        missing_s: The master waits so long for those that it does not hear at all: a line that heals in that time
            brings a whole run home.
        silent_s: Who has said nothing for so long is not heard. Heartbeats come every second; a busy loop and a lost
            packet or two are no silence.
        overtime_s: A worker that hears its master ends so long after the planned end, if the master has not ended it.
        alone_s: A run without a planned end ends on a worker that has not heard its master for so long, and any run on
            a master that hears no worker at all; so long a worker waits with its last rows for a master that is away.
        idle_s: A worker that has nothing to do ends when it has not heard the master for so long, as Locust has it.
        note_s: The master writes what it knows of a run to run.json so often: more would be work for nobody, and what
            happened since the last time is lost with it.
        frozen_s: A master that holds a run and has written nothing for so long is taken for frozen: many times
            `note_s`, so that a slow disk is not.
        back_s: A master that leads a run on waits so long for the workers that the run has: three times `silent_s`,
            after which they try another connection.
    """

    drain_s: float = 120.0
    missing_s: float = 60.0
    silent_s: float = 30.0
    overtime_s: float = 5.0
    alone_s: float = 600.0
    idle_s: float = 60.0
    note_s: float = 3.0
    frozen_s: float = 30.0
    back_s: float = 90.0

    def scaled(self, factor: float) -> Limits:
        """Each limit times the factor."""
        return Limits(*(limit * factor for limit in self))


def limits_from(environ: Mapping[str, str]) -> Limits:
    """The limits of this process.

    Raises:
        ConfigError: If the factor is no number above 0.
    """
    text = environ.get(VARIABLE, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ConfigError(f"{VARIABLE} is {text!r}, but it is a factor above 0 for a fleet's limits: 1 leaves them.")
    return Limits().scaled(factor)
