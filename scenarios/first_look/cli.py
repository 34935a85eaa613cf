"""`python -m scenarios.protocols try URL`: connect once, show each frame, and say what to set."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from attempts.schema import Attempt
from scenarios.control.checks import check_certificates, check_messages, check_operations, check_way_in
from scenarios.control.proxy import proxy_for
from scenarios.control.target import check_allowed, parse_target
from scenarios.credentials.credentials import credentials_for
from scenarios.credentials.jwt import KEY_VARIABLE
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_codes import EXIT_USAGE, EXIT_VOID
from scenarios.first_look.advice import Look, advice, unasked
from scenarios.first_look.connection import look_at
from scenarios.first_look.soak_command import shown_url, soak_command
from scenarios.first_look.transcript import Frame, line_of
from scenarios.load.from_options import budgets_of, fitted, message_fields_of, target_of
from scenarios.options import OPTIONS, Option, settings_from
from scenarios.options.field_kinds import Bounds, read_number
from scenarios.options.help import with_pointer
from scenarios.options.parsers import MINT, NONE
from scenarios.options.settings import BUDGETS, TARGET
from scenarios.protocols.load import PROTOCOLS, load_protocol
from scenarios.redact import Secret, without_tokens

SECONDS: Final = 4.0
_SECONDS: Final = Bounds(above=0, high=3600)
# The session did not become what a soak would need.
EXIT_FAILED: Final = 1
# As shells have it for Ctrl-C.
EXIT_INTERRUPTED: Final = 130
# Those of a soak that one connection of the default client can go by: it has no compression.
SHOWN: Final = tuple(
    option
    for option in OPTIONS
    if option.name == "operations" or (option.group in (TARGET, BUDGETS) and option.name != "compression")
)


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run the command; the exit status: 0 all was well, 1 it was not, 2 wrong usage, 3 a part of ours is wrong."""
    parser = _parser(environment)
    found, unknown = parser.parse_known_args(arguments)
    given = vars(found)
    try:
        _refuse_options_of_soaks(unknown)
        if unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
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
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="try")
    command = commands.add_parser(
        "try", help="connect once to a URL", description=parser.description, allow_abbrev=False
    )
    command.add_argument("url", help="such as ws://localhost:3000/ws")
    command.add_argument("--seconds", default=SECONDS, help=f"how long to stay connected ({SECONDS:g})")
    for option in SHOWN:
        command.add_argument(option.flag, **_argument(option, environment))
    return parser


def _argument(option: Option, environment: Mapping[str, str]) -> dict[str, Any]:
    """The option as plain argparse wants it; `json` is the most general protocol, so it is tried first.

    Where tokens come from has no default here: none is made where nothing was said of one.
    """
    argument = option.argument()
    del argument["env_var"], argument["include_in_web_ui"]
    default = {"protocol": "json", "token_source": None}.get(option.name, argument["default"])
    given = environment.get(option.variable)
    if given is not None:
        default = [given] if option.repeats else given
    return {**argument, "default": default, "help": option.meaning.replace("%", "%%")}


def _refuse_options_of_soaks(unknown: Sequence[str]) -> None:
    """Refuse what a soak knows and a first look does not.

    Raises:
        ConfigError: In one sentence.
    """
    flags = [word.partition("=")[0] for word in unknown]
    for flag in flags:
        if flag in {option.flag for option in OPTIONS}:
            raise ConfigError(
                f"{flag} is for a soak: `try` connects once, with the default client and without compression, so leave "
                "it out here."
            )


def _look(given: dict[str, Any], environment: Mapping[str, str]) -> int:
    if given["token_source"] is None:
        given["token_source"] = MINT if given["jwt_key_file"] or environment.get(KEY_VARIABLE) else NONE
    settings = fitted(settings_from({option.name: given[option.name] for option in SHOWN}))
    seconds = read_number("--seconds", given["seconds"], _SECONDS)
    url = parse_target(given["url"], what="The URL")
    check_allowed(url, environment)
    check_messages(settings)
    protocol = load_protocol(settings.protocol, message_fields_of(settings))
    check_operations(settings.operations, protocol)
    check_certificates(settings)
    target = target_of(settings, scheme=url.scheme, host=url.host, port=url.port, path=url.path)
    if settings.use_proxy:
        target = msgspec.structs.replace(target, proxy=proxy_for(target))
    credentials = credentials_for(settings, None, environment=environment)
    check_way_in(settings, protocol, credentials.headers)
    token = credentials.token_for(credentials.probe_subject)
    secret = Secret(*(h.value for h in credentials.headers if h.is_secret), *([token.value] if token else []))
    shown = shown_url(url.url, secret=secret).text
    print(f"{shown}, --protocol {settings.protocol}, {'with' if token else 'without'} a token")
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
    look = Look(settings.protocol, target.messages, url.path, token is not None, frames, rows)
    found, wanted = advice(look), unasked(look)
    if found:
        print("\nWhat to set:", *(f"- {without_tokens(sentence, secret=secret)}" for sentence in found), sep="\n")
        return EXIT_FAILED
    if wanted:
        print("\nThe connection stands; nothing of the application was asked yet.", wanted, sep="\n")
        print("To soak the connection alone for a minute:")
    else:
        print("\nAll is well. To soak it for a minute:")
    print(*soak_command(url.url, given, SHOWN, environment, secret=secret), sep="\n")
    return 0


def _told(row: Attempt) -> str:
    what = row.kind if row.kind == row.operation else f"{row.kind} {row.operation}"
    words = [f"{what}: {row.outcome} after {row.duration_s:.3f} s"]
    if row.cause is not None:
        status = f", HTTP {row.http_status}" if row.http_status is not None else ""
        status += f", close {row.close_code}" if row.close_code is not None else ""
        words.append(f"{row.cause} in phase {row.phase}{status}")
    return ": ".join([", ".join(words), *([row.detail] if row.detail else [])])
