"""The server's only event loop blocks."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ServerFault, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerStall(ServerFault):
    """The event loop really blocks for `for` seconds: nobody is accepted, read or answered, /health included."""

    name: ClassVar[str] = "server_stall"
    from_s: float = setting(10.0, "first stall, s after the start", low=0)
    every_s: float = setting(30.0, "period, s; 0 = only once", low=0)
    for_s: float = setting(2.0, "how long each lasts, s", low=0)
