"""What the process beside a run does, step by step: count what is stored, look at it now and then, and end.

Theory of operation. Counting is cheap, for every file is counted once. A look is the whole analysis over all rows that
are stored, by the sequential rule (`verdict.live`), so that watching spends no error; it costs seconds, and more as the
run grows, so it is done as seldom as its share of a core asks. The final verdict is made by the command line's own
function, in this process, which has its imports behind it: what was looked at before cannot change it.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from analysis import cli
from analysis.live import document, shown
from analysis.live.counted import Counted
from analysis.live.document import LiveClaim, LiveDocument, LiveState
from analysis.live.pace import Pace
from analysis.live.vitals import generator
from analysis.reduction.tallies import Tally
from analysis.runs.manifest import ManifestError, read_manifest
from analysis.verdict.answer import Answer
from attempts.printable import one_line

# Of one core, together a fifth; the process goes after all others in any case.
COUNT_SHARE: Final = 0.05
LOOK_SHARE: Final = 0.15
COUNT_EVERY_S: Final = 3.0
LOOK_EVERY_S: Final = 10.0
# No look begins so shortly before the planned end (in times of the last look, and in seconds before the first) that the
# verdict would wait for it.
_CLEAR_OF_THE_END: Final = 2.0
_CLEAR_S: Final = 15.0
# The command line imports them where it uses them: most of its subcommands need none.
_FOR_THE_VERDICT: Final = (
    "analysis.pipeline",
    "analysis.reduction.reduce",
    "analysis.verdict.decide",
    "analysis.report.html",
)


@dataclass(kw_only=True)
class Resident:
    """The analysis beside one run.

    Attributes:
        arguments: Of `python -m analysis`: the run's folder first.
        monotonic, cpu, now: The clocks: of this machine, of this process' work, and of the day.
    """

    arguments: Sequence[str]
    monotonic: Callable[[], float] = time.monotonic
    cpu: Callable[[], float] = time.process_time
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _state: LiveState = "starting"
    _claims: tuple[LiveClaim, ...] = ()
    _answer: Answer | None = None
    _answer_as_of: str | None = None
    _found_failures: bool = True
    _is_final: bool = False
    _note: str = ""
    _counting: Pace = field(default_factory=lambda: Pace(share=COUNT_SHARE, least_s=COUNT_EVERY_S))
    _looking: Pace = field(default_factory=lambda: Pace(share=LOOK_SHARE, least_s=LOOK_EVERY_S))

    def __post_init__(self) -> None:
        """Nothing is counted yet."""
        self.folder = Path(self.arguments[0])
        self._counted = Counted(self.folder)
        self._looked_at = self._counted.tally

    def begin(self) -> None:
        """Write the first document, and import what the verdict needs: a short run has no look before its end."""
        self._write()
        for module in _FOR_THE_VERDICT:
            importlib.import_module(module)

    def step(self) -> None:
        """Count and look, each if it is due: call it every second while the run goes on."""
        began, cpu_s = self.monotonic(), self.cpu()
        if self._counting.is_due(began):
            if self._counted.refresh() and self._state == "starting":
                self._state = "running"
            self._write()
            self._counting.did(began=began, now=self.monotonic(), cpu_s=self.cpu() - cpu_s)
        began, cpu_s = self.monotonic(), self.cpu()
        if self._looking.is_due(began) and self._is_worth_a_look():
            self._look()
            self._write()
            self._looking.did(began=began, now=self.monotonic(), cpu_s=self.cpu() - cpu_s)

    def storing(self) -> None:
        """The users have stopped; what is left is being stored."""
        self._state = "storing"
        self._write()

    def finish(self) -> int:
        """Make the verdict, as the command line does; returns its exit status."""
        self._state = "analysing"
        self._write()
        is_void = True

        def told(verdict: Mapping[str, Any]) -> None:
            nonlocal is_void
            is_void = verdict["slo"]["state"] == "void"
            self._take(verdict)
            self._answer_as_of, self._is_final, self._note = _iso(self.now()), True, ""
            self._counted.refresh()
            self._write()  # whoever watches need not wait until the report is drawn

        status = cli.main(self.arguments, told=told)
        if not self._is_final:
            self._note = "The analysis wrote no verdict."
        self._state = "void" if is_void else "ended"
        self._write()
        return status

    @property
    def last_look_s(self) -> float | None:
        """How long the last look took; None: there was none."""
        return self._looking.took_s or None

    def _is_worth_a_look(self) -> bool:
        """Whether there are judged attempts, more than at the last look, and time enough before the end."""
        tally = self._counted.tally
        if not len(tally.slots) or tally.cells["n"].sum() == self._looked_at.cells["n"].sum():
            return False
        left_s = self._left_s()
        return left_s is None or left_s > max(_CLEAR_S, _CLEAR_OF_THE_END * self._looking.took_s)

    def _look(self) -> None:
        at, self._looked_at = _iso(self.now()), self._counted.tally
        try:
            self._take(_verdict(self.arguments))
            self._answer_as_of, self._note = at, ""
            self._counted.refresh()  # what was stored meanwhile is in the answer: the counts beside it are no older
        except Exception as error:  # the run goes on, and its verdict is made at its end from all rows
            self._note = f"The last look failed ({one_line(f'{type(error).__name__}: {error}')[:200]})."

    def _take(self, verdict: Mapping[str, Any]) -> None:
        self._claims, self._answer = shown.claims(verdict), shown.answer(verdict)
        self._found_failures = bool(verdict["failures"])

    def _left_s(self) -> float | None:
        planned = _moment(self._manifest().get("planned_end_at"))
        return None if planned is None else (planned - self.now()).total_seconds()

    def _manifest(self) -> dict[str, Any]:
        try:
            return read_manifest(self.folder) or {}
        except ManifestError:
            return {}

    def _write(self) -> None:
        manifest, tally, now = self._manifest(), self._counted.tally, self.now()
        began, planned = _moment(manifest.get("started_at")), _moment(manifest.get("planned_end_at"))
        ended = _moment(manifest.get("ended_at"))
        unread = self._counted.unreadable
        note = self._note or (f"{unread[0]} could not be read yet; {len(unread)} such files." if unread else "")
        said = LiveDocument(
            run_id=str(manifest.get("run_id") or self.folder.name),
            as_of=_iso(now),
            state=self._state,
            elapsed_s=None if began is None else max(0.0, ((ended or now) - began).total_seconds()),
            planned_s=None if began is None or planned is None else (planned - began).total_seconds(),
            attempts=shown.attempt_counts(tally),
            timeouts=shown.timeouts(tally),
            slot_s=shown.slot_s(tally),
            over_time=shown.over_time(tally),
            by=shown.groups(tally),
            cells=shown.cells(tally),
            lost_at=shown.lost_at(tally),
            generator=generator(self._counted.vitals),
            claims=self._claims,
            # "None fails" is not said of a time before the first one did.
            answer=None if not self._found_failures and _has_failures(tally) and not self._is_final else self._answer,
            answer_as_of=self._answer_as_of,
            is_final=self._is_final,
            analysis_about_s=self.last_look_s,
            note=note,
        )
        # A page then sees that the document grows old, and the verdict says what a full disk cost.
        with contextlib.suppress(OSError):
            document.write(self.folder, said)


def _verdict(arguments: Sequence[str]) -> dict[str, Any]:
    """The document of a verdict on the rows that are stored now; nothing is written. The server's log is left out."""
    from analysis.pipeline import analyse
    from analysis.settings import settings_for

    options = cli.parser().parse_args(arguments)
    settings, levels = settings_for(options.runs, vars(options))
    return analyse(options.runs, settings=settings, levels=levels).verdict


def _has_failures(tally: Tally) -> bool:
    return bool(tally.slots["outcome"].isin(["timeout", "failed"]).any())


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
