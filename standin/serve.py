"""From options to a running server: opens what was asked for, wires the parts, serves until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import uvicorn

from standin.app import application
from standin.clock import Clock
from standin.evidence.jsonlines import JsonLines, WriteError
from standin.evidence.log import Log
from standin.evidence.truth import Truth
from standin.faults import canonical
from standin.front import protocols
from standin.identity import tokens as auth
from standin.identity.certificate import Certificate, certificate
from standin.identity.secret import jwt_secret
from standin.options import OptionError, Options
from standin.server import GRACE_S, Server, listening_socket
from standin.world import World

Ready = dict[str, Any]

KEEP_ALIVE_S: Final = 75
"""As the original's web server keeps idle HTTP connections."""


def verification_keys(options: Options, environment: Mapping[str, str], *, make_secret: bool = True) -> dict[str, Any]:
    """Algorithm to key.

    Raises:
        OptionError: The public key cannot be read.
        SecretError: The secret cannot be used.
    """
    keys: dict[str, Any] = {}
    if options.public_key_file is not None:
        try:
            algorithm, key = auth.public_key(options.public_key_file.read_bytes())
        except OSError as error:
            raise OptionError(f"--public-key-file {options.public_key_file}: {error.strerror}.") from None
        except ValueError:
            text = f"--public-key-file {options.public_key_file} holds no RSA, P-256 or Ed25519 public key in PEM."
            raise OptionError(text) from None
        keys[algorithm] = key
    if make_secret:
        keys["HS256"] = jwt_secret(environment, options.state_dir)
    return keys


def serve(options: Options, keys: Mapping[str, Any], *, on_ready: Callable[[Server, Ready], None]) -> None:
    """Listen and serve; returns when the server has ended.

    Args:
        options: As read from the command line.
        keys: As `verification_keys` gives them.
        on_ready: Called once, when connections are accepted, with the server (to `stop` it) and the ready line.

    Raises:
        OptionError: The address is taken, or a file or the certificate cannot be made.
        WriteError: Log or truth cannot be written any more.
        LostPortError: The port was taken during a restart.
    """
    with contextlib.ExitStack() as opened:
        try:
            bound = opened.enter_context(listening_socket(options.host, options.port))
        except OSError as error:
            where = f"{options.host} port {options.port}"
            raise OptionError(f"Cannot listen on {where}: {error.strerror}; --port 0 takes any free port.") from None
        tls = _certificate(options) if options.tls else None
        log_file = _lines(options.log, "--log", opened, max_bytes=options.log_max_mb * 10**6)
        truth_file = _lines(options.truth, "--truth", opened)

        async def run() -> None:
            clock = Clock()
            world = World(
                options.settings,
                verifier=auth.Verifier(
                    keys, issuer=options.issuer, audiences=options.audiences, leeway_s=options.leeway_s
                ),
                clock=clock,
                log=Log(log_file, clock),
                truth=Truth(truth_file, clock),
            )
            server = Server(
                _uvicorn_config(world, tls),
                world,
                files=tuple(file for file in (log_file, truth_file) if file is not None),
                on_ready=lambda: on_ready(server, _ready(options, world, bound.getsockname(), tls)),
            )
            await server.serve(sockets=[bound])

        loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            try:
                runner.run(run())
            except WriteError:
                # What is open is cut off now, and uvicorn would print a traceback for each.
                logging.getLogger("uvicorn.error").disabled = True
                raise


def _uvicorn_config(world: World, tls: Certificate | None) -> uvicorn.Config:
    http, ws = protocols(world)
    return uvicorn.Config(
        application(world),
        http=http,
        ws=ws,
        ws_ping_interval=world.settings.protocol_ping_s,
        ws_ping_timeout=world.settings.protocol_ping_s,
        # Compression would measure zlib, and cost memory for every held connection.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        # At info it would log query strings, and with them tokens.
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # A probe's pooled connection must not be closed between two probes: that would look like a failure.
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=tls.chain_file if tls else None,
        ssl_keyfile=tls.key_file if tls else None,
    )


def _ready(options: Options, world: World, address: tuple[Any, ...], tls: Certificate | None) -> Ready:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    secure = "s" if tls else ""
    return {
        "event": "ready",
        "url": f"ws{secure}://{host}:{address[1]}/ws",
        "http_url": f"http{secure}://{host}:{address[1]}",
        "pid": os.getpid(),
        "instances": [instance.name for instance in world.instances],
        "faults": [canonical(fault) for fault in options.settings.faults],
        "ca_file": str(tls.ca_file) if tls else None,
    }


def _certificate(options: Options) -> Certificate:
    hosts = tuple(dict.fromkeys((options.host, "localhost", "127.0.0.1", "::1")))
    try:
        return certificate(options.state_dir, hosts)
    except OSError as error:
        raise OptionError(f"--tls: no certificate can be made in {options.state_dir}: {error.strerror}.") from None


def _lines(path: Path | None, option: str, opened: contextlib.ExitStack, *, max_bytes: int = 0) -> JsonLines | None:
    if path is None:
        return None
    try:
        return opened.enter_context(contextlib.closing(JsonLines(path, max_bytes=max_bytes)))
    except OSError as error:
        raise OptionError(f"{option} {path}: {error.strerror}.") from None
