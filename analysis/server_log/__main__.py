"""`python -m analysis.server_log FILE... [--format FORMAT...]`: which format each log has, and what its beginning says.

Exit status: 0; 2 if a file or a format cannot be used, in one sentence.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from analysis.exit_codes import MET, USAGE
from analysis.server_log.lines import LogError
from analysis.server_log.read import EMPTY, UNKNOWN, Counts, open_logs

# So many events of a file are looked at: its beginning.
EVENTS: Final = 1000


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.server_log",
        description="Say which format each log has, and how much of its beginning can be read.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--format", nargs="+", default=(), help="names of formats, or TOML files (docs/server-log.md)")
    given = parser.parse_args(arguments)
    try:
        for path in given.files:
            print(_of(path, given.format))
    except LogError as error:
        print(error, file=sys.stderr)
        return USAGE
    return MET


def _of(path: Path, forms: Sequence[str]) -> str:
    counts = Counts()
    stages = Counter(event.stage for event in islice(open_logs([path], forms).events(counts), EVENTS))
    said = ", ".join(f"{n:,} {stage}" for stage, n in stages.items()) or "nothing of any connection"
    form = counts.formats[path.name]
    if form == EMPTY:
        return f"{path}: it is empty."
    if form == UNKNOWN:
        form += " fits (--format takes one of your own: docs/server-log.md)"
    text = f"{path}: {form}; of the first {counts.lines:,} lines {counts.unreadable:,} cannot be read; {said}."
    return " ".join((text, *counts.cut))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
