"""Measures how far a worker's wall clock is from the controller's: rows of several hosts are compared by time."""

from __future__ import annotations

import math


class ClockOffset:
    """The worker's clock minus the master's, from the question that was answered quickest.

    Cristian, "Probabilistic clock synchronization", Distributed Computing 3 (1989): an answer is wrong by
    half its round trip at most, so of several the one with the shortest round trip is believed.

    Attributes:
        value_s: None before the first answer.
    """

    def __init__(self) -> None:
        self.value_s: float | None = None
        self._round_trip_us: float = math.inf

    def answered(self, *, sent_at: int, master_at: int, received_at: int) -> None:
        """All in microseconds: the worker's clock at sending and receiving, the master's in between."""
        round_trip_us = received_at - sent_at
        if 0 <= round_trip_us < self._round_trip_us:
            self._round_trip_us = round_trip_us
            self.value_s = ((sent_at + received_at) / 2 - master_at) / 1e6
