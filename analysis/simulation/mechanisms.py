"""Mechanisms of hostile worlds, as data: each is a fault with its dose and with whom it strikes.

They are written from what real soaks suffer from, and without a look at the rules of the verdict. A mechanism
says what it does to a chunk of sessions (`strike`), to the control probes (`probe_risk`), and of itself in a line
(`title`). What may be concluded from it is in `truths.py`.

All conditions of a mechanism hold together: `Fails(dose=0.02, suspect_only=True, kind="connect")` lets two of a
hundred connects of the suspect platform fail, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analysis.simulation.design import CLIENTS, OPERATIONS, Bools, Design, Floats, Ints
from analysis.simulation.drawn_sessions import LARGE_BYTES
from analysis.simulation.scene import Scene, is_within, random_windows
from analysis.simulation.sessions import (
    CONNECT_BUDGET_S,
    EXCHANGE_BUDGET_S,
    LOOPS,
    NEVER_S,
    READY_S,
    SCENARIOS,
    Sessions,
)
from analysis.simulation.strikes import HIT

Origin = Literal["server", "network", "platform", "client", "machine", "account"]
Arms = Literal["all", "rising", "highest", "middle", "lowest"]
Kind = Literal["any", "connect", "exchange"]
Grows = Literal["no", "age", "idle", "load", "run", "warm-up"]

# An answer to an upgrade, or a host that does not listen: an open session cannot end so.
ONLY_CONNECTS: Final = frozenset({"refused", "unavailable", "too_many", "unauthorized", "subprotocol", "auth_rejected"})
# A peer says that it has not heard a client for a while: that takes an open session.
ONLY_EXCHANGES: Final = frozenset({"keepalive"})
# The share of the run in which a server that was just started is not yet itself.
WARM_UP: Final = 0.15
# A blackhole of a route, and the pause of a server that starts again.
BLACKHOLE_S: Final = 15.0
RESTART_S: Final = 5.0
# Who waits a tenth longer meets a third fewer slow replies.
TAIL: Final = 4.0


@dataclass(frozen=True, kw_only=True)
class Fails:
    """Attempts fail with a risk of `dose`: those that meet every condition.

    Attributes:
        number: Tells its random moments from those of other mechanisms of the same run.
        dose: Risk added to an attempt that meets all conditions; of `moments_s`, the mean over the run.
        fault: How it looks (`faults.FAULTS`).
        origin: Where it really comes from; only the truth reads it.
        suspect_only: On the suspect platform.
        arms: In arms of delay: "rising" in proportion to the delay, "middle" neither the lowest nor the highest.
        client: By one library (`design.CLIENTS`).
        own_loop: On the Proactor, Windows' own asyncio loop.
        kind: Connects, exchanges, or both as far as the fault can strike them.
        operation: Exchanges of one type (`design.OPERATIONS`).
        large_only, burst_only, tenant_only: Large messages; the scenario "burst"; users of the second tenant.
        prefaced_only: In sessions in which a frame came before the welcome.
        one_account_in: One account of so many.
        at_instance, at_site, at_host: At the first instance, site, host.
        session_share: On so many of the connections, for the whole life of each: a bad path.
        moments_s: In moments of this length, in which four of five attempts fail.
        grows: The risk grows from nothing to `dose` with the age of a session, the idle time before a request, the
            number of open connections, or over the run; "warm-up": it is there at the run's beginning only.
    """

    number: int = 0
    dose: float
    fault: str = "silent"
    origin: Origin = "server"
    suspect_only: bool = False
    arms: Arms = "all"
    client: str | None = None
    own_loop: bool = False
    kind: Kind = "any"
    operation: str | None = None
    large_only: bool = False
    burst_only: bool = False
    tenant_only: bool = False
    prefaced_only: bool = False
    one_account_in: int | None = None
    at_instance: bool = False
    at_site: bool = False
    at_host: bool = False
    session_share: float | None = None
    moments_s: float | None = None
    grows: Grows = "no"

    @property
    def strikes_connects(self) -> bool:
        """Whether connects can fail by it."""
        of_exchanges = self.operation is not None or self.large_only or self.fault in ONLY_EXCHANGES
        return self.kind != "exchange" and not of_exchanges

    @property
    def strikes_exchanges(self) -> bool:
        """Whether exchanges can fail by it."""
        return self.kind != "connect" and self.fault not in ONLY_CONNECTS

    def arm_weights(self, design: Design) -> Floats:
        """(delays,) the share of the dose that each arm of delay gets."""
        delays = np.asarray(design.delays_s, dtype=np.float64)
        lowest, highest = delays.min(), delays.max()
        weights: dict[Arms, Floats] = {
            "all": np.ones(len(delays)),
            "rising": (delays - lowest) / max(highest - lowest, 1e-9),
            "highest": (delays == highest) * 1.0,
            "middle": ((delays > lowest) & (delays < highest)) * 1.0,
            "lowest": (delays == lowest) * 1.0,
        }
        return weights[self.arms]

    def windows(self, design: Design) -> Floats:
        """(k, 2) its moments; none where it has no moments."""
        if self.moments_s is None:
            return np.zeros((0, 2))
        share = min(0.5, self.dose / HIT)
        rng = _own_rng(design, self.number)
        return random_windows(rng, duration_s=design.duration_s, share=share, length_s=self.moments_s)

    def weights(self, sessions: Sessions) -> tuple[Floats, Floats]:
        """(n,) and (n, most) the share of the dose that each connect and each exchange gets."""
        of_session = self.arm_weights(sessions.design)[sessions.delay] * self._meets(sessions)
        if self.session_share is not None:
            of_session = of_session * (sessions.rng.random(len(of_session)) < self.session_share)
        connects = of_session * self._grown(sessions, of="connects") * self.strikes_connects
        exchanges = of_session[:, None] * self._grown(sessions, of="exchanges") * self.strikes_exchanges
        if self.operation is not None:
            exchanges = exchanges * (sessions.operation == OPERATIONS.index(self.operation))
        if self.large_only:
            exchanges = exchanges * (sessions.sent_bytes == LARGE_BYTES)
        return connects, exchanges

    def strike(self, sessions: Sessions) -> None:
        """Let them fail."""
        connects, exchanges = self.weights(sessions)
        if self.moments_s is None:
            sessions.strike_connects(self.dose * connects, self.fault)
            sessions.strike_exchanges(self.dose * exchanges, self.fault)
            return
        windows = self.windows(sessions.design)
        sessions.strike_connects(HIT * connects * is_within(sessions.at_s, windows), self.fault)
        sessions.strike_exchanges(HIT * exchanges * is_within(sessions.exchange_at_s, windows), self.fault)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A bad line loses probes as well; a server that stalls has still a kernel that listens."""
        if self.origin == "network" and self.session_share is None and not self._is_of_sessions():
            here = (scene.host_site[host] == 0) if self.at_site else np.ones(len(host), dtype=np.bool_)
            if self.moments_s is None:
                return _times(self.dose, here)
            return _times(HIT, here & is_within(at_s, self.windows(scene.design)))
        if self.origin == "server" and self.moments_s is not None and not self._is_of_sessions():
            return _times(HIT, is_within(at_s, self.windows(scene.design)) & (probe > 0))
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """Whom it strikes, without doses: what runs of a kind are counted by."""
        conditions = [
            ("suspect", self.suspect_only),
            ("client", self.client is not None),
            ("own loop", self.own_loop),
            ("delay", self.arms != "all"),
            ("type", self.operation is not None),
            ("size", self.large_only),
            ("scenario", self.burst_only),
            ("tenant", self.tenant_only),
            ("preface", self.prefaced_only),
            ("account", self.one_account_in is not None),
            ("instance", self.at_instance),
            ("site", self.at_site),
            ("host", self.at_host),
            ("path", self.session_share is not None),
            ("moments", self.moments_s is not None),
            (self.grows, self.grows != "no"),
        ]
        return " and ".join(name for name, holds in conditions if holds) or "everybody"

    def title(self) -> str:
        """What it does, in a line."""
        whose = [
            ("the suspect's", self.suspect_only),
            (f"{self.client}'s", self.client is not None),
            ("the Proactor's", self.own_loop),
            ("the second tenant's", self.tenant_only),
            (f"one account's in {self.one_account_in}", self.one_account_in is not None),
            ("the first instance's", self.at_instance),
            ("the first site's", self.at_site),
            ("the first host's", self.at_host),
        ]
        what = self.operation or {"any": "attempts", "connect": "connects", "exchange": "exchanges"}[self.kind]
        how = [
            ("of large messages", self.large_only),
            ("in scenario burst", self.burst_only),
            ("after frames before the welcome", self.prefaced_only),
            (f"in the {self.arms} arm" if self.arms != "rising" else "with the delay", self.arms != "all"),
            (f"on {self.session_share or 0:.0%} of the connections", self.session_share is not None),
            (f"in moments of {self.moments_s or 0:g} s", self.moments_s is not None),
            (f"growing with {self.grows}" if self.grows != "warm-up" else "in the warm-up", self.grows != "no"),
        ]
        words = [text for text, holds in whose if holds] + [what] + [text for text, holds in how if holds]
        return f"{self.dose:.2%} of {' '.join(words)}: {self.fault}, by the {self.origin}"

    def _meets(self, sessions: Sessions) -> Bools:
        """(n,) which connections meet the conditions that a connection can meet."""
        scene = sessions.scene
        meets = np.ones(len(sessions.at_s), dtype=np.bool_)
        if self.suspect_only:
            meets &= sessions.is_suspect
        if self.client is not None:
            meets &= sessions.client == CLIENTS.index(self.client)
        if self.own_loop:
            meets &= sessions.loop == LOOPS.index("asyncio-proactor")
        if self.burst_only:
            meets &= sessions.scenario == SCENARIOS.index("burst")
        if self.tenant_only:
            meets &= sessions.subject % 2 == 1
        if self.prefaced_only:
            meets &= sessions.preface > 0
        if self.one_account_in is not None:
            meets &= sessions.subject % self.one_account_in == 0
        if self.at_instance:
            meets &= sessions.instance == 0
        if self.at_site:
            meets &= scene.host_site[sessions.host] == 0
        if self.at_host:
            meets &= sessions.host == 0
        return meets

    def _grown(self, sessions: Sessions, *, of: Literal["connects", "exchanges"]) -> Floats:
        """How far the risk has grown, 0 to 1, for each connect or each exchange."""
        design = sessions.design
        at_s = sessions.at_s if of == "connects" else np.minimum(sessions.exchange_at_s, 2 * design.duration_s)
        if self.grows == "age":
            full_s = long_session_s(design)
            return np.zeros(at_s.shape) if of == "connects" else np.clip(sessions.exchange_age_s / full_s, 0.0, 1.0)
        if self.grows == "idle":
            full_s = 3 * design.usual_pace_s
            return np.zeros(at_s.shape) if of == "connects" else np.clip(sessions.idle_s / full_s, 0.0, 1.0)
        if self.grows == "load":
            return sessions.open_at(at_s) / max(1.0, float(sessions.open_at(sessions.at_s).max(initial=1.0)))
        if self.grows == "run":
            return np.clip(at_s / design.duration_s, 0.0, 1.0)
        if self.grows == "warm-up":
            return _times(1.0, at_s < WARM_UP * design.duration_s)
        return np.ones(at_s.shape)

    def _is_of_sessions(self) -> bool:
        """Whether it takes a session to meet it: probes have no arm, type, user, instance or client."""
        conditions = (self.client, self.operation, self.one_account_in)
        switches = (
            self.own_loop, self.large_only, self.burst_only, self.tenant_only, self.prefaced_only, self.at_instance,
            self.at_host,
        )  # fmt: skip
        special = self.suspect_only or self.arms != "all" or self.kind != "any" or self.grows != "no"
        return special or any(switches) or any(condition is not None for condition in conditions)


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """Something happens at a few moments of the run, and once it is over all is well.

    Attributes:
        number: See `Fails`.
        times: How often.
        how: "reset": all open sessions are reset. "restart": they are closed with 1012, and nobody is let in for
            `RESTART_S`. "blackhole": what the hosts of the first site send is lost for `BLACKHOLE_S`.
    """

    number: int = 0
    times: int = 1
    how: Literal["reset", "restart", "blackhole"] = "reset"

    @property
    def dose(self) -> float:
        """It is not a matter of dose."""
        return 1.0

    def moments_s(self, design: Design) -> Floats:
        """(times,) when it happens, sorted, far enough apart to be told apart."""
        rng = _own_rng(design, self.number)
        slots = (np.arange(self.times) + rng.uniform(0.2, 0.8, self.times)) / self.times
        return (0.1 + 0.8 * slots) * design.duration_s

    def windows(self, design: Design) -> Floats:
        """(times, 2) while it lasts."""
        length_s = {"reset": 0.0, "restart": RESTART_S, "blackhole": BLACKHOLE_S}[self.how]
        moments = self.moments_s(design)
        return np.column_stack([moments, moments + length_s])

    def strike(self, sessions: Sessions) -> None:
        """Let sessions be ended, and who comes meanwhile be lost."""
        windows = self.windows(sessions.design)
        if self.how == "blackhole":
            here = sessions.scene.host_site[sessions.host] == 0
            sessions.strike_connects(1.0 * (here & is_within(sessions.at_s, windows)), "silent")
            sessions.strike_exchanges(1.0 * (here[:, None] & is_within(sessions.exchange_at_s, windows)), "silent")
            return
        if self.how == "restart":
            sessions.strike_connects(1.0 * is_within(sessions.at_s, windows), "refused")
        ready_s = sessions.at_s + READY_S
        following = np.append(windows[:, 0], np.inf)[np.searchsorted(windows[:, 0], ready_s)]
        sessions.end_holds(following - ready_s, "reset" if self.how == "reset" else "server_closed")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A blackhole loses the site's probes; a server that starts again refuses all of them."""
        inside = is_within(at_s, self.windows(scene.design))
        return _times(1.0, inside & (scene.host_site[host] == 0) if self.how == "blackhole" else inside)

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return self.how

    def title(self) -> str:
        """What happens, in a line."""
        what = {"reset": "all sessions are reset", "restart": "the server restarts", "blackhole": "a site is cut off"}
        return f"{what[self.how]}, {self.times} times" if self.times > 1 else f"{what[self.how]}, once"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Sessions are ended that are too old, or in which nothing was said for too long.

    The server does so to everybody; to a platform, a client or a site alone somebody else does: a middlebox, a timer.

    Attributes:
        number: See `Fails`.
        at_s: The age, or the silence, that is too much.
        of: Which of the two.
        fault: How the session ends.
        suspect_only, client, at_site: Whose sessions: the suspect platform's, a library's, those of the first site.
    """

    number: int = 0
    at_s: float
    of: Literal["age", "idle"] = "age"
    fault: str = "reset"
    suspect_only: bool = False
    client: str | None = None
    at_site: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether it spares somebody."""
        return self.suspect_only or self.client is not None or self.at_site

    @property
    def dose(self) -> float:
        """It is not a matter of dose."""
        return 1.0

    def cuts_s(self, sessions: Sessions) -> Floats:
        """(n,) the age at which each session is cut, as it was planned; infinite where it is not."""
        meets = _whose(sessions, suspect_only=self.suspect_only, client=self.client, at_site=self.at_site)
        return np.where(meets, self._too_much_s(sessions), np.inf)

    def _too_much_s(self, sessions: Sessions) -> Floats:
        open_s = sessions.hold_s - READY_S
        if self.of == "age":
            return np.where(open_s > self.at_s, self.at_s, np.inf)
        # Silences: those before each exchange, and the one after the last.
        age_s = np.minimum(sessions.exchange_age_s, open_s[:, None])
        starts_s = np.concatenate([np.zeros((len(open_s), 1)), age_s], axis=1)
        ends_s = np.concatenate([age_s, open_s[:, None]], axis=1)
        too_long = ends_s - starts_s > self.at_s
        first = too_long.argmax(axis=1)
        return np.where(too_long.any(axis=1), starts_s[np.arange(len(open_s)), first] + self.at_s, np.inf)

    def strike(self, sessions: Sessions) -> None:
        """End the sessions."""
        jitter = sessions.rng.uniform(0.0, 0.3, len(sessions.at_s))
        sessions.end_holds(self.cuts_s(sessions) + jitter, self.fault)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """No probe is so old."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return f"{self.of} limit{_of_whom(self.suspect_only, self.client and 'a client', self.at_site)}"

    def title(self) -> str:
        """What is too much, in a line."""
        what = "age" if self.of == "age" else "silence"
        whose = _of_whom(self.suspect_only, self.client, self.at_site)
        return f"sessions{whose} end ({self.fault}) at {self.at_s:.0f} s of {what}"


@dataclass(frozen=True, kw_only=True)
class Dies:
    """Sessions end before their time while they are held, each at an age of its own, with nothing asked of them.

    Attributes:
        number: See `Fails`.
        session_share: Of how many of the sessions.
        fault: How the session ends.
        suspect_only, client: Whose sessions: the suspect platform's, a library's.
    """

    number: int = 0
    session_share: float
    fault: str = "reset"
    suspect_only: bool = False
    client: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether it spares somebody."""
        return self.suspect_only or self.client is not None

    @property
    def dose(self) -> float:
        """Of the sessions: no attempt fails by it."""
        return self.session_share

    def strike(self, sessions: Sessions) -> None:
        """End them."""
        rng, count = sessions.rng, len(sessions.at_s)
        meets = _whose(sessions, suspect_only=self.suspect_only, client=self.client)
        struck = (rng.random(count) < self.session_share) & meets
        last_s = np.minimum(sessions.hold_s, sessions.design.duration_s - sessions.at_s) - READY_S
        # Not in the first second: what ends there failed at its start.
        age_s = READY_S + rng.random(count) * np.maximum(last_s - READY_S, 0.0)
        sessions.end_holds(np.where(struck, age_s, np.inf), self.fault)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """No probe is held."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return f"dying sessions{_of_whom(self.suspect_only, self.client and 'a client')}"

    def title(self) -> str:
        """Whose sessions die, in a line."""
        whose = _of_whom(self.suspect_only, self.client)
        return f"{self.session_share:.2%} of the sessions{whose} die while they are held ({self.fault})"


@dataclass(frozen=True, kw_only=True)
class Mutes:
    """Sessions go silent for ever at some moment of their life, and stay open.

    Attributes:
        number: See `Fails`.
        session_share: Of how many of the sessions.
        by: "server": it has forgotten the session, and answers pings. "cut": nothing that the client sends arrives.
        suspect_only: On the suspect platform.
    """

    number: int = 0
    session_share: float
    by: Literal["server", "cut"] = "cut"
    suspect_only: bool = False

    @property
    def dose(self) -> float:
        """Half of a muted session's exchanges come after the moment."""
        return self.session_share / 2

    def strike(self, sessions: Sessions) -> None:
        """Let every exchange after the moment fail."""
        rng, count = sessions.rng, len(sessions.at_s)
        struck = (rng.random(count) < self.session_share) & (sessions.is_suspect | (not self.suspect_only))
        last_s = np.minimum(sessions.hold_s, sessions.design.duration_s - sessions.at_s)
        since_s = sessions.at_s + rng.random(count) * last_s
        silent = struck[:, None] & (sessions.exchange_at_s >= since_s[:, None]) & (sessions.exchange_at_s < NEVER_S)
        sessions.strike_exchanges(1.0 * silent, "unanswered" if self.by == "server" else "silent")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A probe is a connection of its own."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return f"muted by {self.by}"

    def title(self) -> str:
        """Whose sessions go silent, in a line."""
        whose = "the suspect's" if self.suspect_only else "all"
        how = "they are forgotten by the server" if self.by == "server" else "their way to the server is cut"
        return f"{self.session_share:.2%} of {whose} sessions go silent: {how}"


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """Loops of every second host of each platform stand still now and then.

    Attributes:
        number: See `Fails`.
        dose: Share of such a host's attempts that fail by it.
        length_s: Of each time.
        suspect_only: On the suspect platform.
    """

    number: int = 0
    dose: float
    length_s: float = 20.0
    suspect_only: bool = False

    def windows(self, design: Design, host: int) -> Floats:
        """(k, 2) while a host's loop stands still."""
        spared = self.suspect_only and design.host_platforms[host] != 0
        if spared or design.host_turns[host] % 2:
            return np.zeros((0, 2))
        share = min(0.5, self.dose / HIT)
        rng = _own_rng(design, self.number, host)
        return random_windows(rng, duration_s=design.duration_s, share=share, length_s=self.length_s)

    def strike(self, sessions: Sessions) -> None:
        """Let who waits there time out, and the loop's lag say why."""
        rng = sessions.rng
        for host in range(sessions.design.host_count):
            windows = self.windows(sessions.design, host)
            here = sessions.host == host
            connects = here & is_within(sessions.at_s, windows)
            exchanges = here[:, None] & is_within(sessions.exchange_at_s, windows)
            longest_s = rng.uniform(0.55, 0.95, int(connects.sum()))
            sessions.connect_lag_s[connects] = CONNECT_BUDGET_S * sessions.budget_factor[connects] * longest_s
            of_exchange = np.broadcast_to(sessions.budget_factor[:, None], exchanges.shape)[exchanges]
            longest_s = rng.uniform(0.55, 0.95, int(exchanges.sum()))
            sessions.exchange_lag_s[exchanges] = EXCHANGE_BUDGET_S * of_exchange * longest_s
            sessions.strike_connects(HIT * connects, "silent")
            sessions.strike_exchanges(HIT * exchanges, "silent")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """The probes have a process of their own."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return "blocked loops"

    def title(self) -> str:
        """Whose loops stand still, in a line."""
        whose = "the suspect's" if self.suspect_only else "every platform's"
        return f"loops of every second of {whose} hosts stand still for {self.length_s:g} s: {self.dose:.2%}"


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Replies have a long tail: who waits longer gets more of them.

    Attributes:
        number: See `Fails`.
        dose: Share that comes after the usual budget.
    """

    number: int = 0
    dose: float

    def strike(self, sessions: Sessions) -> None:
        """Let what comes after the budget be late."""
        sessions.strike(np.minimum(1.0, self.dose * sessions.budget_factor**-TAIL), "late")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A probe asks for no work."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return "slow replies"

    def title(self) -> str:
        """How many are slow, in a line."""
        return f"{self.dose:.2%} of the replies come after the budget, fewer where it is longer"


Mechanism = Fails | Breaks | Limit | Dies | Mutes | Blocked | Slow


def long_session_s(design: Design) -> float:
    """The age that a session of this run reaches when it is a long one."""
    if design.session_s is None:
        return design.hold_s[1]
    return design.duration_s if isinstance(design.session_s, str) else 2 * design.session_s


def _whose(sessions: Sessions, *, suspect_only: bool, client: str | None, at_site: bool = False) -> Bools:
    """(n,) the sessions of the suspect platform, of a library, of the first site, as far as these are asked for."""
    meets = sessions.is_suspect | (not suspect_only)
    if client is not None:
        meets &= sessions.client == CLIENTS.index(client)
    return np.asarray(meets & ((sessions.scene.host_site[sessions.host] == 0) | (not at_site)))


def _of_whom(suspect_only: bool, client: str | None, at_site: bool = False) -> str:
    """Whose sessions, as it follows on a noun; nothing where they are everybody's."""
    whose = ("the suspect" if suspect_only else None, client, "the first site" if at_site else None)
    named = " and ".join(name for name in whose if name)
    return f" of {named}" if named else ""


def _times(risk: float, struck: Bools) -> Floats:
    return np.where(struck, risk, 0.0)


def _own_rng(design: Design, number: int, *more: int) -> np.random.Generator:
    """Random numbers of a mechanism, the same for every chunk of a run."""
    return np.random.default_rng([design.seed, 7_919, number, *more])
