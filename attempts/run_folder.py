"""What a folder must hold to be a run's: something that a run's processes wrote, under a name of theirs."""

from __future__ import annotations

from pathlib import Path


def why_no_run_folder(folder: Path) -> str:
    """Why a folder is no run's, in a sentence; empty where it is one.

    A run that was refused or whose processes died may have left as little as an empty `attempts/`. A folder of that
    name that holds something else says nothing: wsoak's own sources have an `attempts/`, and a `spool/` in it.
    """
    if (folder / "run.json").exists() or _is_of_a_store(folder / "attempts") or _is_of_workers(folder / "spool"):
        return ""
    return (
        f"{folder} is no run folder: it has neither run.json nor a run's tables in attempts/ nor a spool/. "
        "Name one, for example reports/<run_id>."
    )


def _is_of_a_store(attempts: Path) -> bool:
    """Whether it is empty, or holds a table, the list of their checksums, or one of them half written."""
    if not attempts.is_dir():
        return False
    held = [entry.name for entry in attempts.glob("*")]  # one that cannot be read looks empty
    return not held or any(name.removesuffix(".tmp").endswith((".parquet", "SHA256SUMS")) for name in held)


def _is_of_workers(spool: Path) -> bool:
    """Whether it is a spool, of which nothing but the folder may be left: what it is not is a Python package."""
    return spool.is_dir() and not (spool / "__init__.py").exists()
