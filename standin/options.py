"""The command line, read and checked: everything wrong is one sentence."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from standin.faults import FaultError, parse_fault, parse_faults
from standin.faults.bad_instance import BadInstance
from standin.identity.tokens import AUDIENCES, ISSUER
from standin.settings import QUIRKS, ServerSettings, Timeline

MAX_INSTANCES = 20
"""The original's platform limit."""


class OptionError(ValueError):
    """A wrong option; the text is one sentence for the person who wrote it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    settings: ServerSettings
    host: str
    port: int
    tls: bool
    state_dir: Path
    log: Path | None
    log_max_mb: int
    truth: Path | None
    issuer: str
    audiences: tuple[str, ...]
    leeway_s: float
    public_key_file: Path | None
    exit_with_stdin: bool
    check: bool
    list_faults: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            known = [option for option in self._option_string_actions if option.startswith("--")]
            near = difflib.get_close_matches(unknown.split()[0].partition("=")[0], known, n=1)
            message += f" (did you mean {near[0]}?)" if near else " (--help lists the options)"
        raise OptionError(message[0].upper() + message[1:] + ".")


def read_options(arguments: Sequence[str]) -> Options:
    """The options in these arguments.

    Raises:
        OptionError: Something is unknown, missing, out of range, or does not fit together.
        SystemExit: `--help` was asked for and printed.
    """
    given = _parser().parse_args(arguments)
    try:
        faults = parse_faults(given.fault, seed=given.seed)
        quirks = _quirks(given.quirks)
        if "quota" in quirks and not any(fault.name == "quota" for fault in faults):
            faults += (parse_fault("quota:limit=20,window=300", seed=given.seed),)
    except FaultError as error:
        raise OptionError(str(error)) from None
    instances = max([given.instances, *(fault.of for fault in faults if isinstance(fault, BadInstance))])
    if not 1 <= instances <= MAX_INSTANCES:
        raise OptionError(f"--instances {instances} is outside 1..{MAX_INSTANCES}.")
    if not 0 <= given.port <= 65535:
        raise OptionError(f"--port {given.port} is outside 0..65535.")
    if given.log_max_mb < 0:
        raise OptionError(f"--log-max-mb {given.log_max_mb} must be 0 (one file) or a number of megabytes above it.")
    for option in ("welcome_floor_ms", "heartbeat_s", "protocol_ping_s", "leeway_s"):
        value, name = getattr(given, option), "--" + option.replace("_", "-")
        if not (math.isfinite(value) and value >= 0):
            raise OptionError(f"{name} {value:g} must be a number of at least 0.")
        if value == 0 and option in ("heartbeat_s", "protocol_ping_s"):
            raise OptionError(f"{name} must be above 0.")
    settings = ServerSettings(
        seed=given.seed,
        faults=faults,
        instances=instances,
        quirks=quirks,
        timeline=Timeline.with_floor(given.welcome_floor_ms / 1000),
        heartbeat_s=given.heartbeat_s,
        protocol_ping_s=given.protocol_ping_s,
        log_messages=not given.no_message_log,
    )
    return Options(
        settings=settings,
        host=given.host,
        port=given.port,
        tls=given.tls,
        state_dir=given.state_dir,
        log=given.log,
        log_max_mb=given.log_max_mb,
        truth=given.truth,
        issuer=given.issuer,
        audiences=tuple(given.audience or AUDIENCES),
        leeway_s=given.leeway_s,
        public_key_file=given.public_key_file,
        exit_with_stdin=given.exit_with_stdin,
        check=given.check,
        list_faults=given.list_faults,
    )


def _quirks(given: str | None) -> frozenset[str]:
    if given is None:
        return frozenset()
    if given == "all":
        return frozenset(QUIRKS)
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in QUIRKS:
            near = difflib.get_close_matches(name, QUIRKS, n=1)
            instead = f"did you mean {near[0]}?" if near else f"there are: {', '.join(QUIRKS)}"
            raise OptionError(f"--quirks: there is no quirk {name!r} ({instead}).")
    return frozenset(names)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m standin",
        description="A stand-in for the staging WebSocket server, with faults on demand.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 = any free one (default)")
    add("--seed", type=int, default=1, help="seed of every draw (default %(default)s)")
    add("--fault", action="append", default=[], metavar="SPEC", help="NAME:parameter=value,...; repeatable")
    add("--list-faults", action="store_true", help="print every fault and its parameters, and end")
    add("--check", action="store_true", help="check the options and end: exit 0 or 2")
    add("--instances", type=int, default=1, help="instances it pretends to be (default %(default)s)")
    add(
        "--quirks",
        nargs="?",
        const="all",
        metavar="NAMES",
        help=f"bugs of the original: all, or some of {', '.join(QUIRKS)}",
    )
    add("--tls", action="store_true", help="serve wss:// and https:// with a certificate of its own")
    add("--state-dir", type=Path, default=Path(".standin"), help="secret and certificate (default %(default)s)")
    add("--log", type=Path, help="write the server's log here, as JSON lines")
    add("--no-message-log", action="store_true", help="leave out the two log lines that each message makes")
    add(
        "--log-max-mb", type=int, default=0, help="begin a new log when it is so large; the others are kept (0 = never)"
    )
    add("--truth", type=Path, help="write the ground truth here, as JSON lines")
    add("--issuer", default=ISSUER, help="iss that tokens must carry (default %(default)s)")
    add("--audience", action="append", help=f"aud that tokens may carry; repeatable (default {', '.join(AUDIENCES)})")
    add("--leeway-s", type=float, default=5.0, help="clock skew allowed in exp and iat, s (default %(default)s)")
    add("--public-key-file", type=Path, help="PEM public key: RS256, ES256 or EdDSA tokens are accepted too")
    add("--welcome-floor-ms", type=float, default=190.0, help="from accept to welcome, ms (default %(default)s)")
    add("--heartbeat-s", type=float, default=25.0, help="between two JSON pings, s (default %(default)s)")
    add("--protocol-ping-s", type=float, default=20.0, help="between two protocol pings, s (default %(default)s)")
    add("--exit-with-stdin", action="store_true", help="end when standard input closes")
    return parser
