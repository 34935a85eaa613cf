"""The program of docs/seed.md: where a loop's stack ends while it waits, and while it is blocked."""

from __future__ import annotations

import runpy
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "waiting_loop.py"


def test_a_loop_that_waits_reads_its_events_and_one_that_is_blocked_does_not() -> None:
    seen = runpy.run_path(str(PAGE))["seen"]
    waiting, blocked = (seen(0.6, is_blocked=is_blocked) for is_blocked in (False, True))
    assert waiting.events >= 1 and blocked.events == 0
    assert blocked.late_s > 0.5
    # A stack between two waits may end elsewhere.
    (where, times), *_ = waiting.lines.most_common(1)
    assert where.startswith(("selectors.py, in select: ", "windows_events.py, in _poll: ")), where
    assert times > waiting.lines.total() / 2
    assert blocked.lines.most_common(1)[0][0] == "waiting_loop.py, in read_to_its_end: time.sleep(for_s)"
