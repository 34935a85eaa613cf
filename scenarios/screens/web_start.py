"""What a posted start form does, by what the run is doing: Locust itself takes any form at any time.

It would start a second run while the first one stops, which then never ends; set options under a running run, which its
rows do not say; and take away the timer of a run's end from whoever changes its number of users.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from scenarios.options import DEFAULTS
from scenarios.options.field_kinds import Bounds, flag_of, read_number, refused

# What Locust reads as a time.
_TIME: Final = re.compile(r"\d+|(?=\d)(?:\d+h)?(?:\d+m)?(?:\d+s)?")
_USERS: Final = Bounds(low=1, is_whole=True)
_RATE: Final = Bounds(above=0)
# What may change while a run goes on: how many users there are, and how fast they come.
_OF_USERS: Final = frozenset({"user_count", "spawn_rate"})


class Phase(Enum):
    """What a process that leads runs is doing."""

    IDLE = "no run goes on"
    STARTING = "a run is just being started"
    RUNNING = "a run goes on"
    ENDING = "the last run is still being stopped, stored and analysed"


class Users(NamedTuple):
    """Another number of users for a run that goes on."""

    number: int
    spawn_rate: float


def refuse_now(phase: Phase) -> str | None:
    """Why nothing can be started or changed in this phase; None if it can."""
    if phase in (Phase.STARTING, Phase.ENDING):
        return f"This cannot be done now, as {phase.value}: try again in a moment."
    return None


def refuse_change(form: Mapping[str, str], options: Mapping[str, Any]) -> str | None:
    """Why a form is refused while a run goes on: it changes more than the number of users; None if it does not.

    Args:
        form: As it was posted.
        options: As they are now, with the target as `host`.
    """
    for name, value in form.items():
        if name in _OF_USERS or name not in options or _as_posted(options[name]) == value or not value:
            continue
        option = flag_of(name) if name in DEFAULTS else f"--{name.replace('_', '-')}"
        return f"{option} cannot change while a run goes on: stop the run first."
    return None


def check_load(form: Mapping[str, str]) -> None:
    """Locust's own fields: how many users, how fast they come, and for how long; those that are posted.

    Raises:
        ConfigError: For the first that is wrong.
    """
    if "user_count" in form:
        read_number("--users", form["user_count"], _USERS)
    if "spawn_rate" in form:
        read_number("--spawn-rate", form["spawn_rate"], _RATE)
    run_time = form.get("run_time", "")
    if run_time and not _TIME.fullmatch(run_time):
        raise refused("--run-time", run_time, "a time such as 20, 20s, 3m, 2h or 1h20m")


def users_of(form: Mapping[str, str]) -> Users | None:
    """The number of users that a form asks for; None where it is none."""
    try:
        users = Users(int(form["user_count"]), float(form["spawn_rate"]))
    except (KeyError, ValueError):
        return None
    return users if users.number > 0 and 0 < users.spawn_rate < math.inf else None


def _as_posted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
