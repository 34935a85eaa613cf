"""Connections that fell silent, and the requests that went on with a silence."""

from typing import Any

import pytest

from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import LATE, START_US, a_row, tables_of

SILENT = {"outcome": "timeout", "cause": "silent_peer", "frames_in": 0}
ASKED = {"checked_s": 0.01, "pong_s": 0.01}


def asked(connection: int, outcomes: str, **values: Any) -> list[oracle.Row]:
    """Requests of a connection, one a second: `o` is answered, `s` is not and a ping is, `d` neither."""
    how = {"o": {}, "s": {**SILENT, **ASKED}, "d": SILENT}
    return [
        a_row(
            **{
                "kind": "exchange",
                "operation": "ping",
                "phase": "exchange",
                "connection": connection,
                "seq": 20 * connection + n,
                "scheduled_at": START_US + n * 1_000_000,
                "budget_s": 0.5,
                **how[outcome],
                **values,
            }
        )
        for n, outcome in enumerate(outcomes)
    ]


@pytest.mark.slow
def test_mute_connections_are_told_from_those_that_are_silent_now_and_then() -> None:
    tables = tables_of(*asked(0, "oosss"), *asked(1, "oososssoo"), *asked(2, "ooo"), *asked(3, "ss"), LATE)
    counts = {(bool(row.is_mute), row.operation): row.n for row in tables.mute.itertuples()}
    assert counts == {(True, ""): 1, (False, ""): 2, (True, "ping"): 3, (False, "ping"): 4 + 2}


def test_requests_that_go_on_with_a_silence_are_told_from_those_that_begin_one() -> None:
    rows = [*asked(0, "odsd", idle_s=2.5), *asked(1, "sods"), *asked(2, "ood"), *asked(3, "dd", retry=1), LATE]
    tables = tables_of(*rows)
    found = tables.continued.groupby("idle")[["n", "died"]].sum()
    assert found.to_dict("index") == {2: {"n": 2, "died": 1}, -1: {"n": 1, "died": 0}}


def test_where_every_silence_is_answered_again_nothing_goes_on() -> None:
    assert tables_of(*asked(0, "osoodo"), LATE).continued.empty
