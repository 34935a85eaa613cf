"""Names and values that may be secret: what is told of them, and where their values come from.

A value is written as it is, or as `env:NAME` or `file:PATH`. Under a telling name only the latter two are taken: a
secret on a command line is in the shell's history, in the list of processes and in `run.json`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from scenarios.errors import ConfigError
from scenarios.http_fields import is_of_the_upgrade, is_token, is_value

ENVIRONMENT: Final = "env:"
FILE: Final = "file:"

_TELLING: Final = re.compile(
    r"(?i)auth|cookie|token|secret|passw|pwd|passphrase|credential|session|signature|jwt|bearer|assertion|(?:^|[-_])key|apikey"
)


class Named(NamedTuple):
    """A name and its value as it was written: the value itself, which is no secret, or where it is to be read."""

    name: str
    written: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether the value is in the environment or in a file: it is a secret then."""
        return self.written.startswith((ENVIRONMENT, FILE))

    @property
    def variable(self) -> str:
        """The environment variable that holds the value; "" = none does."""
        return self.written.removeprefix(ENVIRONMENT) if self.written.startswith(ENVIRONMENT) else ""


_CREDENTIALS: Final = re.compile(r"(?i)\s*(?:bearer|basic|digest|token)\s+\S|\s*eyJ[\w-]{8,}\.")


def is_telling_value(value: str) -> bool:
    """Whether a value says itself that it is secret: credentials of HTTP (RFC 9110, section 11.4), or a JWT."""
    return _CREDENTIALS.match(value) is not None


def is_telling(name: str) -> bool:
    """Whether a name says that its value is secret."""
    return _TELLING.search(name) is not None


def header(flag: str, value: str) -> Named:
    """`Origin: https://example.com` -> its name and value.

    Raises:
        ConfigError: It is no header, one that the upgrade itself has, or a secret that is written out. The sentence has
            the name, and never the value.
    """
    name, colon, rest = value.partition(":")
    name = name.strip()
    if not colon or not is_token(name):
        raise ConfigError(
            f"{flag} must be a name, a colon and a value, such as 'Origin: https://example.com': the name is letters, "
            "digits and dashes."
        )
    if is_of_the_upgrade(name):
        raise ConfigError(f"{flag} {name!r} is made by the upgrade itself: leave it out.")
    found = Named(name, rest.strip())
    refuse_header_value(flag, name, found.written)
    return _without_secret(flag, found)


def form(flag: str, value: str) -> tuple[Named, ...]:
    """`scope=soak&audience=api` -> its names and values.

    Raises:
        ConfigError: It is no such text, or holds a secret that is written out.
    """
    if not value:
        return ()
    try:
        pairs = parse_qsl(value, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise ConfigError(
            f"{flag} must be fields as in a URL, such as 'scope=soak&audience=api': a name, '=' and a value each."
        ) from None
    return tuple(_without_secret(flag, Named(*pair)) for pair in pairs)


def refuse_header_value(flag: str, name: str, value: str) -> None:
    """Refuse a value that cannot be a header's.

    Raises:
        ConfigError: It holds a line break or another character that a header may not have. It never shows the value.
    """
    if not is_value(value):
        what = "a line break" if "\n" in value or "\r" in value else "a character"
        raise ConfigError(f"{flag} {name!r} holds {what} that no header may have: use printable ASCII, on one line.")


def _without_secret(flag: str, found: Named) -> Named:
    is_secret = is_telling(found.name) or is_telling_value(found.written)
    if found.written and not found.is_elsewhere and is_secret:
        raise ConfigError(
            f"{flag} {found.name!r} may be secret, and a command line is no place for it: give its value as env:NAME "
            "(a variable) or file:PATH."
        )
    return found
