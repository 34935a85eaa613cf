from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.live.document import FILE_NAME, Group, LiveDocument, write

KEYS = (
    *("run_id", "as_of", "state", "elapsed_s", "planned_s", "attempts", "timeouts", "slot_s", "over_time", "by"),
    *("cells", "lost_at", "generator", "claims", "answer", "answer_as_of", "is_final", "analysis_about_s"),
    "note",
)


def test_a_run_that_begins_has_every_key_and_nothing_that_was_not_measured(tmp_path: Path) -> None:
    write(tmp_path, LiveDocument(run_id="r", as_of="2026-11-29T00:00:00Z", state="starting"))
    said = json.loads((tmp_path / FILE_NAME).read_bytes())
    assert tuple(said) == KEYS
    assert said["generator"] == {
        **{"lag_p99_s": None, "lag_max_s": None, "cpu_max": None},
        **{"workers": [], "more_workers": 0},
    }
    assert (said["answer"], said["elapsed_s"], set(said["by"])) == (
        None,
        None,
        {"platform", "client", "delay_s", "instance"},
    )


def test_a_document_is_replaced_as_a_whole_and_leaves_no_other_file(tmp_path: Path) -> None:
    groups = {"delay_s": (Group(value=0.08, n=2, failed=1, causes={"silent_peer": 1}),)}
    for state in ("starting", "running"):
        write(tmp_path, LiveDocument(run_id="r", as_of="", state=state, by=groups))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    said = json.loads((tmp_path / FILE_NAME).read_bytes())
    assert said["state"] == "running"
    assert said["by"]["delay_s"] == [{"value": 0.08, "n": 2, "failed": 1, "causes": {"silent_peer": 1}}]


def test_a_disk_that_refuses_leaves_the_old_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, LiveDocument(run_id="old", as_of="", state="running"))

    def refuse(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr("analysis.live.document.os.replace", refuse)
    with pytest.raises(OSError, match="full"):
        write(tmp_path, LiveDocument(run_id="new", as_of="", state="running"))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert json.loads((tmp_path / FILE_NAME).read_bytes())["run_id"] == "old"
