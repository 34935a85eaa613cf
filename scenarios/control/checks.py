"""Refuses before the first connection: targets, faults and plans that cannot be, machines too small."""

from __future__ import annotations

import importlib.util
import math
import os
import socket
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

import gevent.subprocess as subprocess
import orjson

from scenarios.checks.suites import SUITES
from scenarios.child_environment import child_environment
from scenarios.clients import CLIENTS, why_unavailable
from scenarios.clients.tls import PASSPHRASE_VARIABLE, tls_context
from scenarios.control.child_process import module_command
from scenarios.control.standin_child import standin_arguments
from scenarios.control.target import TargetUrl, check_allowed, parse_target
from scenarios.credentials.credentials import credentials_for
from scenarios.credentials.standin_secret import standin_secret
from scenarios.errors import ConfigError, ProtocolFault, unknown_name
from scenarios.load.from_options import arm_plan, message_fields_of, script_settings_of
from scenarios.load.user_connections import PROBE_SCENARIO
from scenarios.machine.fingerprint import gevent_loop_name
from scenarios.machine.preflight import Demand, machine_limits, require
from scenarios.options import DEFAULTS, Settings
from scenarios.options.parsers import NONE
from scenarios.plan import USUAL_FIELDS, Header, TlsFiles, Token
from scenarios.protocols.json_messages import TOKEN_PLACE
from scenarios.protocols.load import load_protocol, operations_of
from scenarios.protocols.shape import TargetProtocol
from scenarios.protocols.transport import MESSAGE, credentials_by
from scenarios.session.scripts import AGENT_REQUEST, UNROUTED, script_settings
from scenarios.session.steps import PROTOCOL_PING


def check_target(host: str, settings: Settings, *, is_standin: bool) -> None:
    """Refuse a target that nobody allowed, and stand-in options for another target.

    Raises:
        ConfigError: In one sentence.
    """
    target = parse_target(host)
    if is_standin:
        return
    for option, value in (("--fault", settings.fault), ("--standin-quirks", settings.standin_quirks)):
        if value:
            raise ConfigError(f"{option} belongs to the embedded stand-in: leave it out, or leave out --host.")
    check_allowed(target, os.environ, otherwise="; without --host the load goes to the embedded stand-in")


def check_faults(settings: Settings) -> None:
    """Let the stand-in itself judge its options: it alone knows them.

    Raises:
        ConfigError: With its sentence.
    """
    if not (settings.fault or settings.standin_quirks or settings.standin_instances != DEFAULTS["standin_instances"]):
        return  # nothing to judge, and the judge takes a second to come
    result = subprocess.run(
        module_command("standin", "--check", *standin_arguments(settings)),
        capture_output=True,
        text=True,
        env=child_environment(os.environ, named=settings.secret_variables),
    )
    if result.returncode != 0:
        lines = (result.stderr.strip() or result.stdout.strip() or "the stand-in refused its faults").splitlines()
        # The stand-in's sentence, under the names that its options have here.
        raise ConfigError(
            lines[-1].replace("--quirks", "--standin-quirks").replace("--instances", "--standin-instances")
        )


def check_server_log(settings: Settings) -> None:
    """Let the analysis try the server's logs and their formats: after hours of soak it would be late to refuse them.

    Raises:
        ConfigError: With its sentence.
    """
    if not settings.server_log:
        if settings.server_log_format:
            raise ConfigError("--server-log-format is of no log: name the files with --server-log.")
        return
    result = subprocess.run(
        module_command("analysis.server_log", *settings.server_log, *_option("--format", settings.server_log_format)),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        lines = (result.stderr.strip() or "the analysis cannot read it").splitlines()
        raise ConfigError(f"--server-log: {lines[-1]}")


def check_baseline(settings: Settings) -> None:
    """Let the analysis look at the run that this one will be held against: at its end it would be late to refuse it.

    Raises:
        ConfigError: With its sentence.
    """
    if not settings.baseline:
        return
    if settings.no_analysis:
        raise ConfigError("--baseline compares verdicts, and --no-analysis makes none: leave out the one or the other.")
    result = subprocess.run(module_command("analysis.releases", settings.baseline), capture_output=True, text=True)
    if result.returncode != 0:
        lines = (result.stderr.strip() or "the analysis cannot read it").splitlines()
        raise ConfigError(f"--baseline: {lines[-1]}")


def check_metrics(settings: Settings, *, has_otel: bool = False) -> None:
    """Refuse a port for metrics that cannot be listened on, and metrics without their library, before the run.

    Raises:
        ConfigError: In one sentence.
    """
    if has_otel and not _is_installed("opentelemetry.sdk"):
        raise ConfigError(
            "--otel needs OpenTelemetry's SDK and exporters, which are not installed: pip install 'locust[otel]', or "
            "leave the option out."
        )
    if has_otel:
        result = subprocess.run(module_command("attempts.store.telemetry"), capture_output=True, text=True)
        if result.returncode != 0:
            raise ConfigError((result.stderr.strip() or "--otel: it cannot be exported.").splitlines()[-1])
    at = settings.prometheus_port
    if not at:
        return
    if not _is_installed("prometheus_client"):
        raise ConfigError(
            f"--prometheus-port {at} needs the library prometheus-client, which is not installed: pip install -r "
            "requirements.txt, or leave the option out."
        )
    host, _, port = at.rpartition(":")
    host = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # as the page's own socket: a run that has just ended is in nobody's way
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise ConfigError(
            f"--prometheus-port {at} cannot be listened on ({error.strerror}): name another port, or end what listens "
            "there."
        ) from None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # its package is missing, or is none
        return False


def _option(name: str, values: Sequence[str]) -> Sequence[str]:
    return (name, *values) if values else ()


def check_plan(settings: Settings, *, users: int, workers: int, is_standin: bool) -> None:
    """Refuse a plan whose protocol, scenarios, requests, arms, credentials or number of users cannot be.

    Raises:
        ConfigError: In one sentence.
    """
    check_messages(settings)
    protocol = load_protocol(settings.protocol, message_fields_of(settings))
    if "agent" in settings.scenario and AGENT_REQUEST not in protocol.sequences:
        raise ConfigError(f"--scenario agent needs messages that --protocol {settings.protocol} does not have.")
    if "mute" in settings.scenario and UNROUTED not in (operations_of(protocol) or ()):
        raise ConfigError(
            f"--scenario mute needs a request that the server cannot route, {UNROUTED}, and "
            f"--protocol {settings.protocol} names none in its operations."
        )
    check_suites(settings)
    check_operations(settings.operations, protocol)
    if settings.use_proxy and settings.needs_relay:
        raise ConfigError("--use-proxy and --delay-ms do not go together: the relay connects to the target itself.")
    script_settings(script_settings_of(settings))
    arm_plan(settings)
    check_certificates(settings)
    key_file: str | None = None
    if is_standin and settings.jwt_algorithm == "HS256":
        _, file = standin_secret(os.environ, key_file=settings.jwt_key_file)
        key_file = str(file) if file else None
    credentials = credentials_for(settings, key_file)
    check_way_in(settings, protocol, credentials.headers)
    check_seats(credentials.pool.subjects, settings.connections_per_subject, users=users, workers=workers)


def check_suites(settings: Settings) -> None:
    """Refuse a suite of checks that is not this target's, or that lacks what its checks ask for.

    Raises:
        ConfigError: In one sentence.
    """
    for suite in SUITES:
        if suite not in settings.scenario:
            continue
        if settings.protocol != "staging":
            raise ConfigError(
                f"--scenario {suite} checks what the staging server promises, and --protocol is {settings.protocol!r}: "
                "leave out the one or the other."
            )
        if settings.token_source == NONE:
            raise ConfigError(
                f"--scenario {suite} connects with a token and without one, and --token-source none has none: leave "
                "out the one or the other."
            )
        if not settings.health_path:
            raise ConfigError(f"--scenario {suite} asks for the health page, and --health-path is off: name its path.")


def check_messages(settings: Settings) -> None:
    """Refuse words about messages that the protocol does not go by, and an opening that is none of its messages.

    Raises:
        ConfigError: In one sentence.
    """
    if message_fields_of(settings) != USUAL_FIELDS and settings.protocol != "json":
        raise ConfigError(
            "--message-type-field, --message-id-field, --welcome-type and --opening say how the messages of "
            f"--protocol json are, and --protocol is {settings.protocol!r}: use json, or leave them out."
        )
    if not settings.opening:
        return
    try:
        orjson.loads(settings.opening.replace(TOKEN_PLACE, "token"))
    except orjson.JSONDecodeError:
        # Not quoted: it may hold a secret.
        raise ConfigError(
            "--opening must be JSON, as all messages of --protocol json are, such as "
            '\'{"type":"auth","token":"{token}"}\' (in single quotes, which keep the double ones from the shell).'
        ) from None


def check_way_in(settings: Settings, protocol: TargetProtocol, headers: Sequence[Header]) -> None:
    """Refuse credentials that the scenario, the protocol class or a second header does not go with.

    Raises:
        ConfigError: In one sentence.
    """
    has_token = settings.token_source != NONE
    if not has_token and PROBE_SCENARIO in settings.scenario:
        raise ConfigError(
            f"--scenario {PROBE_SCENARIO} comes with broken tokens, and --token-source none has none to break: leave "
            "out the one or the other."
        )
    if settings.token_transport == MESSAGE and not _says_its_token(protocol):
        raise ConfigError(
            f"--token-transport message needs a protocol class that says its token first, and --protocol "
            f"{settings.protocol} does not: use header, query, cookie or subprotocol (with json: --opening)."
        )
    try:
        found = credentials_by(settings.token_transport, protocol, Token("token") if has_token else None)
    except ProtocolFault as fault:
        missing = "" if has_token else " It is asked for credentials without a token here (--token-source none)."
        raise ConfigError(f"{fault}{missing}") from None
    taken = {name.lower() for name, _ in found.headers} - {"cookie"}
    for header in headers:
        if header.name.lower() in taken:
            raise ConfigError(
                f"--header {header.name!r} is the header that the token travels in: leave it out, or give no token "
                "(--token-source none), or another way for it (--token-transport)."
            )


def _says_its_token(protocol: TargetProtocol) -> bool:
    """Whether a protocol's openings are others with a token than without."""
    speak = getattr(protocol, "openings", None)
    return speak is not None and list(speak(Token("token"))) != list(speak(None))


def check_operations(operations: Iterable[str], protocol: TargetProtocol) -> None:
    """Refuse a request that the protocol does not have: its reply could not be told from none.

    Raises:
        ConfigError: In one sentence, with the requests that there are.
    """
    known = operations_of(protocol)
    if known is None:
        return
    for operation in operations:
        if operation not in known and operation != PROTOCOL_PING:
            raise unknown_name("--operations", operation, {*known, PROTOCOL_PING})


def check_certificates(settings: Settings) -> None:
    """Refuse certificates that cannot be read: every connection would fail, and none for the target's sake.

    Raises:
        ConfigError: In one sentence.
    """
    ca_file, certificate, key = settings.ca_file, settings.client_cert, settings.client_key
    if ca_file:
        try:
            tls_context(TlsFiles(ca_file))
        except ssl.SSLError:
            raise ConfigError(
                f"--ca-file {ca_file!r} holds no certificate in PEM that can be read: name a file of them, or leave it "
                "out to trust the system's."
            ) from None
        except OSError as error:
            raise ConfigError(
                f"--ca-file {ca_file!r} cannot be read ({os.strerror(error.errno or 0)}): name a file of certificates "
                "in PEM, or leave it out to trust the system's."
            ) from None
    if not certificate:
        return
    for option, path in (("--client-cert", certificate), ("--client-key", key)):
        if path and (reason := _why_unreadable(path)):
            raise ConfigError(f"{option} {path!r} cannot be read ({reason}): name a file in PEM.")
    try:
        tls_context(TlsFiles(ca_file or None, certificate, key or None))
    except ssl.SSLError as error:
        of = f"--client-cert {certificate!r}" + (f" and --client-key {key!r}" if key else "")
        raise ConfigError(f"{of}: {_why_no_certificate(error, key or certificate)}") from None


def _why_unreadable(path: str) -> str:
    """The system's reason why a file cannot be read; "" = it can."""
    try:
        Path(path).read_bytes()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return ""


def _why_no_certificate(error: ssl.SSLError, key_file: str) -> str:
    """What is wrong with a certificate and its key, and the way out; OpenSSL itself hardly says."""
    if "MISMATCH" in (error.reason or ""):
        return "the key is another certificate's, so name the one that belongs to it."
    if b"ENCRYPTED" in Path(key_file).read_bytes():
        return f"the key has a passphrase, so set it in {PASSPHRASE_VARIABLE}: what is there is not it."
    return (
        "there is no certificate with its key in PEM that can be read: name a file that holds both, or the key's with "
        "--client-key."
    )


def check_seats(subjects: int, connections_per_subject: int, *, users: int, workers: int) -> None:
    """Refuse users that would only wait for a subject that is free: fewer connections than were asked for.

    Raises:
        ConfigError: Says how many subjects it takes.
    """
    by_worker = math.ceil(users / workers)
    seats = subjects // workers * connections_per_subject
    if by_worker > seats:
        needed = math.ceil(by_worker / connections_per_subject) * workers
        of_each = f" on each of {workers} workers, which share the subjects," if workers > 1 else ""
        raise ConfigError(
            f"{users:,} users hold up to {by_worker:,} connections at once{of_each} and {subjects:,} subjects with "
            f"--connections-per-subject {connections_per_subject} allow {seats:,}: use --subjects {needed} or more "
            "(from a file: as many tokens), raise --connections-per-subject, or run fewer users."
        )


def check_clients(settings: Settings) -> None:
    """Refuse clients that this load generator does not have.

    Raises:
        ConfigError: In one sentence.
    """
    for client in settings.client:
        sentence = why_unavailable(client)
        if sentence is not None:
            raise ConfigError(f"--client {sentence}")


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
