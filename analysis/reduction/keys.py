"""The keys that the small tables are grouped by: of workers, places, arms, sides and cells."""

from __future__ import annotations

from typing import Final

WORKER_KEYS: Final = ("run_id", "worker", "host", "platform", "site")
PLACE_KEYS: Final = ("run_id", "host", "platform", "site")
ARM_KEYS: Final = ("client", "event_loop", "delay_us", "mitigation", "kind", "operation")
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
    "preface",
    "token_expired",
)
