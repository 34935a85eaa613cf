"""The experiment's plan: which client, added delay and mitigation each connection is dealt.

Full factorial (client x delay x mitigation), dealt by permuted blocks (Fisher; Pocock, *Clinical
Trials*, 1983, section 5.2): within one minute of one worker the connections take the cells in a random
order, each cell once, then again in a new random order. So the arms are interleaved within minutes,
which the analysis needs to tell an arm from the time of day, and nobody can foresee the next one.

What a connection gets depends on the seed, the worker's key, the minute and its ordinal, and on nothing
that happened: the plan can be written down, hashed and dealt again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec

from scenarios.errors import ConfigError

BLOCK_S: Final = 60

# What `Plan` promises of any two cells' counts within one block: rounds are whole but the last.
MAX_IMBALANCE: Final = 1


class Assignment(NamedTuple):
    """What one connection is dealt.

    Attributes:
        client: The client library (and loop), as `--client` names it.
        delay_s: The round trip that the relay adds, in seconds.
        mitigation: As `--mitigation` names it.
        cell: The number of the combination, 0 to `Plan.n_cells` - 1.
    """

    client: str
    delay_s: float
    mitigation: str
    cell: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A factorial plan; each factor names each of its levels once.

    Attributes:
        delay_ms: Added round trips, in milliseconds.
        seed: Of the random order.

    Raises:
        ConfigError: If a factor has no level, or one twice, or a negative delay.
    """

    client: tuple[str, ...]
    delay_ms: tuple[float, ...]
    mitigation: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        factors: dict[str, Sequence[object]] = {
            "client": self.client,
            "delay-ms": self.delay_ms,
            "mitigation": self.mitigation,
        }
        for name, levels in factors.items():
            if not levels or len(set(levels)) != len(levels):
                raise ConfigError(f"--{name} is {list(levels)!r}, but a plan needs each arm once and at least one.")
        if min(self.delay_ms) < 0:
            raise ConfigError(f"--delay-ms has {min(self.delay_ms):g}, but a relay can only add delay: use 0 or more.")

    @property
    def n_cells(self) -> int:
        """How many combinations there are: a block is balanced only when it deals at least as many."""
        return len(self.client) * len(self.delay_ms) * len(self.mitigation)

    def cells(self) -> tuple[Assignment, ...]:
        """Every combination, in the order of its number."""
        combinations = product(self.client, self.delay_ms, self.mitigation)
        return tuple(Assignment(c, d / 1000.0, m, n) for n, (c, d, m) in enumerate(combinations))

    def assign(self, worker_key: str | int, now_minute: int, ordinal: int) -> Assignment:
        """What the `ordinal`-th connection (0, 1, ...) of this worker in this minute is dealt.

        Within a block the counts of any two cells differ by at most `MAX_IMBALANCE`.
        """
        turn, place = divmod(ordinal, self.n_cells)
        return _shuffled(self, str(worker_key), now_minute, turn)[place]

    def as_json(self) -> dict[str, Any]:
        """The plan as `run.json` has it, with its hash."""
        return {"hash": self.digest(), **self._content()}

    def digest(self) -> str:
        """The sha256 of the plan's canonical JSON (sorted keys, no blanks): equal plans, equal hashes."""
        return hashlib.sha256(msgspec.json.encode(self._content(), order="sorted")).hexdigest()

    def _content(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "unit": "connection",
            "client": list(self.client),
            "delay_ms": [float(d) for d in self.delay_ms],
            "mitigation": list(self.mitigation),
            "block_s": BLOCK_S,
        }


# A worker asks for one block at a time; a few more serve late connections of the minute before.
@lru_cache(maxsize=64)
def _shuffled(plan: Plan, worker_key: str, minute: int, turn: int) -> tuple[Assignment, ...]:
    key = f"{plan.seed}/{worker_key}/{minute}/{turn}"
    rng = random.Random(int.from_bytes(hashlib.sha256(key.encode()).digest(), "big"))
    cells = list(plan.cells())
    rng.shuffle(cells)
    return tuple(cells)


class Dealer:
    """Deals a plan to one worker's connections in the order in which they start."""

    def __init__(self, plan: Plan, worker_key: str | int) -> None:
        self._plan = plan
        self._worker_key = worker_key
        self._minute: int | None = None
        self._ordinal = 0

    def deal(self, run_s: float) -> Assignment:
        """What the next connection gets, `run_s` seconds into the run (monotonic)."""
        minute = int(run_s // BLOCK_S)
        if minute != self._minute:
            self._minute = minute
            self._ordinal = 0
        assignment = self._plan.assign(self._worker_key, minute, self._ordinal)
        self._ordinal += 1
        return assignment
