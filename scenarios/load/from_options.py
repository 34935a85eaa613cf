"""What the options ask of a load-generating process: its experiment, its waits, and what scripts read."""

from __future__ import annotations

import dataclasses
from typing import Final

from scenarios.experiment.arms import Plan
from scenarios.options import Settings
from scenarios.plan import MEGABYTE, Budgets, MessageFields, Setting, Target
from scenarios.protocols.load import load_protocol, usual_of
from scenarios.session.scripts import AGENT_REQUEST

_DEFAULT: Final = Settings()


def fitted(settings: Settings) -> Settings:
    """The settings with what the protocol has in place of the defaults, which are those of the staging server.

    Raises:
        ConfigError: There is no such protocol.
    """
    protocol = load_protocol(settings.protocol, message_fields_of(settings))
    scenario, operations = settings.scenario, settings.operations
    if scenario == _DEFAULT.scenario and AGENT_REQUEST not in protocol.sequences:
        scenario = {name: weight for name, weight in scenario.items() if name != "agent"}
    if operations == _DEFAULT.operations:
        operations = usual_of(protocol) or operations
    return dataclasses.replace(settings, scenario=scenario, operations=operations)


def target_of(settings: Settings, *, scheme: str, host: str, port: int, path: str) -> Target:
    """Where connections go, with all that the options say of it; by which way (relay, proxy) is a process's own."""
    return Target(
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        protocol=settings.protocol,
        messages=message_fields_of(settings),
        ca_file=settings.ca_file or None,
        client_cert=settings.client_cert or None,
        client_key=settings.client_key or None,
        dns_ttl_s=settings.dns_ttl_s,
        ip_version=settings.ip_version,
        max_message_bytes=round(settings.max_message_mb * MEGABYTE),
        compression=settings.compression,
    )


def message_fields_of(settings: Settings) -> MessageFields:
    """What the protocol `json` must know of the target's messages."""
    return MessageFields(
        type_field=settings.message_type_field,
        id_field=settings.message_id_field,
        welcome_type=settings.welcome_type,
        opening=settings.opening,
    )


def arm_plan(settings: Settings) -> Plan:
    """The experiment that the options ask for."""
    return Plan(client=settings.client, delay_ms=settings.delay_ms, mitigation=settings.mitigation, seed=settings.seed)


def budgets_of(settings: Settings) -> Budgets:
    """The waits that the options ask for."""
    return Budgets(
        connect_s=settings.connect_budget_s,
        exchange_s=settings.exchange_budget_s,
        sequence_s=settings.exchange_budget_s * 3,
        close_s=settings.close_budget_s,
        peer_check_s=settings.peer_check_s,
    )


def script_settings_of(settings: Settings) -> dict[str, Setting]:
    """The part of the options that scripts read."""
    return {
        "operations": dict(settings.operations),
        "pace_s": settings.pace_s,
        "session_s": settings.session_s,
        "churn_exchanges": settings.churn_exchanges,
        "heartbeat_s": settings.heartbeat_s,
        "storm_jitter_s": settings.storm_jitter_s,
    }
