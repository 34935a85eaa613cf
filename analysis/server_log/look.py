"""A run's log looked at: twice where waits on sessions failed, since only the first look tells the clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.server_log.account import Account, account, asked_of
from analysis.server_log.gathered import gathered
from analysis.server_log.join import joined
from analysis.server_log.lines import Advance
from analysis.server_log.messages import messages, near, served
from analysis.server_log.read import Counts, LogFiles
from analysis.server_log.waits import waits_of

if TYPE_CHECKING:
    import ibis


def look(files: LogFiles, attempts: ibis.Table, advance: Advance | None = None) -> Account:
    """Read the log and say what it adds to the attempts.

    Args:
        files: As `open_logs` gives them.
        attempts: The attempts table (`dataset.attempts_table`).
        advance: Told the bytes that were read since.
    """
    waits = waits_of(attempts)
    counts = Counts()
    log = gathered(files.events(counts, advance), waits.connects)
    found = joined(log, waits.connects)
    places = {(one.worker, one.connection): place for place, one in enumerate(waits.connects)}
    asked = asked_of((*waits.failed, *waits.good), found, places)
    if waits.failed and any(log.stages[stage] for stage in ("request", "reply")):
        kept = near(files.events(Counts(), advance), asked)
    else:
        kept = [[] for _ in asked]
    n = len(waits.failed)
    good = [served(one, events, waits.operations) for one, events in zip(asked[n:], kept[n:], strict=True)]
    return account(log, found, waits, counts, of_failed=messages(kept[:n], asked[:n]), of_good=good)
