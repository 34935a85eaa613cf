"""What the texts of single options mean. Each takes the option's flag, for a refusal, and the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from scenarios.authority import ascii_host, ascii_path
from scenarios.errors import ConfigError, unknown_name
from scenarios.options.field_kinds import Bounds, read_number, refused
from scenarios.protocols.transport import read_transport

# Where tokens come from, besides files and addresses: signed here, or sessions come without one.
MINT: Final = "mint"
NONE: Final = "none"
URLS: Final = ("http://", "https://")

_LISTENED_AT: Final = re.compile(r"(?:(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):)?(?P<port>[0-9]{1,5})", re.ASCII)

ABOVE_0: Final = Bounds(above=0)
DELAY_MS: Final = Bounds(low=0, high=60_000, unit="milliseconds")


def weights(flag: str, value: str) -> Mapping[str, float]:
    """`a=3,b` -> {"a": 3.0, "b": 1.0}.

    Raises:
        ConfigError: A part that is no name with a weight, or a name that is there twice.
    """
    found: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in value.split(","))):
        key, _, weight = (text.strip() for text in part.partition("="))
        if not key:
            raise refused(flag, value, "a list with a name before each '='")
        if key in found:
            raise refused(flag, value, f"each name once ({key!r} is there twice)")
        found[key] = _above_0(flag, value, weight or "1", "a list with a number above 0 after each '='")
    if not found:
        raise refused(flag, value, "at least one name, such as 'steady' or 'steady=6,churn=2'")
    return found


def weights_of(known: Sequence[str]) -> Callable[[str, str], Mapping[str, float]]:
    """The parser of weights whose names are of a list."""

    def parse(flag: str, value: str) -> Mapping[str, float]:
        found = weights(flag, value)
        for name in found:
            if name not in known:
                raise unknown_name(flag, name, known)
        return found

    return parse


def delays(flag: str, value: str) -> tuple[float, ...]:
    """`80,0` -> (0.0, 80.0).

    Raises:
        ConfigError: A part that is no delay, or one that is there twice.
    """
    rule = f"{DELAY_MS.rule}, in a list such as 0,80,160"
    found = tuple(read_number(flag, part.strip(), DELAY_MS, rule) for part in value.split(","))
    if len(set(found)) != len(found):
        raise refused(flag, value, "a list that names each arm once")
    return tuple(sorted(found))


def arrival(flag: str, value: str) -> str:
    """How new connections come: `poisson:5` -> "poisson".

    Raises:
        ConfigError: Another word, or a rate that is no number above 0.
    """
    return _arrival(flag, value)[0]


def arrival_rate(flag: str, value: str) -> float | None:
    """New connections a second: `poisson:5` -> 5.0; None where users come one after another (`closed`)."""
    return _arrival(flag, value)[1]


def token_source(flag: str, value: str) -> str:
    """Where tokens come from, as it was given.

    Raises:
        ConfigError: No such place.
    """
    if value in (MINT, NONE) or value.startswith(("file:", *URLS)):
        return value
    # It may be a token that was pasted here: it is not repeated.
    raise ConfigError(
        f"{flag} must be 'mint', 'file:PATH', an http(s) URL, or 'none': a token itself goes into a file, and its path "
        "here."
    )


def token_transport(flag: str, value: str) -> str:
    """How the token travels, as it was given.

    Raises:
        ConfigError: No such way.
    """
    read_transport(flag, value)
    return value


def health_path(flag: str, value: str) -> str:
    """`/healthz?full=1` as it goes into a request; "" = there is no health page.

    Raises:
        ConfigError: It is no path.
    """
    if value in ("", "off"):
        return ""
    if not value.startswith("/") or "#" in value:
        raise refused(flag, value, "a path that begins with '/', such as /health, or 'off'")
    return ascii_path(value)


def field_name(flag: str, value: str) -> str:
    """The name of a field of a message.

    Raises:
        ConfigError: It is empty.
    """
    if not value:
        raise refused(flag, value, "the name of a field, such as type")
    return value


def host_names(flag: str, value: str) -> tuple[str, ...]:
    """`ui.example.com,.example.org` -> both, in small letters.

    Raises:
        ConfigError: One of them is no name.
    """
    names = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for name in names:
        try:
            ascii_host(name.removeprefix(".") if name != "*" else "any")
        except ValueError:
            raise refused(flag, value, "names such as ui.example.com, .example.com with all below it, or *") from None
    return names


def listened_at(flag: str, value: str) -> str:
    """`9464` -> `127.0.0.1:9464`; HOST:PORT stays, an IPv6 address in brackets; "" = nowhere.

    Raises:
        ConfigError: It is neither.
    """
    if not value:
        return ""
    found = _LISTENED_AT.fullmatch(value)
    if found is None or not 0 < int(found["port"]) < 65_536:
        raise refused(flag, value, "a port such as 9464, or HOST:PORT such as 0.0.0.0:9464 or [::]:9464")
    return f"{found['host'] or '127.0.0.1'}:{int(found['port'])}"


def run_id(flag: str, value: str) -> str:
    """The name of a run's folder; "" = none was given.

    Raises:
        ConfigError: It would not be a plain name on every platform.
    """
    if value and (not value.replace("-", "").replace("_", "").replace(".", "").isalnum() or value[0] == "."):
        raise refused(flag, value, "letters, digits, '-', '_' and '.', not starting with a dot")
    return value


def reports_dir(flag: str, value: str) -> str:
    """Where run folders go; a field of the web form or a line of `locust.conf` that is empty changes nothing."""
    return value or "reports"


def as_it_is(flag: str, value: str) -> str:
    """A text, of an option that may be given several times."""
    return value


def words(flag: str, value: str) -> tuple[str, ...]:
    """`a b` -> ("a", "b")."""
    return tuple(value.split())


def _arrival(flag: str, value: str) -> tuple[str, float | None]:
    kind, _, rate = value.partition(":")
    if kind == "closed" and not rate:
        return "closed", None
    if kind in ("constant", "poisson"):
        return kind, _above_0(flag, value, rate, "a number of connections a second above 0, as in poisson:5")
    raise refused(flag, value, "'closed', 'constant:R' or 'poisson:R'")


def _above_0(flag: str, value: str, part: str, rule: str) -> float:
    """The number in a part of a value; a refusal names the whole value, as it was typed."""
    try:
        return read_number(flag, part, ABOVE_0)
    except ConfigError:
        raise refused(flag, value, rule) from None
