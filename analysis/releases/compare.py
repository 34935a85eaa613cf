"""`python -m analysis compare BASE NEW`: is the new run worse than the base, by how much, and beyond the margin?

Both must have been analysed (`verdict.json`): their claims are taken from there, and the levels from their attempts.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NoReturn

from analysis.exit_codes import BREACHED, MET, USAGE, VOID
from analysis.reduction.sessions_of_runs import STRATUM, sessions_of
from analysis.releases.differences import Comparison, compared
from analysis.releases.words import text
from analysis.runs.dataset import Dataset, attempts_table, open_runs
from analysis.runs.parquet_files import DatasetError
from analysis.settings import SettingsError, settings_for
from attempts.printable import printable

EXIT_STATUS: Final[Mapping[str, int]] = {"not_worse": MET, "worse": BREACHED, "undecided": VOID}


class CompareError(Exception):
    """A run cannot be compared: one sentence with the value, the rule and the way out."""


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 not worse, 1 worse beyond the margin, 2 wrong usage, 3 void or cannot tell."""
    try:
        options = parser().parse_args(arguments)
        found = compare(options.base, options.new, verdict=None, margin=options.margin)
    except CompareError as error:
        print(printable(str(error)), file=sys.stderr)
        return USAGE
    print(printable(as_json(found) if options.json else text(found)), flush=True)
    return EXIT_STATUS[found.state]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CompareError(f"{message} (python -m analysis compare --help says what can be given).")


def parser() -> argparse.ArgumentParser:
    """The arguments of `compare`."""
    result = _Parser(
        prog="python -m analysis compare",
        description="Hold a run against an earlier one: levels within what both have, and claims.",
        epilog="Exit status: 0 not worse, 1 worse beyond the margin, 2 wrong usage, 3 void, or it cannot be told.",
    )
    result.add_argument("base", type=Path, metavar="BASE", help="the earlier run's folder, analysed")
    result.add_argument("new", type=Path, metavar="NEW", help="the new run's folder, analysed")
    result.add_argument("--margin", type=float, help="smallest difference of a share that matters (the new run's)")
    result.add_argument("--json", action="store_true", help="print JSON")
    return result


def compare(base: Path, new: Path, *, verdict: Mapping[str, Any] | None, margin: float | None = None) -> Comparison:
    """The comparison of two run folders.

    Args:
        base: The earlier run.
        new: The new run.
        verdict: The new run's verdict; None: read it from its folder.
        margin: The smallest difference of a share that matters; None: the new verdict's.

    Raises:
        CompareError: One of them is no run that was analysed, or the margin breaks its rule.
    """
    if margin is not None and not 0 < margin < 1:
        raise CompareError(f"--margin = {margin} is not allowed: it is an absolute share above 0 and below 1.")
    datasets = (_opened(base), _opened(new))
    try:
        _, levels = settings_for([new], {})
    except SettingsError as error:
        raise CompareError(str(error)) from error
    if {run.run_id for run in datasets[0].runs} & {run.run_id for run in datasets[1].runs}:
        raise CompareError(f"{base} and {new} are the same run: name two.")
    verdicts = (read_verdict(base), read_verdict(new) if verdict is None else verdict)
    frames = [sessions_of(attempts_table(one), max_duration_s=levels.max_duration_s) for one in datasets]
    delta = float(verdicts[1]["margin"]) if margin is None else margin
    found = compared(frames[0], frames[1], verdicts, strata=STRATUM, margin=delta)
    targets = [_target(one) for one in datasets]
    if targets[0] == targets[1]:
        return found
    said = f"target differs: {targets[0] or 'unknown'} in the base, {targets[1] or 'unknown'} in the new run."
    return Comparison(**{**vars(found), "differs": (said, *found.differs)})


def check(base: Path) -> None:
    """See that a run can be held against this one, before there is anything to compare.

    Raises:
        CompareError: It is no run, or was not analysed.
    """
    _opened(base)
    read_verdict(base)


def as_json(found: Comparison) -> str:
    """The comparison as one JSON document."""
    return json.dumps({"schema_version": 1, **asdict(found)}, indent=2, sort_keys=True)


def _opened(folder: Path) -> Dataset:
    try:
        return open_runs([folder])
    except DatasetError as error:
        raise CompareError(str(error)) from error


def _target(dataset: Dataset) -> str:
    """What the run's load went to, without the stand-in's port, which is another every time."""
    target = (dataset.runs[0].manifest or {}).get("target")
    if not isinstance(target, dict):
        return ""
    return "the stand-in" if target.get("standin") else str(target.get("url"))


def read_verdict(folder: Path) -> Mapping[str, Any]:
    """`verdict.json` of a run folder.

    Raises:
        CompareError: There is none, or it is another thing.
    """
    path = folder / "verdict.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompareError(f"{path} cannot be read: analyse the run first with python -m analysis {folder}.") from error
    if not isinstance(document, dict) or not {"runs", "slo", "claims", "margin"} <= document.keys():
        raise CompareError(f"{path} is no verdict: analyse the run again with python -m analysis {folder}.")
    return document
