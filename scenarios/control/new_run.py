"""A run begins: its name, its folder, and the first `run.json`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scenarios.control import leadership
from scenarios.control.live_run import LiveRun
from scenarios.errors import ConfigError
from scenarios.options import Settings
from scenarios.run_file import RunFile, TargetFacts, iso


def new_run_id(now: datetime) -> str:
    """A folder name that sorts by time and does not collide: 20261123T154500Z-1f2e."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def create(
    settings: Settings,
    *,
    target: TargetFacts,
    command: Sequence[str],
    run_time_s: float | None,
    users: int | None = None,
    plan: Mapping[str, Any],
    versions: Mapping[str, str],
    now: datetime,
) -> LiveRun:
    """Make the run's folder and write the first `run.json`: from here on the run exists.

    Raises:
        ConfigError: If the folder is there already or cannot be made.
    """
    run_id = settings.run_id or new_run_id(now)
    folder = Path(settings.reports_dir) / run_id
    planned_end = now + timedelta(seconds=run_time_s) if run_time_s else None
    try:
        folder.mkdir(parents=True)
        (folder / "spool").mkdir()
    except FileExistsError:
        raise ConfigError(
            f"The run folder {folder} exists already, and a run is never written over another: choose a new --run-id."
        ) from None
    except OSError as error:
        raise ConfigError(f"The run folder {folder} cannot be made: {os.strerror(error.errno or 0)}.") from None
    file = RunFile(
        run_id=run_id,
        command=list(command),
        started_at=iso(now),
        planned_end_at=iso(planned_end) if planned_end else None,
        target=target,
        plan=dict(plan),
        versions=dict(versions),
        settings=settings.for_run_file(),
        users=users,
        updated_at=iso(now),
    )
    lead = leadership.begin(folder)
    file.write(folder)
    return LiveRun(folder=folder, file=file, settings=settings, planned_end=planned_end, lead=lead)
