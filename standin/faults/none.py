"""The control: a fault that does nothing."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import Fault


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoFault(Fault):
    """Does nothing: the control that every comparison needs."""

    name: ClassVar[str] = "none"
