"""A run that goes on under another master: its folder is opened again, and whoever led it has nothing more to say.

`differences` is pure; `reopened` looks at the folder, takes the lead, and ends the store that the last master left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from attempts.locks import is_held, store_lock
from scenarios.control import leadership
from scenarios.control.limits import Limits
from scenarios.control.live_run import LiveRun
from scenarios.errors import ConfigError, HarnessError
from scenarios.options import OPTIONS, Settings
from scenarios.run_file import ResumedEntry, RunFile, iso, read_run_file

_LOOK_AGAIN_S: Final = 0.1
# The store of the last master hears of its end by its standard input or by a file, and joins its files then.
STORE_PATIENCE_S: Final = 120.0
END_OF_STORE: Final = "END"


def planned_s(file: RunFile) -> float | None:
    """How long the run is to take; None = until somebody ends it."""
    if file.planned_end_at is None:
        return None
    return (datetime.fromisoformat(file.planned_end_at) - datetime.fromisoformat(file.started_at)).total_seconds()


def differences(
    file: RunFile, settings: Settings, *, host: str | None, users: int, run_time_s: float | None
) -> list[str]:
    """What this process would do otherwise than the run was begun: each as "--pace-s is 0.5, and the run has 0.2".

    Args:
        file: What the run's `run.json` holds.
        settings: The options as they were given now.
        host: The target as given now; None = the embedded stand-in.
        users: As given now.
        run_time_s: As given now; None = it was not.
    """
    found = []
    began = dict(file.settings.get("options") or {})
    now = settings.told()
    for option in OPTIONS:
        if option.name in began and option.name in now and began[option.name] != now[option.name]:
            is_plain = option.bounds is not None or option.choices or isinstance(option.default, bool)
            values = (
                f" is {now[option.name]}, and the run has {began[option.name]}" if is_plain else " is not the run's"
            )
            found.append(f"{option.flag}{values}")
    target = None if file.target.standin else file.target.url
    if host != target:
        found.append(
            f"--host is {host or 'the embedded stand-in'}, and the run has {target or 'the embedded stand-in'}"
        )
    if file.users is not None and users != file.users:
        found.append(f"--users is {users}, and the run has {file.users}")
    planned = planned_s(file)
    if run_time_s != planned:
        words = ["none" if s is None else f"{s:g} seconds" for s in (run_time_s, planned)]
        found.append(f"--run-time is {words[0]}, and the run has {words[1]}")
    return found


def run_to_resume(settings: Settings) -> RunFile:
    """What `run.json` of the run that --resume names holds.

    Raises:
        ConfigError: There is no such run, or it has ended.
    """
    folder = Path(settings.reports_dir) / settings.resume
    if settings.run_id not in ("", settings.resume):
        raise ConfigError(
            f"--resume {settings.resume!r} leads that run on, and --run-id {settings.run_id!r} begins another: leave "
            "one of them out."
        )
    try:
        file = read_run_file(folder)
    except FileNotFoundError:
        raise ConfigError(
            f"--resume names {settings.resume!r}, but {folder} is no run's folder: give the name of a folder in "
            f"{settings.reports_dir} (--reports-dir), or leave --resume out to begin a run."
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"--resume {settings.resume!r}: {folder / 'run.json'} cannot be read ({error}); what its workers "
            "still have is brought by python -m attempts.collect."
        ) from None
    # A count by hand after its master's death says "crash" (`attempts.settling`), and its workers may soak on.
    if file.ended != "running" and not (file.settled is not None and file.settled.left):
        raise ConfigError(
            f"--resume names {settings.resume!r}, but that run has ended ({file.ended}): python -m analysis {folder} "
            "judges it; leave --resume out to begin another."
        )
    if file.target.standin and settings.standin_tls:
        raise ConfigError(
            f"--resume {settings.resume!r}: its embedded stand-in spoke TLS (--standin-tls) with certificates that "
            "ended with it, and its workers trust no others: bring their rows with python -m attempts.collect "
            "(docs/fleet.md)."
        )
    return file


def refuse_differences(file: RunFile, found: list[str]) -> None:
    """Refuse to lead a run on as another one.

    Raises:
        ConfigError: It names the first difference, and how many more there are.
    """
    if found:
        more = f" ({len(found) - 1} more options differ)" if len(found) > 1 else ""
        raise ConfigError(
            f"{found[0]}{more}: a run is led on with what it was begun with; give the command of run {file.run_id} "
            "again (its run.json has it), and --resume beside it."
        )


def reopened(
    file: RunFile,
    settings: Settings,
    *,
    limits: Limits,
    now: Callable[[], datetime],
    sleep: Callable[[float], object],
    check: Callable[[], object],
) -> LiveRun:
    """The run, led by this process from here on. Waits: for signs of life of its last master, for the end of his store.

    Args:
        file: What the run's `run.json` holds.
        settings: The options as they were given now.
        limits: How long a frozen master is waited for.
        now: The wall clock.
        sleep: Waits for so many seconds.
        check: Raises ConfigError for what cannot be while the last store is there: it listens where this one's shall.

    Raises:
        ConfigError: Its master is well; or frozen, and holds what cannot be taken from him; or `check` has refused.
        HarnessError: The store that he left does not end.
    """
    folder = Path(settings.reports_dir) / settings.resume
    if leadership.is_led(folder):
        _refuse_a_living_leader(folder, file, limits=limits, sleep=sleep)
    try:
        lead = leadership.take_over(folder)
    except OSError as error:
        raise ConfigError(
            f"--resume {settings.resume!r}: the run cannot be taken from {leadership.leader_words(folder)} "
            f"({error.strerror}): end that one first."
        ) from None
    file = read_run_file(folder)  # what was written last
    _end_the_last_store(folder, sleep=sleep)
    try:
        check()
    except ConfigError:
        lead.end()  # nobody has been told: the command can be given again
        raise
    began_again = now()
    heard_at = datetime.fromisoformat(file.updated_at) if file.updated_at else None
    file.resumed.append(
        ResumedEntry(
            at=iso(began_again),
            gap_s=None if heard_at is None else max(0.0, (began_again - heard_at).total_seconds()),
        )
    )
    file.ended, file.ended_at, file.settled = "running", None, None
    run = LiveRun(
        folder=folder,
        file=file,
        settings=settings,
        planned_end=datetime.fromisoformat(file.planned_end_at) if file.planned_end_at else None,
        lead=lead,
    )
    run.write()
    return run


def _refuse_a_living_leader(folder: Path, file: RunFile, *, limits: Limits, sleep: Callable[[float], object]) -> None:
    """Watch the run's file for as long as a frozen master is told from a slow one.

    Raises:
        ConfigError: He wrote, or serves the target itself.
    """
    who = leadership.leader_words(folder)
    if file.target.standin:
        raise ConfigError(
            f"--resume {file.run_id!r}: {who} still leads that run, and the embedded stand-in lives no longer than it: "
            "end it first (kill -9 if it is frozen)."
        )
    deadline = time.monotonic() + limits.frozen_s
    before = file.updated_at
    while time.monotonic() < deadline and leadership.is_led(folder):
        sleep(_LOOK_AGAIN_S)
        if read_run_file(folder).updated_at != before:
            raise ConfigError(
                f"--resume {file.run_id!r}: {who} leads that run and is well, it has just written to it: let it go on, "
                "or end it first."
            )


def _end_the_last_store(folder: Path, *, sleep: Callable[[float], object]) -> None:
    """The store of a master that was killed ends by itself, and that of a frozen one when it is told.

    Raises:
        HarnessError: It does not.
    """
    end = folder / "spool" / END_OF_STORE
    deadline = time.monotonic() + STORE_PATIENCE_S
    while is_held(store_lock(folder)):
        end.touch()
        if time.monotonic() >= deadline:
            raise HarnessError(
                f"Another store is still at work in {folder}, and was told to end {STORE_PATIENCE_S:g} s ago: end it, "
                "then give the command again; no row is lost."
            )
        sleep(_LOOK_AGAIN_S)
    end.unlink(missing_ok=True)
