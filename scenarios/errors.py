"""The ways in which wsoak itself can be wrong; a failing target is a row, never one of these."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """The user asked for what cannot be: one sentence with the value, the rule and the way out (exit 2)."""


class HarnessError(RuntimeError):
    """A part of wsoak does not work (disk, child process, broken record): the run is void (exit 3)."""


class ProtocolFault(HarnessError):
    """A protocol class of the user's does what it must not: the sentence names the class, the method and the place."""


def unknown_name(what: str, value: str, known: Iterable[str]) -> ConfigError:
    """The refusal of a name that is not in a list, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(value, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ConfigError(f"{what} {value!r} is not known: {hint}Use one of {', '.join(names)}.")
