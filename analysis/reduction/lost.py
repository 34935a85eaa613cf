"""Where the waits that ran out were lost (`lost_at`, docs/evidence.md), counted by who waited for whom.

Nothing is decided here: it is what the clients' own machines say of each timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pandas as pd

from attempts.p1_checks import TEST_MISTAKE
from attempts.schema import RUNGS

if TYPE_CHECKING:
    import ibis

NOT_ASKED: Final = "not_asked"
# From this client's own loop to the server's application, then what nobody knows; in words after "n of the timeouts".
WORDS: Final[Mapping[str, str]] = {
    "generator": "in this client's own loop",
    "unsent": "before this client had sent the request",
    "unacknowledged": "never acknowledged by the peer's machine",
    "undelivered": "on their way back",
    "unread": "arrived and not read by this client",
    "partial": "in the middle of a message",
    "unmatched": "answered with what the protocol class does not know",
    "silent_process": "acknowledged, with neither answer nor pong",
    "silent_application": "had by the server, which answered pings only",
    "late": "answered after the budget",
    "unknown": "where, could not be told",
    NOT_ASKED: "where, was not asked",
}
ORDER: Final = (*RUNGS, NOT_ASKED)
KEYS: Final = ("platform", "client", "delay_ms", "server_instance")


def counted(attempts: ibis.Table) -> ibis.Table:
    """The timeouts of sessions by who waited for whom, and where they were lost.

    Args:
        attempts: With the contract's columns (`explain.contract_columns`).

    Returns:
        platform, client [library/loop], delay_ms, server_instance ("" = not named), lost_at (`ORDER`): `n`.
    """
    # What a mistaken test waited for was never to come.
    is_a_wait = (attempts.kind != "probe") & (attempts.cause.fill_null("") != TEST_MISTAKE)
    waits = attempts.filter(attempts.outcome == "timeout", is_a_wait)
    keyed = waits.mutate(
        client=waits.client.concat("/", waits.event_loop.fill_null("")),
        delay_ms=waits.delay_s * 1000.0,
        server_instance=waits.server_instance.fill_null(""),
        lost_at=waits.lost_at.fill_null(NOT_ASKED),
    )
    return keyed.group_by(*KEYS, "lost_at").agg(n=keyed.count())


def counts(lost: pd.DataFrame) -> dict[str, int]:
    """How many waits were lost at each rung, in the rungs' order, those that occurred; empty if no kernel was asked."""
    by_rung = lost.groupby("lost_at", observed=True)["n"].sum()
    found = {rung: int(by_rung[rung]) for rung in ORDER if rung in by_rung.index}
    return {} if set(found) <= {NOT_ASKED} else found
