"""Log files in, events out: each file in the format that fits it, whatever its compression.

Formats: `gcp` (an export of Google Cloud Logging: one JSON array), `json` (a JSON record a line), `text` (lines that
begin with a time, with the staging server's phrases), those of `formats/`, and files of the user's (`mapping.py`). What
cannot be read is counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.server_log import markers, records
from analysis.server_log.event import Event
from analysis.server_log.json_array import elements
from analysis.server_log.lines import CHUNK_BYTES, Advance, FormatError, LogError, chunks, lines
from analysis.server_log.mapping import Format, read_format, shipped
from analysis.server_log.moments import epoch_s

BUILT_IN: Final = ("gcp", "json", "text")
# So many lines tell a format; where none of them does, all that lie within so many bytes.
SAMPLE: Final = 200
SAMPLE_BYTES: Final = 2 * CHUNK_BYTES
# What is said of a file that no format fits, and of one without a line.
UNKNOWN: Final = "no known format"
EMPTY: Final = "empty"
# A plain line's time is at its beginning, in brackets or not, behind a container's name and a level or not.
_TIME: Final = re.compile(
    r"^(?:[\w.-]{1,64} *\| +)?(?:\[?[A-Z]{3,8}\]?:? +)?[\[<]?"
    r"(?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?|\d{10}(?:\.\d+)?)"
)
# What a line's events are: None is "it cannot be read".
Reader = Callable[[bytes], "Iterable[Event] | None"]


@dataclass
class Counts:
    """What was read of one file, or of all.

    Attributes:
        lines: That were not empty.
        unreadable: Of these, those that are no lines of the format.
        events: Said by the others.
        first_s: The earliest event's time; None without events.
        last_s: The latest event's.
        formats: By file, in the order of the files.
        cut: A sentence for each file that could not be read to its end.
        tried: Names of the formats that each file was held against.
    """

    lines: int = 0
    unreadable: int = 0
    events: int = 0
    first_s: float | None = None
    last_s: float | None = None
    formats: dict[str, str] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogFiles:
    """Log files that can be read, any number of times.

    Attributes:
        files: Each with its format and what reads its lines.
        tried: Names of the formats that each was held against.
    """

    files: tuple[tuple[Path, str, Reader], ...]
    tried: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """What each is called in a report: its name, behind so many of its folders that no other is called so."""
        parts = [path.parts for path, _, _ in self.files]
        found = []
        for mine in parts:
            n = 1
            while n < len(mine) and sum(other[-n:] == mine[-n:] for other in parts) > 1:
                n += 1
            found.append(str(Path(*mine[-n:])))
        return found

    @property
    def bytes(self) -> int:
        """Their size on the disk."""
        return sum(path.stat().st_size for path, _, _ in self.files)

    def events(self, counts: Counts, advance: Advance | None = None) -> Iterator[Event]:
        """All events in the order of files and lines; `counts` is filled on the way."""
        counts.tried = self.tried
        for name, (path, form, read) in zip(self.names, self.files, strict=True):
            counts.formats[name] = form
            pieces = _to_the_end(path, counts, advance)
            for line in elements(pieces) if form == "gcp" else lines(pieces):
                if not line or line.isspace():
                    continue
                counts.lines += 1
                found = read(line)
                if found is None:
                    counts.unreadable += 1
                    continue
                for event in found:
                    counts.events += 1
                    at_s = event.at_s
                    if counts.first_s is None or counts.last_s is None:
                        counts.first_s = counts.last_s = at_s
                    elif at_s < counts.first_s:
                        counts.first_s = at_s
                    elif at_s > counts.last_s:
                        counts.last_s = at_s
                    yield event


def open_logs(paths: Sequence[Path], forms: Sequence[str] = ()) -> LogFiles:
    """Find each file's format by its first lines.

    Args:
        paths: The files; one that is named twice is read once.
        forms: Names of formats, or TOML files; each log is read by the one that fits it best. None given: all known.

    Raises:
        LogError: A file or a format cannot be used.
    """
    known = {form.name: form for form in shipped()}
    chosen: list[str | Format] = []
    for name in forms:
        if name in BUILT_IN:
            chosen.append(name)
        elif name in known:
            chosen.append(known[name])
        elif name.lower().endswith(".toml"):
            chosen.append(read_format(Path(name)))
        else:
            names = ", ".join((*BUILT_IN, *known))
            raise FormatError(f"The log format {name!r} is not known: use one of {names}, or a TOML file.")
    every = chosen or [*BUILT_IN, *known.values()]
    once = {path.resolve(): path for path in reversed(paths)}
    return LogFiles(
        tuple((path, *_fitting(path, every)) for path in reversed(once.values())),
        tried=tuple(form.name if isinstance(form, Format) else form for form in every),
    )


def _fitting(path: Path, forms: Sequence[str | Format]) -> tuple[str, Reader]:
    """The format that says most of the file's first lines, and its reader."""
    if path.is_dir():
        raise LogError(f"{path} is a folder: name the log files in it.")
    if path.exists() and not path.is_file():
        raise LogError(f"{path} is no file: a log is read more than once; write it to a file, and name that.")
    beginning = [line for line in lines(_beginning(path)) if line and not line.isspace()]
    sample = beginning[:SAMPLE]
    if sample and "gcp" in forms and sample[0].lstrip()[:1] == b"[" and _opens_array(sample):
        return "gcp", of_record
    readers = [
        (form.name, _of_format(form)) if isinstance(form, Format) else (form, _BUILT_IN[form])
        for form in forms
        if form != "gcp"
    ]
    if not readers:
        return "gcp", of_record
    fits = [_fit(read, sample) for _, read in readers]
    if not any(fits):
        fits = [_fit(read, beginning[SAMPLE:]) for _, read in readers]
    name, read = readers[fits.index(max(fits))]
    if len(readers) > 1 and not any(fits):
        name = UNKNOWN if beginning else EMPTY
    return name, read


def _fit(read: Reader, sample: Iterable[bytes]) -> int:
    """How much a reader finds in lines: an event counts for more than a line that can only be read."""
    read_so = (read(line) for line in sample)
    return sum(0 if events is None else 1 + 100 * bool(list(events)) for events in read_so)


def _beginning(path: Path) -> Iterator[bytes]:
    """What a file begins with, whole or cut off.

    Raises:
        LogError: Nothing of it can be read.
    """
    n = 0
    try:
        for piece in chunks(path):
            yield piece
            n += len(piece)
            if n >= SAMPLE_BYTES:
                return
    except LogError:
        if not n:
            raise


def _opens_array(sample: Sequence[bytes]) -> bool:
    """Whether the first sign behind the bracket begins an object: `[2026-11-29 ...]` begins a line of text."""
    behind = b"".join(sample).lstrip()[1:].lstrip()
    return behind[:1] in (b"{", b"]", b"")


def _to_the_end(path: Path, counts: Counts, advance: Advance | None) -> Iterator[bytes]:
    """What can be read of a file: a compressed one that is cut off, as rotation may leave it, has a beginning."""
    try:
        yield from chunks(path, advance)
    except LogError as error:
        counts.cut.append(f"What is behind it is not known: {error}")


def of_record(line: bytes) -> Iterable[Event] | None:
    """A JSON record's event."""
    try:
        event = records.event_of(line)
    except records.NotARecord:
        return None
    return () if event is None else (event,)


def of_text(line: bytes) -> Iterable[Event] | None:
    """The event of a line that begins with a time and carries a phrase of the staging server's."""
    text = line.decode("utf-8", errors="replace")
    time = _TIME.match(text)
    at_s = epoch_s(time["at"]) if time else None
    if at_s is None:
        return None
    event = markers.event_of(text, at_s)
    return () if event is None else (event,)


def _of_format(form: Format) -> Reader:
    def read(line: bytes) -> Iterable[Event] | None:
        return form.events_of(line.decode("utf-8", errors="replace"))

    return read


_BUILT_IN: Final[dict[str, Reader]] = {"json": of_record, "text": of_text}
