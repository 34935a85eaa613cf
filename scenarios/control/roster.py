"""Who takes part in a fleet's run: who was told to start, said hello, was heard, and has reported at its end.

Workers come and go while a run goes on. One that was told to start has to say hello; one that said hello has to report
that its rows are home, be it at the run's end or when it leaves before. Whoever does not is named in a sentence, and
makes the run void. Nothing here knows a clock: `now` is seconds of a monotonic one.
"""

from __future__ import annotations

import math

import msgspec

from attempts.settling import OTHER, WORKER_LOST, Problem
from scenarios.run_file import WorkerEntry
from scenarios.run_order import GeneratorReport


class Roster:
    """The workers of one run, by Locust's names for them.

    Args:
        before: Of the last run: when a worker was heard does not depend on the run.
    """

    def __init__(self, before: Roster | None = None) -> None:
        self._told: set[str] = set()
        self._excused: set[str] = set()
        self._hellos: dict[str, WorkerEntry] = {}
        self._reports: dict[str, GeneratorReport] = {}
        self._heard: dict[str, float] = before._heard if before is not None else {}
        self._silent: set[str] = set()

    def told_to_start(self, client: str) -> None:
        """Users were dealt to it: it owes a hello."""
        self._told.add(client)

    def hello(self, client: str, entry: WorkerEntry) -> None:
        """It takes part: it owes a report."""
        self._hellos[client] = entry

    def gave_up(self, client: str) -> None:
        """It has said why it cannot take part, and owes nothing, unless it has begun."""
        self._excused.add(client)

    def reported(self, client: str, report: GeneratorReport) -> None:
        """All its rows are home, or it has said which are not."""
        self._reports[client] = report

    def heard(self, client: str, now: float) -> None:
        """It has sent something, whatever it was."""
        self._heard[client] = now

    @property
    def taking_part(self) -> set[str]:
        """Those that said hello and have not reported."""
        return set(self._hellos) - set(self._reports)

    @property
    def missing(self) -> set[str]:
        """Those that owe a hello or a report."""
        return self.taking_part | self._silent_starters

    @property
    def reports(self) -> list[GeneratorReport]:
        """Of all that have reported."""
        return list(self._reports.values())

    @property
    def lost(self) -> list[WorkerEntry]:
        """The entries of those that said hello and never reported."""
        return [msgspec.structs.replace(self._hellos[client], lost=True) for client in self._in_order(self.taking_part)]

    @property
    def entries(self) -> dict[str, WorkerEntry]:
        """What all that said hello have said of themselves last."""
        told = {client: report.workers[0] for client, report in self._reports.items() if client in self._hellos}
        return self._hellos | told

    def knows(self, client: str) -> bool:
        """Whether it has said hello."""
        return client in self._hellos

    def silence_s(self, client: str, now: float) -> float:
        """For how long it has not been heard."""
        return now - self._heard.get(client, -math.inf)

    def problems(self) -> list[Problem]:
        """What the run must be told of those that are missing at its end."""
        never = sorted(self._silent_starters)
        return [
            *(lost(self._hellos[client]) for client in self._in_order(self.taking_part)),
            *(
                Problem(OTHER, None, f"Worker {client!r} was told to start and never took part in the run.")
                for client in never
            ),
        ]

    def news(self, now: float, *, silent_s: float) -> list[str]:
        """Who has fallen silent since the last call, and who is heard again, in sentences: no problem yet."""
        silent = {client for client in self.taking_part if self.silence_s(client, now) >= silent_s}
        fallen, back = silent - self._silent, self._silent - silent
        self._silent = silent
        return [
            *(
                f"Worker {self._name(client)} has not been heard for {silent_s:g} s: if it lives, it soaks on."
                for client in self._in_order(fallen)
            ),
            *(f"Worker {self._name(client)} is heard again." for client in self._in_order(back & self.taking_part)),
        ]

    def is_deserted(self, now: float, *, alone_s: float) -> bool:
        """Whether there are workers that take part, and none of them has been heard for so long."""
        return bool(self.taking_part) and all(self.silence_s(client, now) >= alone_s for client in self.taking_part)

    @property
    def _silent_starters(self) -> set[str]:
        return self._told - set(self._hellos) - set(self._reports) - self._excused

    def _name(self, client: str) -> str:
        return name_of(self._hellos[client])

    def _in_order(self, clients: set[str]) -> list[str]:
        return [client for client in self._hellos if client in clients]


def name_of(entry: WorkerEntry) -> str:
    """A worker in words."""
    return f"{entry.worker} ({entry.platform}, host {entry.host})"


def lost(entry: WorkerEntry) -> Problem:
    """That a worker was lost, until its rows say otherwise."""
    return Problem(WORKER_LOST, entry.worker, f"Worker {name_of(entry)} was lost.")
