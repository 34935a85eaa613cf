"""Where a run ends, by its `run.json`."""

from datetime import UTC, datetime

from analysis.reduction.census import run_end


def test_the_end_of_a_run_is_the_planned_one_or_an_earlier_one() -> None:
    manifest = {"planned_end_at": "2026-01-05T10:00:00+00:00", "ended_at": "2026-01-05T09:30:00Z"}
    assert run_end(manifest) == datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
    assert run_end({"planned_end_at": "2026-01-05T10:00:00", "ended_at": None}) == datetime(
        2026, 1, 5, 10, 0, tzinfo=UTC
    )
    assert run_end({}) is None
