"""The command line that does a run again, where the web UI's form said what the command line did not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from scenarios.options import OPTIONS, Option

# Locust's options of the page, and those of the load, which the form has its own values for; with a value and without.
_OF_THE_PAGE: Final = (
    *("--web-host", "--web-port", "-P", "--web-base-path", "--web-host-display-name", "--autoquit"),
    *("--host", "-H", "--users", "-u", "--spawn-rate", "-r", "--run-time", "-t"),
)
_SWITCHES_OF_THE_PAGE: Final = ("--autostart", "--headless", "--web-login", "--class-picker")


def of_form(
    words: Sequence[str],
    *,
    host: str,
    users: int,
    spawn_rate: float,
    run_time_s: float | None,
    at_start: Mapping[str, object],
    now: Mapping[str, object],
) -> list[str]:
    """The command line of a process that shows the form, as one that needs none: the same run, headless.

    Args:
        words: Of the process' command line, the program first.
        host: The target; empty: the embedded stand-in.
        users: At most at a time.
        spawn_rate: Users a second in the ramp.
        run_time_s: How long; None: until somebody ends it.
        at_start: wsoak's options as the command line and the environment have them, by name.
        now: The same with the form's values.
    """
    changed = [o for o in OPTIONS if o.ui and _text(o, now.get(o.name)) != _text(o, at_start.get(o.name))]
    valued = {*_OF_THE_PAGE, *(o.flag for o in changed if not _is_switch(o))}
    switches = {*_SWITCHES_OF_THE_PAGE, *(o.flag for o in changed if _is_switch(o))}
    load = ["--users", str(users), "--spawn-rate", f"{spawn_rate:g}"]
    if run_time_s:
        load += ["--run-time", f"{run_time_s:g}s"]
    kept = _without(words[1:], valued, switches)
    return [*words[:1], "--headless", *(("--host", host) if host else ()), *load, *kept, *_given(changed, now)]


def _given(options: Sequence[Option], now: Mapping[str, object]) -> Iterator[str]:
    for option in options:
        text = _text(option, now.get(option.name))
        if not _is_switch(option):
            yield from (option.flag, text)
        elif text == "true":
            yield option.flag


def _without(words: Sequence[str], valued: Collection[str], switches: Collection[str]) -> Iterator[str]:
    """The words but some options and their values: `--users 5`, `--users=5` and `-u5` alike."""
    short = tuple(flag for flag in valued if not flag.startswith("--"))
    is_value = False
    for word in words:
        flag, equals, _ = word.partition("=")
        if is_value:
            is_value = False
        elif flag in valued:
            is_value = not equals
        elif word not in switches and (word.startswith("--") or not word.startswith(short)):
            yield word


def _is_switch(option: Option) -> bool:
    return option.default is False


def _text(option: Option, value: object) -> str:
    """A value as it would be typed, however the command line or the form holds it."""
    if value is None:
        return option.default_text
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if _is_switch(option) else str(value)
