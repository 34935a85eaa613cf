"""The keys that the small tables are grouped by: of workers, places, arms, sides and cells."""

from __future__ import annotations

from typing import Final

WORKER_KEYS: Final = ("run_id", "worker", "host", "platform", "site")
PLACE_KEYS: Final = ("run_id", "host", "platform", "site")
# `by_scenario`: the scenario, where the sides differ in what they run (`scenarios.py`); else empty.
ARM_KEYS: Final = ("client", "event_loop", "delay_us", "mitigation", "kind", "operation", "by_scenario")
# What may be compared: platforms, clients, delays, instances, each on its hosts.
SIDE_KEYS: Final = ("host", "platform", "client", "event_loop", "delay_us", "server_instance")
CELL_KEYS: Final = (
    "run_id",
    "host",
    "platform",
    "site",
    "minute",
    "client",
    "event_loop",
    "delay_us",
    "mitigation",
    "kind",
    "operation",
    "by_scenario",
    "preface",
    "token_expired",
)
