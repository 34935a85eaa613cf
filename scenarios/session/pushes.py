"""What a server sent by itself while a session was held: counted for the hold's row."""

from __future__ import annotations

from attempts.schema import Attempt


class Pushes:
    """The pushes of one session, and the frames that could not be read while nothing was asked."""

    __slots__ = ("_count", "_last_at", "_longest_gap_s", "_malformed")

    def __init__(self) -> None:
        self._count = self._malformed = 0
        self._last_at = self._longest_gap_s = 0.0

    def pushed(self, now: float) -> None:
        """A push came."""
        if self._count:
            self._longest_gap_s = max(self._longest_gap_s, now - self._last_at)
        self._count += 1
        self._last_at = now

    def unread(self) -> None:
        """A frame came that cannot be read, and no request was in flight that it could have answered."""
        self._malformed += 1

    def tell(self, hold: Attempt, now: float) -> None:
        """Put the counts on the hold's row; without a push there is no gap between pushes."""
        hold.pushes = self._count
        hold.malformed_frames = self._malformed
        if self._count:
            hold.longest_push_gap_s = max(self._longest_gap_s, now - self._last_at)
