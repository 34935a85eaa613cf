"""The mechanism that lets attempts fail with a risk, those that meet every one of its conditions.

All conditions hold together: `Fails(dose=0.02, suspect_only=True, kind="connect")` lets two of a hundred connects of
the suspect platform fail, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analysis.simulation.design import CLIENTS, OPERATIONS, Bools, Design, Floats, Ints
from analysis.simulation.drawn_sessions import LARGE_BYTES
from analysis.simulation.scene import Scene, is_within, own_rng, random_windows, risk_where
from analysis.simulation.sessions import LOOPS, SCENARIOS, Sessions
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
        rng = own_rng(design, self.number)
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
            sessions.strike_connects(self.dose * connects, self._struck_as)
            sessions.strike_exchanges(self.dose * exchanges, self._struck_as)
            return
        windows = self.windows(sessions.design)
        sessions.strike_connects(HIT * connects * is_within(sessions.at_s, windows), self._struck_as)
        sessions.strike_exchanges(HIT * exchanges * is_within(sessions.exchange_at_s, windows), self._struck_as)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """A bad line loses probes as well; a server that stalls has still a kernel that listens."""
        if self.origin == "network" and self.session_share is None and not self._is_of_sessions():
            here = (scene.host_site[host] == 0) if self.at_site else np.ones(len(host), dtype=np.bool_)
            if self.moments_s is None:
                return risk_where(self.dose, here)
            return risk_where(HIT, here & is_within(at_s, self.windows(scene.design)))
        if self.origin == "server" and self.moments_s is not None and not self._is_of_sessions():
            return risk_where(HIT, is_within(at_s, self.windows(scene.design)) & (probe > 0))
        return np.zeros(len(host))

    @property
    def _struck_as(self) -> str:
        """What is silent on the way is lost there: a kernel that is asked knows it from a silent server."""
        return "lost" if self.fault == "silent" and self.origin == "network" else self.fault

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
            return risk_where(1.0, at_s < WARM_UP * design.duration_s)
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


def long_session_s(design: Design) -> float:
    """The age that a session of this run reaches when it is a long one."""
    if design.session_s is None:
        return design.hold_s[1]
    return design.duration_s if isinstance(design.session_s, str) else 2 * design.session_s
