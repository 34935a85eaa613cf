"""The test users: who a connection comes as, and how many connections each may hold at once.

The target counts per subject (20 managers each, in the staging contract), so the pool spreads the
connections evenly: a subject is leased again only after all others that are free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import gevent.lock

from scenarios.errors import ConfigError, HarnessError

_NAME: Final = "soak-user-{:04d}"


class NoSubjectFree(HarnessError):
    """Every subject holds as many connections as it may."""


def subject_names(count: int) -> tuple[str, ...]:
    """Names of so many test users; the same in every run, since quotas follow the name."""
    return tuple(_NAME.format(n) for n in range(1, count + 1))


class SubjectPool:
    """Leases subjects, each at most `max_connections` times at once, the longest free one first.

    Raises:
        ConfigError: If there is no subject, one twice, or no connection allowed.
    """

    def __init__(self, subjects: Sequence[str], *, max_connections: int) -> None:
        if not subjects:
            raise ConfigError("There is no subject to connect as: use --subjects of at least 1, or a file with tokens.")
        if len(set(subjects)) != len(subjects):
            raise ConfigError(
                "A subject is in the pool twice, so its connections could not be counted: name each once."
            )
        if max_connections < 1:
            raise ConfigError(f"--connections-per-subject is {max_connections}, but it must be at least 1.")
        self._max = max_connections
        self._held = dict.fromkeys(subjects, 0)
        self._free = deque(subjects)
        self._seats = gevent.lock.Semaphore(self.capacity)

    @property
    def capacity(self) -> int:
        """How many connections the pool can hold at once."""
        return len(self._held) * self._max

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return len(self._held)

    @property
    def leased(self) -> int:
        """How many it holds now."""
        return sum(self._held.values())

    def lease(self, *, wait_s: float = 0.0) -> str:
        """A subject for one connection; with `wait_s`, the calling greenlet waits for one to come free.

        Raises:
            NoSubjectFree: If none came free in time.
        """
        if not self._seats.acquire(blocking=wait_s > 0.0, timeout=wait_s or None):
            raise NoSubjectFree(
                f"All {len(self._held)} subjects hold {self._max} connections each: raise --subjects or "
                "--connections-per-subject, or run fewer users."
            )
        subject = self._free.popleft()
        self._held[subject] += 1
        if self._held[subject] < self._max:
            self._free.append(subject)
        return subject

    def release(self, subject: str) -> None:
        """Give a lease back.

        Raises:
            HarnessError: If the subject holds none: somebody counted wrong.
        """
        if not self._held.get(subject):
            raise HarnessError(f"The subject {subject!r} was released more often than it was leased.")
        if self._held[subject] == self._max:
            self._free.append(subject)
        self._held[subject] -= 1
        self._seats.release()
