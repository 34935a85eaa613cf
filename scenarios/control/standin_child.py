"""The embedded stand-in as a child process of one run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from scenarios.child_environment import child_environment
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.credentials.jwt import load_key
from scenarios.errors import HarnessError
from scenarios.options import Settings

# The stand-in logs two lines a message as the real one does: 300 MB in ten minutes at 300 users. In longer
# runs it leaves these out.
MESSAGE_LOG_S: Final = 600.0
# What is left is 60 GB a day at 300 users who come and go: a piece of this size is a fifteenth of it, compressed.
LOG_PIECE_MB: Final = 256


def start_standin(settings: Settings, *, port: int, folder: Path, secret: str, run_time_s: float | None) -> Child:
    """Start the embedded stand-in for one run.

    Raises:
        ConfigError: If it refuses a fault; HarnessError if it does not start.
    """
    arguments = standin_arguments(settings)
    if not run_time_s or run_time_s > MESSAGE_LOG_S:
        arguments.append("--no-message-log")
    if settings.jwt_algorithm != "HS256" and settings.token_source == "mint":
        key = load_key(settings.jwt_algorithm, key_file=settings.jwt_key_file, environment=os.environ)
        public = folder / "jwt-public.pem"
        public.write_bytes(key.public_pem() or b"")
        arguments += ["--public-key-file", str(public)]
    arguments += ["--port", str(port), "--exit-with-stdin"]
    arguments += ["--log", str(folder / "standin.log"), "--log-max-mb", str(LOG_PIECE_MB)]
    arguments += ["--truth", str(folder / "truth.jsonl")]
    child = start_child(
        "stand-in",
        module_command("standin", *arguments),
        environment={
            **child_environment(os.environ, named=settings.secret_variables),
            "STANDIN_JWT_SECRET": secret,
        },
    )
    if "url" not in child.ready:
        child.stop()
        raise HarnessError("The stand-in's ready line names no url.")
    return child


def standin_arguments(settings: Settings) -> list[str]:
    """The stand-in's part of the options, as its command line."""
    arguments = ["--host", "127.0.0.1", "--seed", str(settings.seed)]
    arguments += ["--instances", str(settings.standin_instances)]
    arguments += ["--issuer", settings.jwt_issuer]
    if settings.jwt_audience:
        arguments += ["--audience", settings.jwt_audience]
    for fault in settings.fault:
        arguments += ["--fault", fault]
    if settings.standin_quirks:
        arguments += ["--quirks", settings.standin_quirks]
    return arguments + (["--tls"] if settings.standin_tls else [])
