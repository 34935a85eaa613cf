"""Do the parts of a fleet run the same programs? What differs may be why their rows do."""

from __future__ import annotations

from collections.abc import Mapping


def versions_apart(worker: Mapping[str, str], master: Mapping[str, str]) -> str | None:
    """A sentence on what a worker has in another version than its master; None = all that both have is the same.

    A library that only one of them has is no difference: a worker needs fewer.
    """
    apart = [
        f"{name} {worker[name]} instead of {master[name]}"
        for name in sorted(worker.keys() & master.keys())
        if worker[name] != master[name]
    ]
    return f"A worker runs other versions than the master: {', '.join(apart)}." if apart else None
