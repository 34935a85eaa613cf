"""wsoak's options: one table for the command line, the web form and `locust.conf`, and what they mean.

Locust gives every value as it came (the web form does not even apply argparse's types), so the table
only names and describes; `settings_from` turns values into a checked `Settings` and refuses the first
one that breaks its rule. It is pure, and runs before the first connection in every mode.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from scenarios.clients import CLIENTS
from scenarios.errors import ConfigError, unknown_name
from scenarios.session.scripts import MITIGATIONS

SCENARIOS: Final = ("steady", "hold", "churn", "idle", "agent", "storm", "mute", "auth_probe")
ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")


class Option(NamedTuple):
    """One option; `ui` = also in the web form (paths and key material are not)."""

    name: str
    default: str | int | float | bool
    help: str
    ui: bool = True

    @property
    def flag(self) -> str:
        """As typed on the command line."""
        return "--" + self.name.replace("_", "-")


OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        "scenario",
        "steady=6,churn=2,idle=1,agent=1",
        f"What users do, with weights: any of {', '.join(SCENARIOS)}",
    ),
    Option("operations", "ping=3,chat=1", "Requests of an exchange, with weights (docs/experiment.md has them all)"),
    Option("protocol", "staging", "The target's messages: staging, echo, or package.module:Class", ui=False),
    Option("client", "websocket-client", f"Arms: client libraries and loops, of {', '.join(CLIENTS)}"),
    Option("delay_ms", "0", "Arms: network delay (round trip) that a relay adds, such as 0,80,160,320"),
    Option("relay_jitter_ms", 0.0, "On delayed arms: each way's delay varies evenly by +- this, drawn from the seed"),
    Option("relay_stall_ratio", 0.0, "On delayed arms: share of chunks that stall, as a lost segment does (0 = none)"),
    Option("relay_stall_ms", 200.0, "How long such a stall lasts"),
    Option("relay_bandwidth_kbit", 0.0, "On delayed arms: kbit/s of each connection, each way (0 = no limit)"),
    Option("mitigation", "none", f"Arms: of {', '.join(MITIGATIONS)}"),
    Option("seed", 1, "Seed of the plan: arms, pacing, payloads"),
    Option("arrival", "closed", "closed, or an open plan of new connections a second: constant:R, poisson:R"),
    Option("connect_budget_s", 10.0, "Longest wait from the first socket call to the welcome"),
    Option("exchange_budget_s", 5.0, "Longest wait for a reply"),
    Option("close_budget_s", 2.0, "Longest wait for the closing handshake"),
    Option("peer_check_s", 2.0, "After a silent timeout: how long the pong of a ping is waited for (0 = none is sent)"),
    Option("pace_s", 1.0, "Time between the starts of a session's exchanges (0 = no think time)"),
    Option("session_s", 180.0, "How long a steady or agent session lives on average, drawn for each (0 = to the end)"),
    Option("churn_exchanges", 3, "Exchanges of a churn session before it closes"),
    Option("heartbeat_s", 20.0, "Time between an idle session's heartbeats"),
    Option("storm_at_s", 0.0, "When everybody reconnects at once, seconds into the run (0 = never)"),
    Option("storm_jitter_s", 2.0, "Over how many seconds a storm's reconnects are spread"),
    Option("shape", "none", "none, or ramp-soak-storm: ramp to --users, hold, reconnect everybody, hold", ui=False),
    Option("probes", True, "Control probes beside the sessions: bare TCP, /health, an idle socket's ping"),
    Option("probe_every_s", 2.0, "Time between control probes"),
    Option("subjects", 50, "How many test users (token subjects) there are"),
    Option("connections_per_subject", 20, "Connections that one subject may hold at once"),
    Option("token_source", "mint", "mint, file:PATH or an http(s) URL that returns a token", ui=False),
    Option("jwt_algorithm", "HS256", f"One of {', '.join(ALGORITHMS)}"),
    Option(
        "jwt_key_file",
        "",
        "The signing key (HS256: the secret; else a private PEM); or SOAK_JWT_SECRET",
        ui=False,
    ),
    Option("jwt_issuer", "netra-auth-service", "Claim iss"),
    Option("jwt_audience", "", "Claim aud (empty = none)"),
    Option("token_ttl_s", 1800.0, "Lifetime of a minted token"),
    Option("ca_file", "", "Certificates to trust for wss:// (empty = the system's)", ui=False),
    Option(
        "use_proxy",
        False,
        "Honour the environment's proxy settings (off: the network is part of the experiment)",
    ),
    Option("fault", "", "Faults of the embedded stand-in, separated by spaces: slow_welcome:share=0.05,delay=12"),
    Option("standin_quirks", "", "Bugs of the original in the embedded stand-in: all, or a list (docs/standin.md)"),
    Option("standin_instances", 3, "Instances that the embedded stand-in names"),
    Option("standin_tls", False, "Serve the stand-in over wss://", ui=False),
    Option("site", "", "A name for the network that this machine goes out through", ui=False),
    Option(
        "platform_label",
        "",
        "Rehearsal only: pretend to be this platform (rows are marked simulated)",
        ui=False,
    ),
    Option("slo_success_ratio", 0.95, "Service level: least share of attempts that succeed"),
    Option("slo_max_duration_s", 30.0, "Service level: longest attempt"),
    Option("slo_timeouts", 0, "Service level: most timeouts"),
    Option("margin", 0.005, "Equivalence margin of the verdict, as an absolute risk"),
    Option("alpha", 0.05, "Error rate of the verdict"),
    Option("reports_dir", "reports", "Where run folders go", ui=False),
    Option("run_id", "", "Name of the run folder (empty = the time and a random part)", ui=False),
    Option("no_analysis", False, "Store the rows and stop there"),
)

# What a worker says of its own machine; the controller's values do not hold there.
OF_THE_MACHINE: Final = ("reports_dir", "site", "platform_label")
# Paths that a worker may have elsewhere: its own value wins where it gives one.
MAY_DIFFER: Final = ("ca_file", "jwt_key_file", "token_source")

DEFAULTS: Final[dict[str, str | int | float | bool]] = {o.name: o.default for o in OPTIONS}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What was asked for, checked. Field by field as in `OPTIONS`; lists and weights parsed."""

    scenario: Mapping[str, float]
    operations: Mapping[str, float]
    protocol: str
    client: tuple[str, ...]
    delay_ms: tuple[float, ...]
    relay_jitter_ms: float
    relay_stall_ratio: float
    relay_stall_ms: float
    relay_bandwidth_kbit: float
    mitigation: tuple[str, ...]
    seed: int
    arrival: str
    arrival_rate: float | None
    connect_budget_s: float
    exchange_budget_s: float
    close_budget_s: float
    peer_check_s: float
    pace_s: float
    session_s: float
    churn_exchanges: int
    heartbeat_s: float
    storm_at_s: float
    storm_jitter_s: float
    shape: str
    probes: bool
    probe_every_s: float
    subjects: int
    connections_per_subject: int
    token_source: str
    jwt_algorithm: str
    jwt_key_file: str
    jwt_issuer: str
    jwt_audience: str
    token_ttl_s: float
    ca_file: str
    use_proxy: bool
    fault: tuple[str, ...]
    standin_quirks: str
    standin_instances: int
    standin_tls: bool
    site: str
    platform_label: str
    slo_success_ratio: float
    slo_max_duration_s: float
    slo_timeouts: int
    margin: float
    alpha: float
    reports_dir: str
    run_id: str
    no_analysis: bool

    @property
    def needs_relay(self) -> bool:
        """Whether some arm asks for delay: then every arm goes through the relay, the zero one too.

        A zero-delay arm that went direct would differ from the others by the relay itself.
        """
        return any(d > 0 for d in self.delay_ms)

    def digest(self) -> str:
        """A short hash of all settings, to see at a glance whether two runs were asked the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Check the values of all options (missing ones take their default).

    Raises:
        ConfigError: For the first value that breaks its rule.
    """

    def raw(name: str) -> Any:
        value = values.get(name)
        return DEFAULTS[name] if value is None else value

    def text(name: str) -> str:
        return str(raw(name)).strip()

    def number(name: str, rule: str, holds: Callable[[float], bool]) -> float:
        return _number(name, raw(name), rule, holds)

    def whole(name: str, rule: str, holds: Callable[[float], bool]) -> int:
        value = _number(name, raw(name), rule, holds)
        if value != int(value):
            raise _refused(name, raw(name), f"a whole number {rule}")
        return int(value)

    def flag(name: str) -> bool:
        value = raw(name)
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "1", "yes", "on"):
            return True
        if str(value).lower() in ("false", "0", "no", "off", ""):
            return False
        raise _refused(name, value, "true or false")

    def members(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(part.strip() for part in text(name).split(",") if part.strip())
        for part in found:
            if part not in known:
                raise unknown_name(_flag(name), part, known)
        if not found:
            raise _refused(name, text(name), f"at least one of {', '.join(known)}")
        if len(set(found)) != len(found):
            raise _refused(name, text(name), "each arm once")
        return found

    above_0 = ("above 0", lambda v: v > 0)
    not_negative = ("0 or more", lambda v: v >= 0)
    a_ratio = ("between 0 and 1", lambda v: 0 < v < 1)
    arrival, arrival_rate = _arrival(text("arrival"))
    algorithm = text("jwt_algorithm")
    if algorithm not in ALGORITHMS:
        raise unknown_name("--jwt-algorithm", algorithm, ALGORITHMS)
    shape = text("shape")
    if shape not in ("none", "ramp-soak-storm"):
        raise unknown_name("--shape", shape, ("none", "ramp-soak-storm"))
    run_id = text("run_id")
    if run_id and (not run_id.replace("-", "").replace("_", "").replace(".", "").isalnum() or run_id[0] == "."):
        raise _refused("run_id", run_id, "letters, digits, '-', '_' and '.', not starting with a dot")
    scenario = _weights("scenario", text("scenario"))
    for name in scenario:
        if name not in SCENARIOS:
            raise unknown_name("--scenario", name, SCENARIOS)
    settings = Settings(
        scenario=scenario,
        operations=_weights("operations", text("operations")),
        protocol=text("protocol"),
        client=members("client", tuple(CLIENTS)),
        delay_ms=_delays(text("delay_ms")),
        relay_jitter_ms=number("relay_jitter_ms", *not_negative),
        relay_stall_ratio=number("relay_stall_ratio", "from 0 to 1", lambda v: 0 <= v <= 1),
        relay_stall_ms=number("relay_stall_ms", "of milliseconds above 0, up to 60000", lambda v: 0 < v <= 60_000),
        relay_bandwidth_kbit=number(
            "relay_bandwidth_kbit", "of kbit/s, 1 or more (0 = no limit)", lambda v: v == 0 or v >= 1
        ),
        mitigation=members("mitigation", MITIGATIONS),
        seed=whole("seed", *not_negative),
        arrival=arrival,
        arrival_rate=arrival_rate,
        connect_budget_s=number("connect_budget_s", *above_0),
        exchange_budget_s=number("exchange_budget_s", *above_0),
        close_budget_s=number("close_budget_s", *above_0),
        peer_check_s=number("peer_check_s", *not_negative),
        pace_s=number("pace_s", *not_negative),
        session_s=number("session_s", *not_negative),
        churn_exchanges=whole("churn_exchanges", *not_negative),
        heartbeat_s=number("heartbeat_s", *above_0),
        storm_at_s=number("storm_at_s", *not_negative),
        storm_jitter_s=number("storm_jitter_s", *not_negative),
        shape=shape,
        probes=flag("probes"),
        probe_every_s=number("probe_every_s", *above_0),
        subjects=whole("subjects", *above_0),
        connections_per_subject=whole("connections_per_subject", *above_0),
        token_source=_token_source(text("token_source")),
        jwt_algorithm=algorithm,
        jwt_key_file=text("jwt_key_file"),
        jwt_issuer=text("jwt_issuer"),
        jwt_audience=text("jwt_audience"),
        token_ttl_s=number("token_ttl_s", *above_0),
        ca_file=text("ca_file"),
        use_proxy=flag("use_proxy"),
        fault=tuple(text("fault").split()),
        standin_quirks=text("standin_quirks"),
        standin_instances=whole("standin_instances", *above_0),
        standin_tls=flag("standin_tls"),
        site=text("site"),
        platform_label=text("platform_label"),
        slo_success_ratio=number("slo_success_ratio", "between 0 and 1", lambda v: 0 <= v <= 1),
        slo_max_duration_s=number("slo_max_duration_s", *above_0),
        slo_timeouts=whole("slo_timeouts", *not_negative),
        margin=number("margin", *a_ratio),
        alpha=number("alpha", *a_ratio),
        reports_dir=text("reports_dir") or "reports",
        run_id=run_id,
        no_analysis=flag("no_analysis"),
    )
    _check_line(settings)
    return settings


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _refused(name: str, value: object, rule: str) -> ConfigError:
    return ConfigError(f"{_flag(name)} is {value!r}, but it must be {rule}.")


def _number(name: str, value: Any, rule: str, holds: Callable[[float], bool]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _refused(name, value, f"a number {rule}") from None
    if not math.isfinite(number) or not holds(number):
        raise _refused(name, value, f"a number {rule}")
    return number


def _above_0(name: str, value: str, part: str, rule: str) -> float:
    """The number in a part of a value; a refusal names the whole value, as it was typed."""
    try:
        return _number(name, part, rule, lambda v: v > 0)
    except ConfigError:
        raise _refused(name, value, rule) from None


def _weights(name: str, value: str) -> dict[str, float]:
    """`a=3,b` -> {"a": 3.0, "b": 1.0}."""
    weights: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in value.split(","))):
        key, _, weight = (text.strip() for text in part.partition("="))
        if not key:
            raise _refused(name, value, "a list with a name before each '='")
        if key in weights:
            raise _refused(name, value, f"each name once ({key!r} is there twice)")
        weights[key] = _above_0(name, value, weight or "1", "a list with a number above 0 after each '='")
    if not weights:
        raise _refused(name, value, "at least one name, such as 'steady' or 'steady=6,churn=2'")
    return weights


def _delays(value: str) -> tuple[float, ...]:
    delays = tuple(
        _number("delay_ms", p.strip(), "of milliseconds, 0 to 60000, in a list such as 0,80,160", _is_delay)
        for p in value.split(",")
    )
    if len(set(delays)) != len(delays):
        raise _refused("delay_ms", value, "a list that names each arm once")
    return tuple(sorted(delays))


def _check_line(settings: Settings) -> None:
    """Refuse a line quality that would act nowhere, or make an arm's mean delay another than its name."""
    for name in ("relay_jitter_ms", "relay_stall_ratio", "relay_bandwidth_kbit"):
        value = getattr(settings, name)
        if value > 0 and not settings.needs_relay:
            raise ConfigError(
                f"{_flag(name)} is {value:g}, but it acts on delayed arms only: give --delay-ms an arm above 0, "
                "such as 0,80."
            )
    one_way_ms = min((d / 2 for d in settings.delay_ms if d > 0), default=0.0)
    if settings.relay_jitter_ms > one_way_ms:
        # What would come out before it went in comes out at once: the arm would be slower than it says.
        rule = f"at most {one_way_ms:g}, the smallest delayed arm's delay one way"
        raise _refused("relay_jitter_ms", settings.relay_jitter_ms, rule)


def _is_delay(value: float) -> bool:
    return 0 <= value <= 60_000


def _arrival(value: str) -> tuple[str, float | None]:
    kind, _, rate = value.partition(":")
    if kind == "closed" and not rate:
        return "closed", None
    if kind in ("constant", "poisson"):
        return kind, _above_0("arrival", value, rate, "a number of connections a second above 0, as in poisson:5")
    raise _refused("arrival", value, "'closed', 'constant:R' or 'poisson:R'")


def _token_source(value: str) -> str:
    if value == "mint" or value.startswith(("file:", "http://", "https://")):
        return value
    raise _refused("token_source", value, "'mint', 'file:PATH' or an http(s) URL")
