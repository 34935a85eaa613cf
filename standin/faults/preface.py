"""Frames before the welcome that a careless client takes for it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin import frames
from standin.faults.base import ConnectionFault, Delay, Effects, Facts, Frames, Moment, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preface(ConnectionFault):
    """A `service_info` frame, and `extra` more, come before the welcome, which they delay by `delay` seconds."""

    name: ClassVar[str] = "preface"
    delay_s: float = setting(0.4, "what the missing services cost, s", low=0)
    extra: int = setting(0, "further frames that carry nothing", low=0, high=1000)

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Wait, then send the frames."""
        info = frames.service_info(moment.wall_s)
        extra = tuple(frames.notice(number, moment.wall_s) for number in range(self.extra))
        return (Delay(self.delay_s), Frames((info, *extra)))
