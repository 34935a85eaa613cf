"""A name's addresses: how long they are known, whose turn it is, and which are tried at the same time, without I/O.

Names are looked up again, as a client's own resolver does it: an address is known for so long and not longer, and not
even so long once none of them can be connected. A target that moves is followed, a target that has several addresses
gets connections on all of them. `now` is monotonic seconds.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Address = tuple[int, Any]  # family, socket address

# RFC 8305, section 5: the recommended Connection Attempt Delay.
ATTEMPT_DELAY_S: Final = 0.250
# A target that refuses everybody must not make each of its connections a question to the resolver.
LEAST_AGE_S: Final = 1.0


@dataclass
class _Entry:
    addresses: tuple[Address, ...]
    learned_at: float
    is_doubted: bool = False


class AddressBook:
    """The addresses that one process knows, by (host, port).

    Attributes:
        running: The look-ups that are going on, as the process's event loop has them: whoever needs the same name waits
            for the same answer.
    """

    def __init__(self) -> None:
        self.running: dict[tuple[str, int], Any] = {}
        self._entries: dict[tuple[str, int], _Entry] = {}

    def find(self, host: str, port: int, now: float, *, ttl_s: float) -> tuple[Address, ...] | None:
        """A name's addresses; None = it is to be looked up, for the first time or again."""
        entry = self._entries.get((host, port))
        if entry is None:
            return None
        age_s = now - entry.learned_at
        is_old = age_s >= ttl_s or (entry.is_doubted and age_s >= LEAST_AGE_S)
        return None if is_old else entry.addresses

    def learn(self, host: str, port: int, addresses: Iterable[Address], now: float) -> tuple[Address, ...]:
        """Keep what a look-up has found; each address once."""
        entry = _Entry(tuple(dict.fromkeys(addresses)), now)
        self._entries[host, port] = entry
        return entry.addresses

    def doubt(self, host: str, port: int, tried: Iterable[Address]) -> None:
        """None of these could be connected: if no others are known, the name is to be looked up again at once."""
        entry = self._entries.get((host, port))
        if entry is not None and set(entry.addresses) <= set(tried):
            entry.is_doubted = True


class Turns:
    """Deals a name's addresses to connections, so that each address is the first choice of equally many.

    In rounds: each address once, in an order that is drawn anew. A fixed order would keep step with whatever else goes
    in turns, such as the arms of an experiment, and each arm would have an address of its own.
    """

    def __init__(self) -> None:
        self._round: list[Address] = []

    def order(self, addresses: Sequence[Address], *, seed: int) -> list[Address]:
        """All addresses in the order in which a connection tries them; `seed`: of that connection."""
        if len(addresses) < 2:
            return list(addresses)
        self._round = [address for address in self._round if address in addresses]
        if not self._round:
            self._round = list(addresses)
            random.Random(f"{seed}/addresses").shuffle(self._round)
        start = addresses.index(self._round.pop())
        return interleaved([*addresses[start:], *addresses[:start]])


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The same addresses, IPv6 and IPv4 by turns as long as there are both (RFC 8305, section 4)."""
    if not addresses:
        return []
    first = addresses[0][0]
    queues = [
        deque(address for address in addresses if address[0] == first),
        deque(address for address in addresses if address[0] != first),
    ]
    found: list[Address] = []
    while any(queues):
        if queues[0]:
            found.append(queues[0].popleft())
        queues.reverse()
    return found


class Race:
    """Which addresses are being connected, and when the next one joins in (RFC 8305, section 5).

    Whoever connects them starts what is in `running`, calls `start` at `next_at`, and `failed` for each that fails. The
    first that is connected wins.

    Attributes:
        running: Those that are being connected, and since when; the newest last.
        next_at: When the next one is to be started if none is connected by then; infinity = there is no other.
    """

    def __init__(self, addresses: Iterable[Address], now: float) -> None:
        self.running: dict[Address, float] = {}
        self.next_at = math.inf
        self._waiting = deque(addresses)
        self.start(now)

    def start(self, now: float) -> None:
        """Start the next one, if there is one."""
        if self._waiting:
            self.running[self._waiting.popleft()] = now
        self.next_at = now + ATTEMPT_DELAY_S if self._waiting else math.inf

    def failed(self, address: Address, now: float) -> None:
        """One of them has failed: the next one need not wait."""
        del self.running[address]
        self.start(now)

    @property
    def is_lost(self) -> bool:
        """Whether all have failed."""
        return not self.running
