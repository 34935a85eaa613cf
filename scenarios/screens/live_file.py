"""`live.json` of a run, as the pages read it: its bytes passed on, and of its fields those that the Why tab shows.

The analysis beside the run writes it (`analysis.live.document`); what else it holds is for the page's own script.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

FILE_NAME: Final = "live.json"


class Counts(msgspec.Struct):
    """How many attempts are stored, and how many of them are judged."""

    all: int = 0
    judged: int = 0


class Group(msgspec.Struct):
    """The judged attempts of one platform, client, delay or instance; `failed` timed out or failed."""

    value: str | float | None
    n: int
    failed: int
    causes: dict[str, int] = {}


class Answer(msgspec.Struct):
    """Of the three lines the first."""

    why: str


class Seen(msgspec.Struct):
    """What the Why tab and the state of the page need of the document."""

    state: str
    attempts: Counts = msgspec.field(default_factory=Counts)
    by: dict[str, list[Group]] = {}
    answer: Answer | None = None
    answer_as_of: str | None = None
    is_final: bool = False

    @property
    def causes(self) -> Mapping[str, int]:
        """The attempts that timed out or failed, by cause, the most frequent first."""
        sums: dict[str, int] = {}
        for group in self.by.get("platform", []):
            for cause, n in group.causes.items():
                sums[cause] = sums.get(cause, 0) + n
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


class Written(msgspec.Struct, frozen=True):
    """The document as it stood in the folder.

    Attributes:
        raw: Its bytes, which are JSON.
        at: When it was written, in seconds of this machine's clock.
    """

    raw: bytes
    seen: Seen
    at: float


class LiveFile:
    """Reads a run's document, each one once: the load generator's own loop serves the pages."""

    def __init__(self) -> None:
        self._known: tuple[tuple[Path, int, int], Written | None] | None = None

    def of(self, folder: Path | None) -> Written | None:
        """The document of a run; None: there is none, or none that can be read."""
        if folder is None:
            return None
        path = folder / FILE_NAME
        try:
            stat = path.stat()
            key = (path, stat.st_mtime_ns, stat.st_size)
            if self._known is None or self._known[0] != key:
                self._known = (key, _read(path, stat.st_mtime))
        except OSError:
            return None
        return self._known[1]


def _read(path: Path, at: float) -> Written | None:
    raw = path.read_bytes()
    try:
        return Written(raw, msgspec.json.decode(raw, type=Seen), at)
    except msgspec.MsgspecError:
        return None
