"""What the options ask of a load-generating process: its experiment, its waits, and what scripts read."""

from __future__ import annotations

from scenarios.experiment.arms import Plan
from scenarios.options import Settings
from scenarios.plan import Budgets, Setting


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
