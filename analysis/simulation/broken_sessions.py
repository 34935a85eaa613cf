"""Mechanisms that break sessions as a whole: resets, restarts, limits, deaths, muteness, a firewall that forgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analysis.simulation.design import CLIENTS, Bools, Design, Floats, Ints
from analysis.simulation.scene import Scene, is_within, own_rng, risk_where
from analysis.simulation.sessions import NEVER_S, READY_S, Sessions

# A blackhole of a route, and the pause of a server that starts again.
BLACKHOLE_S: Final = 15.0
RESTART_S: Final = 5.0


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
        rng = own_rng(design, self.number)
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
            sessions.strike_connects(1.0 * (here & is_within(sessions.at_s, windows)), "lost")
            sessions.strike_exchanges(1.0 * (here[:, None] & is_within(sessions.exchange_at_s, windows)), "lost")
            return
        if self.how == "restart":
            sessions.strike_connects(1.0 * is_within(sessions.at_s, windows), "refused")
        ready_s = sessions.at_s + READY_S
        following = np.append(windows[:, 0], np.inf)[np.searchsorted(windows[:, 0], ready_s)]
        sessions.end_holds(following - ready_s, "reset" if self.how == "reset" else "server_closed")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A blackhole loses the site's probes; a server that starts again refuses all of them."""
        inside = is_within(at_s, self.windows(scene.design))
        return risk_where(1.0, inside & (scene.host_site[host] == 0) if self.how == "blackhole" else inside)

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
        sessions.strike_exchanges(1.0 * silent, "unanswered" if self.by == "server" else "lost")

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
class Forgets:
    """A firewall forgets connections that were idle: what is asked on them later is lost.

    Attributes:
        number: See `Fails`.
        idle_s: So long it remembers them.
        at_site: It is that of the first site.
    """

    number: int = 0
    idle_s: float
    at_site: bool = False

    @property
    def dose(self) -> float:
        """It is not a matter of dose."""
        return 1.0

    def lost(self, sessions: Sessions) -> Bools:
        """(n, most) the requests that come too late, as they were planned."""
        meets = _whose(sessions, suspect_only=False, client=None, at_site=self.at_site)
        return (sessions.idle_s > self.idle_s) & meets[:, None] & (sessions.exchange_at_s < NEVER_S)

    def share(self, sessions: Sessions) -> float:
        """Of the requests those that come too late, where it stands."""
        meets = _whose(sessions, suspect_only=False, client=None, at_site=self.at_site)
        asked = int((sessions.exchange_at_s[meets] < NEVER_S).sum())
        return float(self.lost(sessions).sum()) / max(1, asked)

    def strike(self, sessions: Sessions) -> None:
        """Let them be lost."""
        sessions.strike_exchanges(1.0 * self.lost(sessions), "lost")

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A probe is a connection of its own, and new."""
        return np.zeros(len(host))

    @property
    def name(self) -> str:
        """What runs of a kind are counted by."""
        return f"forgotten connections{_of_whom(suspect_only=False, client=None, at_site=self.at_site)}"

    def title(self) -> str:
        """Which requests are lost, in a line."""
        whose = _of_whom(suspect_only=False, client=None, at_site=self.at_site)
        return f"requests{whose} are lost on connections that were idle for {self.idle_s:.0f} s"


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
