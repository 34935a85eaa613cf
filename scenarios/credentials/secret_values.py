"""Reads values that are not on the command line: from the environment or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from scenarios.credentials.texts import text_of
from scenarios.errors import ConfigError
from scenarios.options.secret_values import ENVIRONMENT, FILE, Named, refuse_header_value
from scenarios.plan import Header


def value_of(flag: str, named: Named, environment: Mapping[str, str]) -> str:
    """The value that an option names: itself, a variable's, or a file's.

    Raises:
        ConfigError: The variable is not set, or the file cannot be read. It never shows the value.
    """
    name, written = named
    if written.startswith(ENVIRONMENT):
        variable = written.removeprefix(ENVIRONMENT)
        value = environment.get(variable, "").strip()
        if not value:
            raise ConfigError(f"{flag} {name!r}: the variable {variable!r} is empty or not set: set it.")
        return value
    if written.startswith(FILE):
        path = written.removeprefix(FILE)
        try:
            text = text_of(Path(path).read_bytes())
        except OSError as error:
            raise ConfigError(
                f"{flag} {name!r}: {path!r} cannot be read ({os.strerror(error.errno or 0)}): name a file that "
                "holds the value."
            ) from None
        value = (text or "").strip()
        if not value:
            raise ConfigError(f"{flag} {name!r}: {path!r} holds no text: write the value into it, on one line.")
        return value
    return written


def headers_of(flag: str, named: tuple[Named, ...], environment: Mapping[str, str]) -> tuple[Header, ...]:
    """The headers that an option names, with their values.

    Raises:
        ConfigError: A value cannot be read, or cannot be a header's.
    """
    found = []
    for one in named:
        value = value_of(flag, one, environment)
        refuse_header_value(flag, one.name, value)
        found.append(Header(one.name, value, is_secret=one.is_elsewhere))
    return tuple(found)
