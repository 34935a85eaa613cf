"""Sessions that were held open: which died, and what is kept of those that nobody ended."""

from typing import Any

import pandas as pd
import pytest

from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import LATE, a_row, tables_of


def a_session(seq: int, **given: Any) -> oracle.Row:
    """A session that ended as planned, held from the run's start on."""
    return a_row(kind="hold", operation="hold", seq=seq, **{"connection": seq, "duration_s": 333.4, **given})


RESET = {"outcome": "failed", "cause": "reset", "closed_by": "network"}


def test_of_sessions_that_nobody_ended_only_coarse_ages_are_kept_and_no_arm() -> None:
    tables = tables_of(a_row(), a_session(2), a_session(3, **RESET), LATE | {"seq": 4})
    by_peer = tables.holds["by_peer"].astype(bool)
    (kept,), (ended,) = (tables.holds[mask].to_dict("records") for mask in (~by_peer, by_peer))
    # 333.4 s are bin 666; from 200 s on the bins of those that nobody ended are four wide.
    assert (kept["duration_bin"], ended["duration_bin"]) == (664, 666)
    assert pd.isna(kept["client"]) and pd.isna(kept["delay_us"])
    assert (ended["client"], ended["delay_us"], ended["cause"]) == ("websocket-client", 100_000.0, "reset")
    (of_arm,) = tables.reached.to_dict("records")
    assert (of_arm["client"], of_arm["of"], of_arm["bin"], of_arm["n"]) == ("websocket-client", "age", 664, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "died"),
    [
        (RESET, True),
        (RESET | {"cause": "server_closed", "close_code": 1006}, True),
        ({"outcome": "failed", "cause": "keepalive", "closed_by": "client"}, True),
        (RESET | {"retry": 1}, False),
        (RESET | {"cause": "auth_rejected"}, False),
        (RESET | {"cause": "malformed"}, False),
        (RESET | {"cause": "harness"}, False),
        (RESET | {"loop_lag_s": 12.0}, False),
        ({"outcome": "aborted"}, False),
    ],
)
def test_a_session_died_if_it_ended_early_and_neither_this_tester_nor_its_token_or_message_was_why(
    given: dict[str, Any], died: bool
) -> None:
    tables = tables_of(a_row(), a_session(2, **given), LATE | {"seq": 4})
    assert tables.holds["died"].tolist() == [died]


def test_a_session_that_ended_in_the_middle_of_an_exchange_did_not_die_while_it_was_held() -> None:
    asked = a_row(kind="exchange", operation="ping", phase="exchange", seq=2, connection=3, **RESET)
    tables = tables_of(a_row(), asked, a_session(3, **RESET), a_session(4, **RESET), LATE | {"seq": 5})
    assert sorted(tables.holds["died"].tolist()) == [False, True]
    assert tables.holds["by_peer"].all()
