"""`python -m scenarios.protocols try URL`: connect once, show each frame, and say what to set."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from attempts.schema import Attempt
from scenarios.control.checks import check_certificates
from scenarios.control.proxy import proxy_for
from scenarios.control.target import check_allowed, parse_target
from scenarios.credentials.credentials import credentials_for
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_codes import EXIT_USAGE, EXIT_VOID
from scenarios.first_look.advice import Look, advice
from scenarios.first_look.connection import look_at
from scenarios.first_look.transcript import Frame, line_of
from scenarios.load.from_options import budgets_of, fitted, target_of
from scenarios.options import OPTIONS, Option, Settings, settings_from
from scenarios.options.field_kinds import Bounds, read_number
from scenarios.options.help import with_pointer
from scenarios.options.parsers import NONE
from scenarios.options.settings import BUDGETS, TARGET
from scenarios.protocols.load import PROTOCOLS
from scenarios.redact import Secret, plain_urls

SECONDS: Final = 4.0
_SECONDS: Final = Bounds(above=0, high=3600)
# The session did not become what a soak would need.
EXIT_FAILED: Final = 1
# As shells have it for Ctrl-C.
EXIT_INTERRUPTED: Final = 130
SHOWN: Final = tuple(option for option in OPTIONS if option.group in (TARGET, BUDGETS) or option.name == "operations")
SECRET_VARIABLE: Final = "SOAK_JWT_SECRET"


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command; the exit status: 0 all was well, 1 it was not, 2 wrong usage, 3 a part of ours is wrong."""
    given = vars(_parser(environment).parse_args(arguments))
    try:
        return _look(given, environment)
    except ConfigError as refusal:
        print(with_pointer(str(refusal)), file=sys.stderr)
        return EXIT_USAGE
    except HarnessError as fault:
        print(fault, file=sys.stderr)
        return EXIT_VOID
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scenarios.protocols",
        description="A first look at a server: connect once, show each frame and what the protocol makes of it, "
        f"and say what to set. Protocols: {', '.join(PROTOCOLS)}, or package.module:Class.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="try")
    command = commands.add_parser("try", help="connect once to a URL", description=parser.description)
    command.add_argument("url", help="such as ws://localhost:3000/ws")
    command.add_argument("--seconds", default=SECONDS, help=f"how long to stay connected ({SECONDS:g})")
    for option in SHOWN:
        command.add_argument(option.flag, **_argument(option, environment))
    return parser


def _argument(option: Option, environment: Mapping[str, str]) -> dict[str, Any]:
    """The option as plain argparse wants it; `json` is the most general protocol, so it is tried first."""
    argument = option.argument()
    del argument["env_var"], argument["include_in_web_ui"]
    default = "json" if option.name == "protocol" else argument["default"]
    given = environment.get(option.variable)
    if given is not None:
        default = [given] if option.repeats else given
    return {**argument, "default": default, "help": option.meaning.replace("%", "%%")}


def _look(given: dict[str, Any], environment: Mapping[str, str]) -> int:
    settings = fitted(settings_from({option.name: given[option.name] for option in SHOWN}))
    seconds = read_number("--seconds", given["seconds"], _SECONDS)
    url = parse_target(given["url"])
    check_allowed(url, environment)
    check_certificates(settings)
    target = target_of(settings, scheme=url.scheme, host=url.host, port=url.port, path=url.path)
    if settings.use_proxy:
        target = msgspec.structs.replace(target, proxy=proxy_for(target))
    credentials = credentials_for(_with_token_if_named(settings, environment), None, environment=environment)
    token = credentials.token_for(credentials.probe_subject)
    print(f"{plain_urls(url.url)}, --protocol {settings.protocol}, {'with' if token else 'without'} a token")
    secret = Secret(*(h.value for h in credentials.headers if h.is_secret), *([token.value] if token else []))
    frames: list[Frame] = []

    def show(frame: Frame) -> None:
        frames.append(frame)
        print(line_of(frame, width=shutil.get_terminal_size().columns, secret=secret), flush=True)

    rows = look_at(
        target,
        token=token,
        headers=credentials.headers,
        token_transport=settings.token_transport,
        operations=dict(settings.operations),
        seconds=seconds,
        budgets=budgets_of(settings),
        show=show,
    )
    print(*(_told(row) for row in rows), sep="\n")
    found = advice(Look(settings.protocol, target.messages, url.path, token is not None, frames, rows))
    is_well = not any(row.outcome in ("failed", "timeout") for row in rows)
    if found:
        print("\nWhat to set:", *(f"- {sentence}" for sentence in found), sep="\n")
    elif is_well:
        print(f"\nAll is well. To soak it for a minute:\n{_soak_command(plain_urls(url.url), given, environment)}")
    return 0 if is_well else EXIT_FAILED


def _soak_command(url: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The command of a first soak, with the options that were given here; those of the environment hold anyway."""
    words = ["locust", "--headless", "--users", "20", "--run-time", "1m", "--host", url]
    for option in SHOWN:
        value = given[option.name]
        if value == option.argument()["default"] or option.variable in environment:
            continue
        values = value if isinstance(value, list) else [value]
        words += [word for one in values for word in ([option.flag] if one is True else [option.flag, str(one)])]
    return shlex.join(words)


def _with_token_if_named(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings, with no token where nothing was said of one."""
    is_named = settings.token_source != "mint" or settings.jwt_key_file or environment.get(SECRET_VARIABLE)
    return settings if is_named else dataclasses.replace(settings, token_source=NONE)


def _told(row: Attempt) -> str:
    what = row.kind if row.kind == row.operation else f"{row.kind} {row.operation}"
    words = [f"{what}: {row.outcome} after {row.duration_s:.3f} s"]
    if row.cause is not None:
        status = f", HTTP {row.http_status}" if row.http_status is not None else ""
        status += f", close {row.close_code}" if row.close_code is not None else ""
        words.append(f"{row.cause} in phase {row.phase}{status}")
    return ": ".join([", ".join(words), *([row.detail] if row.detail else [])])
