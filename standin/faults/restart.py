"""The worker is recycled."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ServerFault, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restart(ServerFault):
    """All connections are dropped and the listening socket is closed; `for` seconds later it is back, empty."""

    name: ClassVar[str] = "restart"
    from_s: float = setting(30.0, "first restart, s after the start", low=0)
    every_s: float = setting(0.0, "period, s; 0 = only once", low=0)
    for_s: float = setting(5.0, "how long nobody listens, s", low=0)
    drop: str = setting("abort", "how sockets end", choices=("abort", "1012"))
