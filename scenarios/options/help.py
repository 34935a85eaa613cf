"""The options in words: the help of `python -m scenarios.options`, docs/options.md, and where a refusal points to."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from scenarios.errors import ConfigError
from scenarios.options.field_kinds import Option
from scenarios.options.settings import OPTIONS

COMMAND: Final = "python -m scenarios.options"
WIDTH: Final = 80
INDENT: Final = 30

INTRODUCTION: Final = (
    "wsoak's options. Each is also a line of locust.conf (without the dashes) and a variable (SOAK_ and its name in "
    "capitals: SOAK_DELAY_MS). In brackets: the default, and what is allowed. Locust's own options work as ever: "
    "locust --help."
)
PAGE_INTRODUCTION: Final = f"""# Options

Made by `{COMMAND} --markdown`; `{COMMAND}` prints them in a terminal, and
`{COMMAND} pace-s` one of them. Each is also a line of `locust.conf` (without the dashes) and a
variable (`SOAK_` and its name in capitals: `SOAK_DELAY_MS`). Locust's own options work as ever: `--host`,
`--users`, `--spawn-rate`, `--run-time`, `--stop-timeout`, `--master`, `--worker`, `--processes` ...
"""


def help_text(options: Sequence[Option] = OPTIONS) -> str:
    """The help of all options, grouped, at most 80 columns wide."""
    return textwrap.fill(INTRODUCTION, WIDTH) + "\n\n" + entries(options)


def entries(options: Sequence[Option]) -> str:
    """The help of these options only, each under its heading."""
    groups = (
        f"{heading}:\n" + "".join(_entry(option) for option in members)
        for heading, members in groupby(options, lambda option: option.group)
    )
    return "\n".join(groups)


def page(options: Sequence[Option] = OPTIONS) -> str:
    """docs/options.md."""
    lines = [PAGE_INTRODUCTION.rstrip("\n")]
    for heading, members in groupby(options, lambda option: option.group):
        lines += ["", f"## {heading}", "", "| option | default | in the web form | meaning |", "|---|---|---|---|"]
        for option in members:
            default = f"`{option.default_text}`" if option.default_text else "-"
            lines.append(f"| `{option.flag}` | {default} | {'yes' if option.ui else 'no'} | {option.meaning} |")
    return "\n".join(lines) + "\n"


def options_named(names: Iterable[str], options: Sequence[Option] = OPTIONS) -> tuple[Option, ...]:
    """The options of these names, with dashes or underscores, as they are ordered in the help.

    Raises:
        ConfigError: For the first name that no option has, with the nearest that there are.
    """
    by_name = {option.name: option for option in options}
    wanted = []
    for given in names:
        name = given.strip("-").replace("-", "_").lower()
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=3)
            hint = f"did you mean {' or '.join(by_name[n].flag for n in near)}? " if near else ""
            raise ConfigError(
                f"{given!r} is no option of wsoak: {hint}`{COMMAND}` names them all, `locust --help` Locust's own."
            )
        wanted.append(name)
    return tuple(option for option in options if option.name in wanted)


def with_pointer(sentence: str, options: Sequence[Option] = OPTIONS) -> str:
    """A refusal that names options, and then the command that explains them; any other sentence as it is."""
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", sentence))
    named = [option.flag.removeprefix("--") for option in options if option.flag in flags]
    return f"{sentence} Help: {COMMAND} {' '.join(named)}" if named else sentence


def _entry(option: Option) -> str:
    rule = f"; {option.bounds.rule}" if option.bounds else ""
    place = "" if option.ui else "; not in the web form"
    meaning = f"{option.meaning} [{option.default_text or 'empty'}{rule}{place}]"
    lines = textwrap.wrap(
        meaning, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False, fix_sentence_endings=False
    )
    left = f"  {option.flag}".ljust(INDENT)
    return "".join(f"{first}{line}\n" for first, line in zip([left, *[" " * INDENT] * len(lines)], lines, strict=False))
