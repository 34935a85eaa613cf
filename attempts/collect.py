"""Bring what a dead worker machine left: `python -m attempts.collect <folder> reports/<run>`.

Copies the segments in the folder and the folders below it into the run's spool, and leaves them where they
are. Run it as often as you like, before or after the store: no row counts twice. Then
`python -m attempts.store reports/<run>` stores them and `python -m analysis reports/<run>` judges anew.

Exit status: 0 all is there; 2 wrong usage; 3 some segments could not be brought (each in a sentence).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attempts.exit_codes import EXIT_MISSING, EXIT_OK, EXIT_USAGE
from attempts.locks import lock_while_open
from attempts.manifest import read_manifest
from attempts.spool.frames import NotASegment, read_segment
from attempts.spool.shipping import keep_segment_file, segment_file
from attempts.spool.spool import OPEN_SUFFIX, SegmentName, segments


class NotCollected(Exception):
    """One segment stays where it is; the text goes on after its name."""


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m attempts.collect", description="Segments of a lost worker.")
    parser.add_argument("spool", type=Path, help="the folder with the segments that were left")
    parser.add_argument("run", type=Path, help="the run folder, reports/<run_id>")
    arguments = parser.parse_args(argv)
    source: Path = arguments.spool
    run: Path = arguments.run
    if not run.is_dir():
        return _usage(f"{run} is no run folder: name reports/<run_id>, into which the segments shall go.")
    found = [] if not source.is_dir() else segments_below(source)
    if not found:
        return _usage(f"{source} holds no segments (*.spool, *.open): name the spool folder of the lost worker.")
    target = run / "spool"
    if target.exists() and target.samefile(source):
        return _usage(f"{source} is the run's own spool: run python -m attempts.store {run} instead.")
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        return _usage(f"{target} cannot be made ({error.strerror}): the run folder must be one that can be written to.")
    brought, problems = 0, []
    for name, path in found:
        try:
            brought += collect_segment(name, path, target, run_id=_run_id(run))
        except (NotCollected, OSError) as problem:
            problems.append(f"Segment {path.name} was left: {problem}.")
    for sentence in problems:
        print(sentence, file=sys.stderr)
    print(f"{brought} segments were brought. Now run: python -m attempts.store {run}; python -m analysis {run}")
    return EXIT_MISSING if problems else EXIT_OK


def segments_below(folder: Path) -> list[tuple[SegmentName, Path]]:
    """The segments of a folder and of all folders in it: each worker process has one of its own."""
    folders = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
    return [found for one in folders for found in segments(one)]


def collect_segment(name: SegmentName, path: Path, target: Path, *, run_id: str | None) -> bool:
    """Copy one segment into a run's spool; False if it is there already.

    Raises:
        NotCollected: It is another run's, no segment, still being written, or not a copy of the one there.
        OSError: The disk refused.
    """
    with open(path, "rb") as file:
        if path.suffix == OPEN_SUFFIX and not lock_while_open(file):
            raise NotCollected("its worker still writes it; stop the worker first")
        file.seek(0)
        data = file.read()
    try:
        worker = read_segment(data).worker
    except NotASegment as problem:
        raise NotCollected(f"it {problem}") from problem
    if worker is not None and run_id is not None and worker.run_id != run_id:
        raise NotCollected(f"it belongs to run {worker.run_id}, and the folder is run {run_id}")
    there = segment_file(target, name)
    held = there.read_bytes() if there.exists() else b""
    if held and held.startswith(data):
        return False
    if not data.startswith(held):
        raise NotCollected(f"{there} is there with other content; compare the two")
    keep_segment_file(target, name, data)
    return True


def _run_id(run: Path) -> str | None:
    """As run.json says; None if it does not."""
    run_id = read_manifest(run).get("run_id")
    return run_id if isinstance(run_id, str) else None


def _usage(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
