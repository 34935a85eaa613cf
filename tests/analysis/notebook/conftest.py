"""A small run with a verdict beside it, as a reader finds them; nothing of it is analysed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.verdict.service_levels import Slo
from tests.analysis.run_folders import attempts, manifest, put, write_run
from tests.analysis.verdicts import BREACHED, verdict

SLO = Slo(state="breached", checks=(BREACHED,), why=BREACHED.why)


def counted(rows: int) -> dict[str, int]:
    return {"all": rows, "probes": 0, "cut_off": 0, "test_mistakes": 0, "unreadable": 0, "judged": rows}


def analysed(folder: Path, *, rows: int = 600, **changes: Any) -> Path:
    """A run folder with rows, and a verdict that counts as many."""
    frame = attempts(rows)
    put(frame, frame.index[frame["platform"] == "Windows"][:12], outcome="timeout", cause="silent_peer")
    write_run(folder, frame, run_json=manifest(frame))
    document = verdict(SLO, **{"runs": ["run"], "counts": counted(rows)} | changes)
    (folder / "verdict.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return analysed(tmp_path_factory.mktemp("notebook") / "reports" / "run")
