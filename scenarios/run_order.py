"""The controller's order to its load generators: plain data, small, and without a secret."""

from __future__ import annotations

import msgspec

from scenarios.clock import Clock
from scenarios.plan import Target
from scenarios.run_file import WorkerEntry


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as every load generator of it must know it before its first user starts.

    It travels as text among the options that Locust forwards with its spawn message, so late joiners
    get it too. The options themselves (`Settings`) travel the same way.

    Attributes:
        run_id: The run.
        target: Where connections go.
        jwt_key_file: Where this machine finds the stand-in's key; None = as the options say.
        clock: The run's clock on the controller's machine: the start on its wall clock, and by its timer. All that
            has a time of day in this run goes by it, on every machine.
        run_time_s: How long the run is planned to last; a duration, so that no clock can be wrong about it. None =
            until somebody ends it.
        workers: How many processes share the users, the subjects and an open plan's rate.
        users: How many users there will be on all of them.
        storm_at: When everybody reconnects, microseconds since the epoch on that clock; None = never.
    """

    run_id: str
    target: Target
    jwt_key_file: str | None
    clock: Clock
    run_time_s: float | None = None
    workers: int = 1
    users: int = 1
    storm_at: int | None = None

    @property
    def started_at(self) -> int:
        """The start, microseconds since the epoch."""
        return self.clock.wall_us

    def as_text(self) -> str:
        """For `parsed_options`."""
        return msgspec.json.encode(self).decode()


def order_from_text(text: str) -> RunOrder:
    """The reverse of `as_text`.

    Raises:
        msgspec.DecodeError: If it is something else (another version of wsoak on the controller).
    """
    return msgspec.json.decode(text, type=RunOrder)


class GeneratorReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a load generator says of itself when its users have stopped.

    Attributes:
        workers: Itself, and each of its child processes: one entry an id in the rows.
        tally: `plan.Tally` as a mapping, of all of them together.
        problems: Sentences; any makes the run void.
        left_behind: Sentences on rows that are still on its machine; these make it void until they are brought.
    """

    workers: list[WorkerEntry]
    tally: dict[str, int]
    problems: list[str] = []
    left_behind: list[str] = []
