"""wsoak's options: one field each for the command line, the web form, `locust.conf` and the docs.

To add an option is to add a field to `Settings`. Locust gives every value as it came (the web form does not even apply
argparse's types), so `settings_from` reads them all, and refuses the first one that breaks its rule. It is pure, and
runs before the first connection in every mode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scenarios.checks.suites import SUITES
from scenarios.clients import CLIENTS
from scenarios.errors import ConfigError
from scenarios.http_fields import TRACEPARENT
from scenarios.options import parsers, secret_values
from scenarios.options.field_kinds import (
    Option,
    Whose,
    choice,
    flag,
    flag_of,
    members,
    number,
    options_of,
    parsed,
    read_options,
    refused,
    second_part,
    several,
    text,
    whole,
)
from scenarios.options.secret_values import Named
from scenarios.session.scripts import MITIGATIONS, SCENARIOS

ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")

# The headings of the help and of docs/options.md.
USERS: Final = "What users do"
ARMS: Final = "Arms of the experiment"
BUDGETS: Final = "Budgets"
TARGET: Final = "Target and tokens"
PROBES: Final = "Control probes"
STANDIN: Final = "Embedded stand-in"
VERDICT: Final = "Verdict"
RUN: Final = "The run"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What was asked for, checked; each field is an option, and says all that is to be known of it."""

    scenario: Mapping[str, float] = parsed(
        "steady=6,churn=2,idle=1,agent=1",
        "What users do, with weights (the default's agent is left out where the protocol has none)",
        USERS,
        parsers.weights_of((*SCENARIOS, *SUITES)),
        choices=(*SCENARIOS, *SUITES),
    )
    operations: Mapping[str, float] = parsed(
        "ping=3,chat=1",
        "Requests of an exchange, with weights (docs/experiment.md has them all; another protocol than staging has its "
        "own in place of the default)",
        USERS,
        parsers.weights,
    )
    arrival: str = parsed(
        "closed",
        "closed, or an open plan of new connections a second: constant:R, poisson:R",
        USERS,
        parsers.arrival,
    )
    arrival_rate: float | None = second_part("arrival", None, parsers.arrival_rate)
    pace_s: float = number(
        1.0,
        "Time between the starts of a session's exchanges (0 = no think time)",
        USERS,
        low=0,
    )
    session_s: float = number(
        180.0, "How long a steady or agent session lives on average, drawn for each (0 = to the end)", USERS, low=0
    )
    churn_exchanges: int = whole(3, "Exchanges of a churn session before it closes", USERS, low=0)
    heartbeat_s: float = number(20.0, "Time between an idle session's heartbeats", USERS, above=0)
    storm_at_s: float = number(0.0, "When everybody reconnects at once, seconds into the run (0 = never)", USERS, low=0)
    storm_jitter_s: float = number(2.0, "Over how many seconds a storm's reconnects are spread", USERS, low=0)
    shape: str = choice(
        "none",
        "Course of the load (ramp-soak-storm: ramp to --users, hold, reconnect everybody, hold)",
        USERS,
        ("none", "ramp-soak-storm"),
        ui=False,
    )

    client: tuple[str, ...] = members("websocket-client", "Arms: client libraries and loops", ARMS, tuple(CLIENTS))
    delay_ms: tuple[float, ...] = parsed(
        "0", "Arms: network delay (round trip) that a relay adds, such as 0,80,160,320", ARMS, parsers.delays
    )
    mitigation: tuple[str, ...] = members("none", "Arms: what a client does against failures", ARMS, MITIGATIONS)
    relay_jitter_ms: float = number(
        0.0, "On delayed arms: each way's delay varies evenly by +- this, drawn from the seed", ARMS, low=0
    )
    relay_stall_ratio: float = number(
        0.0, "On delayed arms: share of chunks that stall, as a lost segment does (0 = none)", ARMS, low=0, high=1
    )
    relay_stall_ms: float = number(
        200.0, "How long such a stall lasts", ARMS, above=0, high=60_000, unit="milliseconds"
    )
    relay_bandwidth_kbit: float = number(
        0.0,
        "On delayed arms: kbit/s of each connection, each way (0 = no limit)",
        ARMS,
        low=1,
        unit="kbit/s",
        zero="no limit",
    )
    seed: int = whole(1, "Seed of the plan: arms, pacing, payloads", ARMS, low=0)

    connect_budget_s: float = number(10.0, "Longest wait from the first socket call to the welcome", BUDGETS, above=0)
    exchange_budget_s: float = number(5.0, "Longest wait for a reply", BUDGETS, above=0)
    harness_timeout_s: float = number(
        120.0, "After so long --scenario p1_naive gives up a check, as the seed's test harness did", BUDGETS, above=0
    )
    close_budget_s: float = number(2.0, "Longest wait for the closing handshake", BUDGETS, above=0)
    peer_check_s: float = number(
        2.0, "After a silent timeout: how long the pong of a ping is waited for (0 = none is sent)", BUDGETS, low=0
    )

    protocol: str = text(
        "staging",
        "The target's messages: staging, echo, json, jsonrpc, graphql-transport-ws, socketio, or package.module:Class "
        "(docs/protocols.md)",
        TARGET,
        ui=False,
    )
    message_type_field: str = parsed(
        "type", "With --protocol json: the field with a message's type", TARGET, parsers.field_name, ui=False
    )
    message_id_field: str = text(
        "id",
        "With --protocol json: the field with a request's id, which its reply repeats (empty = replies name none)",
        TARGET,
        ui=False,
    )
    welcome_type: str = text(
        "",
        "With --protocol json: the type of the message with which a session is ready (empty = it is at once)",
        TARGET,
        ui=False,
    )
    opening: str = text(
        "",
        "With --protocol json: what each session says first; {token} in it stands for its token (empty = nothing)",
        TARGET,
        ui=False,
    )
    max_message_mb: float = number(
        16.0,
        "Longest message that is taken, inflated and with all its fragments (a longer one is malformed)",
        TARGET,
        low=0.001,
        high=1024,
        unit="MiB",
    )
    compression: bool = flag(
        False, "Offer permessage-deflate (RFC 7692); the clients on websockets can, websocket-client cannot", TARGET
    )
    subjects: int = whole(50, "How many test users (token subjects) there are", TARGET, above=0)
    connections_per_subject: int = whole(20, "Connections that one subject may hold at once", TARGET, above=0)
    token_source: str = parsed(
        "mint",
        "mint, file:PATH, an http(s) URL that returns a token, or none: sessions come without (docs/credentials.md)",
        TARGET,
        parsers.token_source,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    token_client_id: str = text(
        "",
        "Ask that URL by POST as this OAuth client (client credentials); its secret is in SOAK_TOKEN_CLIENT_SECRET",
        TARGET,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    token_client_auth: str = choice(
        "basic",
        "Where that client's secret goes: an Authorization header (basic) or the body",
        TARGET,
        ("basic", "body"),
    )
    token_form: tuple[Named, ...] = parsed(
        "",
        "Further fields of that POST, as in a URL: scope=soak&audience=api; secrets as env:NAME or file:PATH",
        TARGET,
        secret_values.form,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    token_transport: str = parsed(
        "protocol",
        "How the token travels: protocol (as its class has it), header[:NAME], query[:NAME], cookie[:NAME], "
        "subprotocol[:NAMES] or message (docs/credentials.md)",
        TARGET,
        parsers.token_transport,
    )
    jwt_algorithm: str = choice("HS256", "Signature of a minted token", TARGET, ALGORITHMS)
    jwt_key_file: str = text(
        "",
        "The signing key (HS256: the secret; else a private PEM); or SOAK_JWT_SECRET",
        TARGET,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    jwt_issuer: str = text("netra-auth-service", "Claim iss", TARGET)
    jwt_audience: str = text("", "Claim aud (empty = none)", TARGET)
    token_ttl_s: float = number(1800.0, "Lifetime of a minted token", TARGET, above=0)
    header: tuple[Named, ...] = several(
        "A header of every upgrade request and health probe, 'Origin: https://example.com'; secret values as "
        "env:NAME or file:PATH; may be given several times",
        TARGET,
        secret_values.header,
        whose=Whose.WORKER_IF_GIVEN,
    )
    traceparent: bool = flag(
        False,
        "A traceparent header (W3C) on every session's upgrade request, with an id of its own that the rows have too",
        TARGET,
    )
    ca_file: str = text(
        "",
        "Certificates to trust for wss:// (empty = the system's)",
        TARGET,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    client_cert: str = text(
        "",
        "The client's own certificate for wss:// (PEM, with its chain and perhaps its key)",
        TARGET,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    client_key: str = text(
        "",
        "Its private key (PEM; empty = in the certificate's file); a passphrase is in SOAK_CLIENT_KEY_PASSPHRASE",
        TARGET,
        ui=False,
        whose=Whose.WORKER_IF_GIVEN,
    )
    dns_ttl_s: float = number(
        30.0,
        "How long a name's addresses are known before it is looked up again (0 = for each connection)",
        TARGET,
        low=0,
    )
    ip_version: str = choice("any", "Which addresses of a name are used, by version of IP", TARGET, ("any", "4", "6"))
    use_proxy: bool = flag(
        False, "Honour the environment's proxy settings (off: the network is part of the experiment)", TARGET
    )

    probes: bool = flag(True, "Control probes beside the sessions: TCP, the health page, an idle socket's ping", PROBES)
    probe_every_s: float = number(2.0, "Time between control probes", PROBES, above=0)
    health_path: str = parsed(
        "/health",
        "Path of the target's health page, which one of the probes asks for (off = none)",
        PROBES,
        parsers.health_path,
    )

    fault: tuple[str, ...] = parsed(
        "",
        "Faults of the embedded stand-in, separated by spaces: slow_welcome:share=0.05,delay=12",
        STANDIN,
        parsers.words,
    )
    standin_quirks: str = text(
        "", "Bugs of the original in the embedded stand-in: all, or a list (docs/standin.md)", STANDIN
    )
    standin_instances: int = whole(3, "Instances that the embedded stand-in names", STANDIN, above=0)
    standin_tls: bool = flag(False, "Serve the stand-in over wss://", STANDIN, ui=False)

    slo_success_ratio: float = number(
        0.95, "Service level: least share of attempts that succeed", VERDICT, low=0, high=1
    )
    slo_max_duration_s: float = number(30.0, "Service level: longest attempt", VERDICT, above=0)
    slo_timeouts: int = whole(0, "Service level: most timeouts", VERDICT, low=0)
    margin: float = number(0.005, "Equivalence margin of the verdict, as an absolute risk", VERDICT, above=0, below=1)
    alpha: float = number(0.05, "Error rate of the verdict", VERDICT, above=0, below=1)
    allow_less_load: bool = flag(
        False,
        "Judge a run although for over 5 % of the time its users were over 5 % fewer or more than planned",
        VERDICT,
    )
    no_analysis: bool = flag(False, "Store the rows and stop there", VERDICT)
    no_live_analysis: bool = flag(
        False, "Analyse at the end only: no process beside the run says what can be said so far (live.json)", VERDICT
    )
    accept_early: bool = flag(
        False, "Judge a run that ends before its --run-time is over (otherwise it is void), and say so", VERDICT
    )
    server_log: tuple[str, ...] = several(
        "A log of the server's, to be read at the end (docs/server-log.md); may be given several times",
        VERDICT,
        parsers.as_it_is,
    )
    server_log_format: tuple[str, ...] = several(
        "The format of such logs, or a TOML file that describes it (found out by itself); may be given several times",
        VERDICT,
        parsers.as_it_is,
    )
    baseline: str = text(
        "",
        "An earlier run's folder, analysed: is this one worse? (docs/method.md); a level that is worse is a breach",
        VERDICT,
        ui=False,
    )

    reports_dir: str = parsed("reports", "Where run folders go", RUN, parsers.reports_dir, ui=False, whose=Whose.WORKER)
    run_id: str = parsed(
        "", "Name of the run folder (empty = the time and a random part)", RUN, parsers.run_id, ui=False
    )
    prometheus_port: str = parsed(
        "",
        "While a run goes on, serve its counts to Prometheus on this port, 9464, of this machine alone, or HOST:PORT "
        "(empty = nowhere; docs/metrics.md)",
        RUN,
        parsers.listened_at,
        ui=False,
    )
    ui_hosts: tuple[str, ...] = parsed(
        "",
        "Names under which the web UI may be asked, beside this machine's own and its addresses: ui.example.com, "
        ".example.com with all below it, * = any (separated by commas)",
        RUN,
        parsers.host_names,
        ui=False,
    )
    resume: str = parsed(
        "",
        "Lead this run on, whose master was killed or is frozen: its name, beside the command that began it (empty = "
        "begin one; docs/fleet.md)",
        RUN,
        parsers.run_id,
        ui=False,
    )
    outbox_gb: float = number(
        2.0,
        "Rows that a worker keeps on its disk while they cannot be shipped: beyond so many GB its load ends",
        RUN,
        above=0,
        unit="GB",
        ui=False,
        whose=Whose.WORKER,
    )
    site: str = text("", "A name for the network that this machine goes out through", RUN, ui=False, whose=Whose.WORKER)
    platform_label: str = text(
        "",
        "Rehearsal only: pretend to be this platform (rows are marked simulated)",
        RUN,
        ui=False,
        whose=Whose.WORKER,
    )

    def __post_init__(self) -> None:
        """Refuse what belongs to another option's value: a line quality that would act nowhere, or make an arm's mean
        delay another than its name; what is asked of a token endpoint where there is none; compression where an
        arm's library has none, since the arms would differ by more than their library; a second traceparent header.
        """
        unable = [name for name in self.client if not CLIENTS[name].compresses]
        if self.compression and unable:
            able = ",".join(name for name, arm in CLIENTS.items() if arm.compresses)
            raise ConfigError(
                f"--compression and --client {','.join(unable)} do not go together: that library has no "
                f"permessage-deflate. Name clients that have it (--client {able}), or leave --compression out."
            )
        for name in ("relay_jitter_ms", "relay_stall_ratio", "relay_bandwidth_kbit"):
            value = getattr(self, name)
            if value > 0 and not self.needs_relay:
                raise ConfigError(
                    f"{flag_of(name)} is {value:g}, but it acts on delayed arms only: give --delay-ms an arm above 0, "
                    "such as 0,80."
                )
        one_way_ms = min((d / 2 for d in self.delay_ms if d > 0), default=0.0)
        if self.relay_jitter_ms > one_way_ms:
            # What would come out before it went in comes out at once: the arm would be slower than it says.
            rule = f"at most {one_way_ms:g}, the smallest delayed arm's delay one way"
            raise refused(flag_of("relay_jitter_ms"), self.relay_jitter_ms, rule)

        if self.client_key and not self.client_cert:
            raise ConfigError(
                f"--client-key {self.client_key!r} is the key of a certificate: name that one with --client-cert."
            )
        if self.traceparent and any(header.name.lower() == TRACEPARENT for header in self.header):
            raise ConfigError(
                "--traceparent and --header 'traceparent' do not go together: the first gives each connection an id of "
                "its own, the second all of them the same. Leave one of them out."
            )
        if (self.token_client_id or self.token_form) and not self.token_source.startswith(parsers.URLS):
            name = "token_client_id" if self.token_client_id else "token_form"
            raise ConfigError(
                f"{flag_of(name)} belongs to a token endpoint: give --token-source its http(s) URL, or leave it out."
            )

    @property
    def needs_relay(self) -> bool:
        """Whether some arm asks for delay: then every arm goes through the relay, the zero one too.

        A zero-delay arm that went direct would differ from the others by the relay itself.
        """
        return any(d > 0 for d in self.delay_ms)

    @property
    def credentials(self) -> tuple[str, ...]:
        """The kinds of credentials that sessions come with; none = there is nothing that could be refused."""
        kinds = {
            "token": self.token_source != parsers.NONE,
            "header": any(header.is_elsewhere for header in self.header),
            "client certificate": bool(self.client_cert),
        }
        return tuple(kind for kind, is_there in kinds.items() if is_there)

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that options name as the places of secret values."""
        named = (*self.header, *self.token_form)
        return frozenset(variable for one in named if (variable := one.variable))

    def for_run_file(self) -> dict[str, Any]:
        """The settings that `run.json` has for the analysis: service levels, the line's quality, error rates, and of
        which kinds the credentials are.
        """
        return {
            "slo": self._group("slo_"),
            "relay": self._group("relay_"),
            "margin": self.margin,
            "alpha": self.alpha,
            "allow_less_load": self.allow_less_load,
            "credentials": list(self.credentials),
            "digest": self.digest(),
            "options": self.told(),
        }

    def told(self) -> dict[str, str]:
        """What a run goes by, so that whoever leads it on can name what he would have otherwise: all options but those
        of the machine and of the folder. Texts that anything may stand in are told by a hash.
        """
        return {
            option.name: self._told(option)
            for option in OPTIONS
            if option.group != RUN and option.name not in ("no_analysis", "no_live_analysis")
        }

    def _told(self, option: Option) -> str:
        value = getattr(self, option.name)
        if option.bounds is not None or option.choices or isinstance(value, bool):
            return repr(value)
        return hashlib.sha256(repr(value).encode()).hexdigest()[:12]

    def _group(self, prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in vars(self).items() if name.startswith(prefix)}

    def digest(self) -> str:
        """A short hash of all settings, to see at a glance whether two runs were asked the same."""
        # In the order of the names, so that a field may be moved to where it is best read.
        return hashlib.sha256(repr(sorted(vars(self).items())).encode()).hexdigest()[:12]


OPTIONS: Final[tuple[Option, ...]] = options_of(Settings)
DEFAULTS: Final[dict[str, str | int | float | bool]] = {o.name: o.default for o in OPTIONS}
# What a worker says of its own machine; the controller's values do not hold there.
OF_THE_MACHINE: Final = tuple(o.name for o in OPTIONS if o.whose is Whose.WORKER)
# Paths that a worker may have elsewhere: its own value wins where it gives one.
MAY_DIFFER: Final = tuple(o.name for o in OPTIONS if o.whose is Whose.WORKER_IF_GIVEN)


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Check the values of all options (missing ones take their default).

    Raises:
        ConfigError: For the first value that breaks its rule.
    """
    return read_options(Settings, values)
