"""The command of a first soak: what was given to the first look, right as it is printed, without secrets. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from scenarios.options import Option
from scenarios.options.parsers import URLS
from scenarios.options.secret_values import is_telling
from scenarios.redact import HIDDEN, NOTHING_SECRET, Secret, plain_urls, redacted

# Names of a query's values that are as secret as a token, besides those that tell of a header's.
_TELLING: Final = re.compile(r"(?i)key$|(?:^|[^a-z])(?:sig|hmac|code|ticket|otp|pin|pass|sid)(?:$|[^a-z])")


class ShownUrl(NamedTuple):
    """A URL to be shown.

    Attributes:
        text: The URL, with `HIDDEN` in place of each value that may be secret.
        hidden: The names of those.
    """

    text: str
    hidden: tuple[str, ...]


def shown_url(url: str, *, secret: Secret = NOTHING_SECRET) -> ShownUrl:
    """The URL without what may be secret in its query; what else is in it is needed to get the same answer again."""
    before, mark, query = url.partition("?")
    parts, hidden = [], []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        is_named = bool(value) and (is_telling(name) or _TELLING.search(name) is not None)
        if is_named or HIDDEN in redacted(unquote_plus(value or name), secret=secret):
            part = f"{name}={HIDDEN}" if equals else HIDDEN
            hidden.append(name if equals else "the query")
        parts.append(part)
    return ShownUrl(plain_urls(before) + mark + "&".join(parts), tuple(hidden))


def soak_command(
    url: str,
    given: Mapping[str, Any],
    options: Sequence[Option],
    environment: Mapping[str, str],
    *,
    secret: Secret = NOTHING_SECRET,
) -> list[str]:
    """The command on a line, and where a secret had to be left out of it, a line before that says so.

    Args:
        url: Of the target.
        given: The values of the options, by name.
        options: Which of them a soak must be told, where it would not take the same value by itself.
        environment: Whose variables a soak goes by, too.
        secret: What came with the session.
    """
    target = shown_url(url, secret=secret)
    hidden = list(target.hidden)
    words = ["locust", "--headless", "--users", "20", "--run-time", "1m", "--host", target.text]
    for option in options:
        value = given[option.name]
        values = value if isinstance(value, list) else [value]
        if value is None or values == [environment.get(option.variable, option.argument()["default"])]:
            continue
        for one in values:
            if isinstance(one, str) and one.startswith(URLS):
                shown = shown_url(one, secret=secret)
                hidden += shown.hidden
                one = shown.text
            words += [option.flag] if one is True else [option.flag, str(one)]
    command = shlex.join(words)
    if not hidden:
        return [command]
    return [f"Put {', '.join(dict.fromkeys(hidden))} back in place of {HIDDEN}:", command]
