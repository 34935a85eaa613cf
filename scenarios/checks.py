"""What is refused before the first connection: targets, faults and plans that cannot be, machines too small."""

from __future__ import annotations

import os

import gevent.subprocess as subprocess

from scenarios.allow import TargetUrl, check_allowed, parse_target
from scenarios.children import module_command
from scenarios.clients import CLIENTS, why_unavailable
from scenarios.credentials import credentials_for
from scenarios.errors import ConfigError
from scenarios.fingerprint import gevent_loop_name
from scenarios.generator import arm_plan, script_settings_of
from scenarios.live_run import standin_arguments
from scenarios.options import Settings
from scenarios.preflight import Demand, machine_limits, require
from scenarios.protocol import load_protocol
from scenarios.scripts import script_settings
from scenarios.secret import standin_secret


def check_target(host: str, settings: Settings, *, is_standin: bool) -> None:
    """Refuse a target that nobody allowed, and stand-in options for another target.

    Raises:
        ConfigError: In one sentence.
    """
    target = parse_target(host)
    if is_standin:
        return
    if settings.fault:
        raise ConfigError("--fault belongs to the embedded stand-in: leave it out, or leave out --host.")
    check_allowed(target, os.environ)


def check_faults(settings: Settings) -> None:
    """Let the stand-in itself judge its faults: it alone knows them.

    Raises:
        ConfigError: With its sentence.
    """
    if not settings.fault:
        return
    result = subprocess.run(
        module_command("standin", "--check", *standin_arguments(settings)), capture_output=True, text=True
    )
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip() or "the stand-in refused its faults").splitlines()
        raise ConfigError(lines[-1])


def check_plan(settings: Settings, *, is_standin: bool) -> None:
    """Refuse a plan whose protocol, scenarios, arms or credentials cannot be.

    Raises:
        ConfigError: In one sentence.
    """
    protocol = load_protocol(settings.protocol)
    if "agent" in settings.scenario and "start_agent" not in protocol.sequences:
        raise ConfigError(f"--scenario agent needs messages that --protocol {settings.protocol} does not have.")
    if settings.use_proxy and settings.needs_relay:
        raise ConfigError("--use-proxy and --delay-ms do not go together: the relay connects to the target itself.")
    script_settings(script_settings_of(settings))
    arm_plan(settings)
    for client in settings.client:
        sentence = why_unavailable(client)
        if sentence is not None:
            raise ConfigError(f"--client {sentence}")
    key_file: str | None = None
    if is_standin and settings.jwt_algorithm == "HS256":
        _, file = standin_secret(os.environ)
        key_file = str(file) if file else None
    credentials_for(settings, key_file)


def check_machine(settings: Settings, users: int, target: TargetUrl) -> None:
    """Refuse more users than this machine can hold, before they fail in ways that look like the target's.

    The soft limit on open files is raised to the hard one on the way.

    Raises:
        ConfigError: Names the limit and how to raise it.
    """
    loops = {CLIENTS[client].event_loop or gevent_loop_name() for client in settings.client}
    require(
        Demand(
            connections=users,
            by_loop=dict.fromkeys(loops, users),
            starts_per_s=settings.arrival_rate,
            is_tls=target.scheme == "wss",
            is_loopback=target.host in ("127.0.0.1", "::1", "localhost"),
            through_relay=settings.needs_relay,
        ),
        machine_limits(),
    )
