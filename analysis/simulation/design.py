"""The design of a simulated run before anything goes wrong in it: places, arms, times, users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
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

# A session that lasts the whole run lives in memory as a whole, and so do all others beside it.
MOST_ROWS_HELD: Final = 2_000_000
# The mix of message types where nothing is said of it; the last one is the rare one.
OPERATION_SHARES: Final = (0.5, 0.35, 0.15)

# A value of the suspect platform, and that of all others.
Pair = tuple[float, float]


class DesignError(ValueError):
    """A design that cannot be drawn: one sentence that names the value and the rule."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What else differs between the suspect platform and the others, or between asyncio's sessions and the others.

    Each is a pair (suspect, others), or (asyncio, others) where `Design.sides_by` says so.

    Attributes:
        burst_share: Share of the sessions that run the scenario "burst" in place of "session".
        tenant_share: Share of the sessions whose user belongs to the second tenant.
        large_share: Share of the exchanges with a message of `drawn_sessions.LARGE_BYTES`.
        rare_share: Share of the exchanges of the rarest type; the other types share the rest.
        preface_share: Share of the sessions in which a frame comes before the welcome.
        session_factor: How many times as long as `Design.session_s` sessions are planned.
        pace_factor: How many times as long as `Design.pace_s` a session waits between its exchanges.
        weight: Sessions a host gets, relative to other hosts.
        lag_s: Mean lag of the client's loop.
        cpu: Use of the worker's core.
        budget_factor: How many times as long as usual everybody waits.
        python: Versions of Python.
    """

    burst_share: Pair = (0.0, 0.0)
    tenant_share: Pair = (0.0, 0.0)
    large_share: Pair = (0.0, 0.0)
    rare_share: Pair = (OPERATION_SHARES[-1], OPERATION_SHARES[-1])
    preface_share: Pair = (0.0, 0.0)
    session_factor: Pair = (1.0, 1.0)
    pace_factor: Pair = (1.0, 1.0)
    weight: Pair = (1.0, 1.0)
    lag_s: Pair = (0.002, 0.002)
    cpu: Pair = (0.3, 0.3)
    budget_factor: Pair = (1.0, 1.0)
    python: tuple[str, str] = ("3.11.9", "3.11.9")

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for field in fields(self):
            values = getattr(self, field.name)
            is_share, is_number = field.name.endswith("_share"), field.name != "python"
            if is_share and not all(0.0 <= value <= 1.0 for value in values):
                raise DesignError(f"{field.name} = {values} are no shares: 0 to 1 each")
            if is_number and not is_share and not all(0.0 < value < math.inf for value in values):
                raise DesignError(f"{field.name} = {values} is out of range: above 0")


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
        hosts_of: Hosts of each platform, where they are not as many everywhere (`hosts` is not used then).
        host_sd_of: The same of `host_sd`.
        worst_host: How many times as often as it would the first host (one of the suspect's) fails.
        session_s: Mean length of a session, drawn exponentially; "run": each user holds one connection to the end,
            and connects again when it breaks; None: `hold_s` holds, and a session has `EXCHANGES`.
        pace_s: Mean seconds from one exchange of a session to the next, where `session_s` is given.
        users: Users of a run whose sessions last it; the pace follows from `rows` then. None: it is `pace_s`.
        arrivals: "even" over the run; "ramp": ever more sessions; "waves": three times more and fewer.
        balancing: Instances are "dealt" to connections, or the "address" of a host decides, or the "user" does.
        names_instances: Whether the server says which instance it is.
        budget_spread: Budgets are drawn this share below and above what they are; 0: all are equal.
        kernel_asked: On which platforms the kernel is asked where a timeout was lost; none given: on none.
        sides: What else differs between the sides.
        sides_by: What the sides are: the "platform" of a session's host, or its "client" (asyncio and the others, on
            the same hosts).
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
    hosts_of: tuple[int, ...] | None = None
    host_sd_of: tuple[float, ...] | None = None
    worst_host: float = 1.0
    session_s: float | Literal["run"] | None = None
    pace_s: float = 5.0
    users: int | None = None
    arrivals: Literal["even", "ramp", "waves"] = "even"
    balancing: Literal["dealt", "address", "user"] = "dealt"
    names_instances: bool = True
    budget_spread: float = 0.0
    kernel_asked: tuple[bool, ...] = ()
    sides: Sides = Sides()
    sides_by: Literal["platform", "client"] = "platform"

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
        self._check_hosts()
        self._check_sessions()

    def _check_hosts(self) -> None:
        for name in ("hosts_of", "host_sd_of"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.platforms):
                raise DesignError(f"{name} = {given} is not one value for each platform")
        for count in self.hosts_of or ():
            _at_least("hosts_of", count, 1)
        for sd in self.host_sd_of or ():
            if not 0.0 <= sd <= MOST_SD:
                raise DesignError(f"host_sd_of = {sd} is out of range: 0 to {MOST_SD:g} (log scale)")
        if not 0.0 < self.worst_host <= 100.0:
            raise DesignError(f"worst_host = {self.worst_host} is out of range: above 0, to 100")

    def _check_sessions(self) -> None:
        if isinstance(self.session_s, float | int) and not 1.0 <= self.session_s < math.inf:
            raise DesignError(f"session_s = {self.session_s} is no length of a session: 1 s or more, or 'run'")
        if not 0.05 <= self.pace_s < math.inf:
            raise DesignError(f"pace_s = {self.pace_s} is no pace: 0.05 s or more from one exchange to the next")
        if not 0.0 <= self.budget_spread < 1.0:
            raise DesignError(f"budget_spread = {self.budget_spread} is out of range: 0 to 1")
        if self.sides_by == "client" and self.sides.weight != (1.0, 1.0):
            raise DesignError(f"weight = {self.sides.weight} is of hosts, and sides_by = 'client' of their sessions")
        if self.users is not None:
            _at_least("users", self.users, 1)
            if not self.is_held:
                raise DesignError(f"users = {self.users} is for sessions that last the run: give session_s = 'run'")
        if self.is_held and self.rows > MOST_ROWS_HELD:
            raise DesignError(
                f"rows = {self.rows} is too many for sessions that last the run: {MOST_ROWS_HELD} at most"
            )

    @property
    def is_held(self) -> bool:
        """Whether sessions last the whole run."""
        return self.session_s == "run"

    @property
    def duration_s(self) -> float:
        """Length of the run."""
        return self.minutes * 60.0

    @property
    def host_count(self) -> int:
        """Hosts of all platforms together."""
        return len(self.host_platforms)

    @property
    def host_platforms(self) -> tuple[int, ...]:
        """The number of each host's platform: hosts take turns, and a platform that has no more is passed over."""
        counts = self.hosts_of or (self.hosts,) * len(self.platforms)
        return tuple(p for turn in range(max(counts)) for p, count in enumerate(counts) if turn < count)

    @property
    def host_turns(self) -> tuple[int, ...]:
        """Which of its platform's hosts each host is, from 0."""
        seen = [0] * len(self.platforms)
        turns = []
        for platform in self.host_platforms:
            turns.append(seen[platform])
            seen[platform] += 1
        return tuple(turns)

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
    def usual_pace_s(self) -> float:
        """Mean seconds between two exchanges of a session, before the sides' factors."""
        if self.users is None:
            return self.pace_s
        return max(0.05, self.duration_s * self.users / max(1, self.rows - self.probe_rows))

    @property
    def rows_per_session(self) -> float:
        """Mean rows of a session that ends well, as far as the run is long enough for it."""
        if self.session_s is None:
            return ROWS_PER_SESSION
        if isinstance(self.session_s, str):
            return max(1.0, self.duration_s / self.usual_pace_s)
        # The mean of an exponential length that the run's end cuts, over starts at any time.
        cut = self.session_s / self.duration_s
        open_s = self.session_s * (1.0 - cut * (1.0 - math.exp(-1.0 / cut)))
        return open_s / self.usual_pace_s + 3

    @property
    def connections(self) -> int:
        """First connects of the whole run."""
        if self.users is not None:
            return self.users
        return max(1, round((self.rows - self.probe_rows) / self.rows_per_session))


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
