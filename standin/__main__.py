"""`python -m standin`: read the options, listen, tell so on one line, serve until told to end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from standin import auth
from standin.app import application
from standin.certificate import certificate
from standin.clock import Clock
from standin.faults import canonical, describe
from standin.front import protocols
from standin.jsonlines import JsonLines, WriteError
from standin.log import Log
from standin.options import OptionError, Options, read_options
from standin.secret import SecretError, jwt_secret
from standin.server import GRACE_S, LostPortError, Server, listening_socket
from standin.truth import Truth
from standin.world import World


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit status: 0 after an orderly end, 1 when it cannot go on, 2 for a wrong wish."""
    try:
        options = read_options(arguments)
        if options.list_faults:
            print(describe())
            return 0
        keys = verification_keys(options, environment, make_secret=not options.check)
        if options.check:
            return 0
        return serve(options, keys)
    except (OptionError, SecretError) as error:
        print(f"standin: {error}", file=sys.stderr)
        return 2
    except (WriteError, LostPortError) as error:
        print(f"standin: {error}", file=sys.stderr)
        return 1


def verification_keys(options: Options, environment: Mapping[str, str], *, make_secret: bool) -> dict[str, Any]:
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


def serve(options: Options, keys: Mapping[str, Any]) -> int:
    """Listen and serve; returns when the server has ended."""
    try:
        bound = listening_socket(options.host, options.port)
    except OSError as error:
        where = f"{options.host} port {options.port}"
        raise OptionError(f"Cannot listen on {where}: {error.strerror}; --port 0 takes any free port.") from None
    log_file = _lines(options.log, "--log")
    truth_file = _lines(options.truth, "--truth")
    files = tuple(file for file in (log_file, truth_file) if file is not None)
    tls = None
    if options.tls:
        try:
            tls = certificate(options.state_dir, tuple(dict.fromkeys((options.host, "localhost", "127.0.0.1", "::1"))))
        except OSError as error:
            raise OptionError(f"--tls: no certificate can be made in {options.state_dir}: {error.strerror}.") from None

    async def run() -> None:
        clock = Clock()
        verifier = auth.Verifier(keys, issuer=options.issuer, audiences=options.audiences, leeway_s=options.leeway_s)
        log, truth = Log(log_file, clock), Truth(truth_file, clock)
        world = World(options.settings, verifier=verifier, clock=clock, log=log, truth=truth)
        http, ws = protocols(world)
        config = uvicorn.Config(
            application(world),
            http=http,
            ws=ws,
            ws_ping_interval=options.settings.protocol_ping_s,
            ws_ping_timeout=options.settings.protocol_ping_s,
            # Compression would measure zlib, and cost memory for every held connection.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=tls.chain_file if tls else None,
            ssl_keyfile=tls.key_file if tls else None,
        )

        def announce() -> None:
            print(_ready_line(options, world, bound.getsockname(), tls.ca_file if tls else None), flush=True)

        server = Server(config, world, files=files, on_ready=announce)
        if options.exit_with_stdin:
            threading.Thread(target=_wait_for_end_of_input, args=(server,), daemon=True).start()
        await server.serve(sockets=[bound])

    try:
        with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
            runner.run(run())
    finally:
        for file in files:
            file.close()
    return 0


def _ready_line(options: Options, world: World, address: tuple[Any, ...], ca_file: Path | None) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    secure = "s" if options.tls else ""
    line = {
        "event": "ready",
        "url": f"ws{secure}://{host}:{address[1]}/ws",
        "http_url": f"http{secure}://{host}:{address[1]}",
        "pid": os.getpid(),
        "instances": [instance.name for instance in world.instances],
        "faults": [canonical(fault) for fault in options.settings.faults],
        "ca_file": str(ca_file) if ca_file else None,
    }
    return orjson.dumps(line).decode()


def _lines(path: Path | None, option: str) -> JsonLines | None:
    if path is None:
        return None
    try:
        return JsonLines(path)
    except OSError as error:
        raise OptionError(f"{option} {path}: {error.strerror}.") from None


def _wait_for_end_of_input(server: Server) -> None:
    # os.read, not sys.stdin: a thread inside a buffered reader would crash the interpreter's own end.
    while os.read(0, 4096):
        pass
    server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
