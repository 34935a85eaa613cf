"""Connections that fell mute."""

import pytest

from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import LATE, START_US, a_row, tables_of


@pytest.mark.slow
def test_mute_connections_are_told_from_those_that_are_silent_now_and_then() -> None:
    def asked(connection: int, outcomes: str) -> list[oracle.Row]:
        silent = {"outcome": "timeout", "cause": "silent_peer", "checked_s": 0.01, "pong_s": 0.01, "frames_in": 0}
        return [
            a_row(
                kind="exchange",
                operation="ping",
                phase="exchange",
                connection=connection,
                seq=20 * connection + n,
                scheduled_at=START_US + n * 1_000_000,
                budget_s=0.5,
                **(silent if outcome == "s" else {}),
            )
            for n, outcome in enumerate(outcomes)
        ]

    tables = tables_of(*asked(0, "oosss"), *asked(1, "oososssoo"), *asked(2, "ooo"), *asked(3, "ss"), LATE)
    counts = {(bool(row.is_mute), row.operation): row.n for row in tables.mute.itertuples()}
    assert counts == {(True, ""): 1, (False, ""): 2, (True, "ping"): 3, (False, "ping"): 4 + 2}
