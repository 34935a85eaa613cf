"""A load-generating process that cannot begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.clock import Clock
from scenarios.errors import HarnessError
from scenarios.load.generator import LoadGenerator
from scenarios.options import settings_from
from scenarios.plan import Target
from scenarios.run_order import RunOrder


def test_a_folder_for_rows_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = Target(scheme="ws", host="127.0.0.1", port=9)
    order = RunOrder(
        run_id="a", target=target, jwt_key_file=None, clock=Clock(0, 0.0), workers=1, users=1, storm_at=None
    )
    with pytest.raises(HarnessError, match=r"cannot be kept in .*file/spool \(Not a directory\): name another folder"):
        LoadGenerator(
            order,
            settings_from({}),
            spool_folder=tmp_path / "file" / "spool",
            target=target,
            on_attempt=lambda _: None,
            clock=order.clock,
        )
