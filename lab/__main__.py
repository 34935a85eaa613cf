"""`python -m lab`: soak real parts with known faults, and hold each verdict against the truth.

Exit status 1 if a row is wrong. A row whose part is not installed says so and is skipped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.judge import Seen, misses
from lab.page import page, result
from lab.parts import why_not
from lab.rows import BY_NAME, ROWS
from lab.soak import all_seen

# At a time: a soak waits nine tenths of its half minute, but its start and its analysis fill a core.
JOBS = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the rows that are asked for; the exit status says whether all are right."""
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name the rows and stop there")
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=BY_NAME, help="these rows; all if none is named")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"soaks at a time ({JOBS})")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as a page")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep runs, configurations and logs there")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write makes the whole page, and --only asks for a part of it")
    rows = [BY_NAME[name] for name in options.only] if options.only else list(ROWS)
    if options.list:
        for row in rows:
            print(f"{row.name:24} {row.part}: {row.fault or 'nothing is wrong (control)'}")
        return 0
    reasons = {row.name: why_not(row.setup) for row in rows}
    able = [row for row in rows if not reasons[row.name]]
    table: dict[str, Seen | str] = {name: reason for name, reason in reasons.items() if reason}
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="wsoak-lab-") as temporary, ThreadPoolExecutor(options.jobs) as pool:
        folder = options.keep.resolve() if options.keep else Path(temporary)
        for row, coming in zip(able, all_seen(able, folder, pool), strict=True):
            found = table[row.name] = coming.result()
            wrong += bool(misses(row.expected, found))
            print(f"{row.name:24} {result(row, found)}", flush=True)
    for row in rows:
        if reasons[row.name]:
            print(f"{row.name:24} {result(row, reasons[row.name])}")
    if options.write:
        options.write.write_text(page([(row, table[row.name]) for row in rows]), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
