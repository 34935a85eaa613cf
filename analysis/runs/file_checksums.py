"""Are a run's files what was written? Holds each against `SHA256SUMS`, which the store writes beside them.

The engines do not look: DuckDB reads no page checksums, and of 60 single bits that were flipped in a Parquet file 36
changed values in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attempts.checksums import FILE_NAME, check
from attempts.printable import one_line


def check_files(
    folder: Path, files: Sequence[Path], label: str, problems: list[str], notes: list[str], *, is_live: bool
) -> frozenset[str]:
    """The names of the files in one folder of a run that are not what was written; each is a problem.

    Args:
        folder: attempts/ or health/.
        files: Those in it.
        label: How the folder is called in sentences.
        problems: Sentences are added to it.
        notes: Alike.
        is_live: The store is at work in it: files come and go, and are in the list before they are there.
    """
    if not files:
        return frozenset()
    found = check(folder, files)
    label = one_line(label)
    if not found.is_listed:
        notes.append(f"{label} has no {FILE_NAME} (an older wsoak's): whether a bit of its files flipped is unknown.")
        return frozenset()
    problems += [
        f"{label}/{one_line(name)} is not what was written: its SHA-256 is not the one in {FILE_NAME}, so a disk or a "
        "copy has changed it. Bring back a copy that is whole."
        for name in sorted(found.changed)
    ]
    if is_live:
        return found.changed
    problems += [
        f"{label}/{one_line(name)} is in {FILE_NAME} and not there: its rows are missing."
        for name in sorted(found.missing)
    ]
    problems += [
        f"{label}/{one_line(name)} is not in {FILE_NAME}: nobody knows whether it is what was written."
        for name in sorted(found.unlisted)
    ]
    if found.is_damaged:
        problems.append(f"{label}/{FILE_NAME} has lines that cannot be read: which files are whole is not known.")
    return found.changed
