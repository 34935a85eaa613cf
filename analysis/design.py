"""What a simulated run looks like before anything goes wrong in it: places, arms, times, users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CLIENTS: Final = ("websocket-client", "websockets-gevent", "websockets-asyncio")
ASYNCIO_CLIENT: Final = CLIENTS.index("websockets-asyncio")
# The same library, held to the loop that is asyncio's default everywhere but on Windows.
SELECTOR: Final = "websockets-selector"
ARMS: Final = (*CLIENTS, SELECTOR)
OPERATIONS: Final = ("ping", "chat", "agent_request")
EXCHANGES: Final = 5
# A session that ends well writes a connect, its exchanges, a hold and a close.
ROWS_PER_SESSION: Final = EXCHANGES + 3
PROBES: Final = ("tcp", "health", "idle")
PROBE_EVERY_S: Final = 10.0
# Probes are a control: never more than this share of the rows, however long the run.
PROBE_SHARE: Final = 0.1

# At 3 one host in forty already fails four hundred times as often as the usual one.
MOST_SD: Final = 3.0


class DesignError(ValueError):
    """A design that cannot be drawn: one sentence that names the value and the rule."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """The parameters of a simulated run.

    Attributes:
        rows: About how many rows; the number of connections is chosen for it.
        hosts: Hosts of each platform.
        minutes: Length of the run.
        effect: What the world does, as an absolute difference of risks (0.02: two points).
        base_risk: Chance that any attempt times out though nothing is wrong; None: the world's own.
        host_sd, minute_sd, site_sd: Standard deviation of the logarithm of a host's, minute's, site's
            multiplier of `base_risk`: no two machines fail alike.
        platforms: Cohorts; the first one is the suspect.
        clients: Arms of library and loop, by the names that `--client` has for them (`ARMS`). Two names that
            mean the same on a platform are one arm there.
        delays_s: Arms of added round trip, drawn for each connection.
        mitigations: Arms of mitigation, drawn for each connection.
        instances: Server instances.
        sites: "mixed": every platform's hosts spread over two sites; "tied": a site for each platform.
        arms: "interleaved": drawn connection by connection; "blocks": one delay at a time, ten minutes each.
        subjects: Users that the hosts share; None: so many that none comes twice within a quota's window.
        order: "random" users; "fixed": each user connects from the last platform first, from the suspect next.
        periods: "together": all platforms all the time; "apart": one platform after the other.
        base_rtt_s: Median round trip of the hosts; `far_s` is added on the suspect platform.
        delay_arrives: Whether the relay really delays (else the arms are labels only).
        hold_s: Shortest and longest planned session.
        token_ttl_s: Lifetime of the tokens.
        seed: Of everything random.
    """

    rows: int = 50_000
    hosts: int = 3
    minutes: int = 60
    effect: float = 0.02
    base_risk: float | None = None
    host_sd: float = 0.3
    minute_sd: float = 0.3
    site_sd: float = 0.2
    platforms: tuple[str, ...] = ("Windows", "Linux")
    clients: tuple[str, ...] = CLIENTS
    delays_s: tuple[float, ...] = (0.0, 0.1, 0.3)
    mitigations: tuple[str, ...] = ("none",)
    instances: int = 4
    sites: Literal["mixed", "tied"] = "mixed"
    arms: Literal["interleaved", "blocks"] = "interleaved"
    subjects: int | None = None
    order: Literal["random", "fixed"] = "random"
    periods: Literal["together", "apart"] = "together"
    base_rtt_s: float = 0.04
    far_s: float = 0.0
    delay_arrives: bool = True
    hold_s: tuple[float, float] = (20.0, 60.0)
    token_ttl_s: float = 1800.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _at_least("rows", self.rows, ROWS_PER_SESSION)
        _at_least("hosts", self.hosts, 1)
        _at_least("minutes", self.minutes, 1)
        _at_least("instances", self.instances, 1)
        if self.seed < 0:
            raise DesignError(f"seed = {self.seed} is no seed: a whole number from 0 up")
        for name in ("host_sd", "minute_sd", "site_sd"):
            if not 0.0 <= getattr(self, name) <= MOST_SD:
                raise DesignError(f"{name} = {getattr(self, name)} is out of range: 0 to {MOST_SD:g} (log scale)")
        if not 0.0 <= self.effect <= 0.2:
            raise DesignError(f"effect = {self.effect} is no difference of risks a world can make: 0 to 0.2")
        if self.base_risk is not None and not 0.0 <= self.base_risk <= 0.5:
            raise DesignError(f"base_risk = {self.base_risk} is out of range: 0 to 0.5")
        if not self.platforms or not self.delays_s or not self.mitigations:
            raise DesignError("a design needs at least one platform, one delay and one mitigation")
        unknown = [name for name in self.clients if name not in ARMS]
        if unknown or not self.clients:
            said = f"there is no client {unknown[0]!r}" if unknown else "a design needs at least one client"
            raise DesignError(f"{said}: choose of {', '.join(ARMS)}")

    @property
    def duration_s(self) -> float:
        """Length of the run."""
        return self.minutes * 60.0

    @property
    def host_count(self) -> int:
        """Hosts of all platforms together."""
        return self.hosts * len(self.platforms)

    @property
    def workers_per_host(self) -> int:
        """Processes of a host: two of gevent, one of asyncio, one that probes; one more for a second asyncio loop."""
        return 5 if SELECTOR in self.clients else 4

    @property
    def probe_every_s(self) -> float:
        """Seconds between two probes of a kind on a host."""
        most = max(1.0, self.rows * PROBE_SHARE / (self.host_count * len(PROBES)))
        return max(PROBE_EVERY_S, self.duration_s / most)

    @property
    def probe_rows(self) -> int:
        """Probe rows of the whole run."""
        return int(self.duration_s / self.probe_every_s) * self.host_count * len(PROBES)

    @property
    def connections(self) -> int:
        """First connects of the whole run."""
        return max(1, round((self.rows - self.probe_rows) / ROWS_PER_SESSION))


def arm_of(client: str, platform: str) -> tuple[str, str]:
    """The library and the event loop that a client's name stands for on a platform, as the record names them.

    gevent runs on libuv on Windows, on libev elsewhere; asyncio's default is the Proactor there, a selector
    elsewhere.
    """
    on_windows = platform == "Windows"
    if client == SELECTOR:
        return "websockets-asyncio", "asyncio-selector"
    if client == "websockets-asyncio":
        return client, "asyncio-proactor" if on_windows else "asyncio-selector"
    return client, "gevent-libuv" if on_windows else "gevent-libev"


def arms_on(clients: Sequence[str], platform: str) -> tuple[tuple[str, str], ...]:
    """The different (library, loop) that clients' names stand for on a platform."""
    return tuple(dict.fromkeys(arm_of(client, platform) for client in clients))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise DesignError(f"{name} = {value} is too few for a run: at least {least}")
