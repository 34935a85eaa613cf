"""The truth of each claim in a world of mechanisms, as a code, from what the mechanisms do.

The codes:

    Y    it is there, beyond the margin: `ruled_out` is wrong
    n    it is not: `confirmed` is wrong
    ?    it is not, and the design cannot tell: `confirmed` is wrong, `ruled_out` is right by luck (unearned)
    Y?   it is there, and the design cannot tell: `ruled_out` is wrong, `confirmed` is unearned
    -    either is defensible: not scored

An effect is there if it is beyond the margin in some group of kind, message type, delay arm, client or host, averaged
over what nobody deals or sees (who the user is, which path, which moment). If it is beyond the margin only
in a group that nobody can be asked to look at, or in one that has too few attempts to say, the code is "-". A claim's
truth is about causes: what strikes the suspect's hosts because of their site, their tenant or one bad machine is
not the platform's, however much worse the platform fares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from analysis.claims import registry
from analysis.model import State
from analysis.simulation.broken_sessions import RESTART_S, Breaks, Dies, Limit, Mutes
from analysis.simulation.design import ASYNCIO_CLIENT, CLIENTS, OPERATIONS, Design, Floats, Pair, arms_on
from analysis.simulation.drawn_sessions import draw_sessions
from analysis.simulation.fails import Fails
from analysis.simulation.faults import FAULTS
from analysis.simulation.lateness import Blocked, Slow
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import Sessions

Code = Literal["Y", "n", "?", "Y?", "-"]
Judgement = Literal["right", "wrong", "unearned", "open", "not scored"]

# Where fewer failures than these are to be expected of it, a mechanism may well not show at all.
FEW_FAILURES: Final = 6.0
# Sides that share less than a twentieth share nothing; and these ratios and lags leave next to no overlap.
APART: Final = 0.95
BUDGETS_ALIKE: Final = 0.05
LAG_APART_S: Final = 0.02
CPU_APART: Final = 0.3
RATIO_APART: Final = 3.0
# A limit that so many sessions meet is there for everybody to see.
CUT_SHARE: Final = 0.05
CUT_SESSIONS: Final = 50
# Where fewer sessions than these are to be expected to die, a run may well not show it.
FEW_DEATHS: Final = 12.0
ALWAYS: Final = 0.9

_ITEMS: Final = ("connect", *OPERATIONS)
_AUTH: Final = frozenset(name for name, fault in FAULTS.items() if fault.cause == "auth_rejected")
_ENDS: Final = frozenset(name for name, fault in FAULTS.items() if fault.ends_session)
# Nothing in it says who it was.
_SILENT: Final = frozenset({"silent", "held_up", "late", "reset", "refused"})


def judge(code: Code, state: State) -> Judgement:
    """What a state is worth where the truth has this code."""
    if code == "-":
        return "not scored"
    if state == "undecided":
        return "open"
    if state == "confirmed":
        return {"Y": "right", "Y?": "unearned", "n": "wrong", "?": "wrong"}[code]  # type: ignore[return-value]
    return {"Y": "wrong", "Y?": "wrong", "n": "right", "?": "unearned"}[code]  # type: ignore[return-value]


def truth_of(
    scene: Scene, mechanisms: Sequence[Mechanism], *, margin: float = 0.005, confounded: bool = False
) -> Mapping[str, Code]:
    """The code of each claim in a run.

    Args:
        scene: Of the run (`World.scene`): its machines are drawn already.
        mechanisms: What goes wrong, beside what goes wrong anywhere at the scene's base risk.
        margin: Of the verdict.
        confounded: Something that is not in the design makes the sides incomparable.
    """
    world = _World(scene, mechanisms, margin)
    apart = confounded or sides_are_apart(scene.design)
    codes: dict[str, Code] = {
        "intermittent": world.intermittent(),
        "latency": world.compared("latency", told=_tells_latency(scene.design)),
        "platform": world.compared("platform", told=not apart),
        "platform_x_latency": world.compared("platform_x_latency", told=not apart and _tells_latency(scene.design)),
        "client": world.compared("client", told=_tells_clients(scene.design) and not clients_are_apart(scene.design)),
        "client_loop": world.client_loop(),
        "server": world.server(),
        "auth": world.auth(),
        "format": world.format(),
    }
    return {claim: codes.get(claim, "-") for claim in registry.names()}


def sides_are_apart(design: Design) -> bool:
    """Whether something other than the platform differs so much between platforms that nobody can tell them apart."""
    return (
        min(np.bincount(design.host_platforms)) < 2
        or design.sites == "tied"
        or design.periods == "apart"
        or (design.sides_by == "platform" and _share_nothing(design))
    )


def clients_are_apart(design: Design) -> bool:
    """The same of clients: of asyncio and the others."""
    return design.sides_by == "client" and _share_nothing(design)


def _share_nothing(design: Design) -> bool:
    """Whether the two sides, whatever they are, are nearly nowhere alike in something that is dealt to them."""
    sides = design.sides
    shares = (sides.burst_share, sides.tenant_share, sides.large_share, sides.preface_share)
    ratios: tuple[Pair, ...] = (sides.weight, sides.session_factor, sides.pace_factor)
    return (
        any(abs(a - b) >= APART for a, b in shares)
        or (design.session_s is not None and any(max(a, b) / min(a, b) >= RATIO_APART for a, b in ratios))
        or abs(sides.lag_s[0] - sides.lag_s[1]) >= LAG_APART_S
        or abs(sides.cpu[0] - sides.cpu[1]) >= CPU_APART
        or abs(np.log(sides.budget_factor[0] / sides.budget_factor[1])) >= BUDGETS_ALIKE
        or sides.python[0] != sides.python[1]
    )


def _tells_latency(design: Design) -> bool:
    return len(set(design.delays_s)) > 1 and design.arms == "interleaved" and design.delay_arrives


def _tells_clients(design: Design) -> bool:
    return any(len(arms_on(design.clients, platform)) > 1 for platform in design.platforms)


class _World:
    """What the mechanisms of a run do, in the words that claims are about."""

    def __init__(self, scene: Scene, mechanisms: Sequence[Mechanism], margin: float) -> None:
        self.scene, self.design, self.margin = scene, scene.design, margin
        self.mechanisms = mechanisms
        self.fails = [m for m in mechanisms if isinstance(m, Fails)]
        self.sample = self._drawn()
        self.base = scene.base_risk * scene.host_factor

    def compared(self, claim: str, *, told: bool) -> Code:
        """The code of a claim that compares groups; `told`: whether the design can tell them apart."""
        if claim in ("platform", "platform_x_latency") and any(
            isinstance(m, Blocked | Limit) and m.suspect_only for m in self.mechanisms
        ):
            return "-"
        if claim == "client" and any(isinstance(m, Limit) and m.client is not None for m in self.mechanisms):
            return "-"
        of_attempts = self._of_attempts(claim, told=told)
        return _first([of_attempts, *self._of_deaths(claim)], "Y", "Y?", "-", "?", "n")

    def _of_attempts(self, claim: str, *, told: bool) -> Code:
        seen, wide = (self._contrast(claim, self.mechanisms, exposed=e) for e in (False, True))
        if seen > self.margin + 1e-9:
            enough = any(
                self._attempts(m) * self._contrast(claim, [m], exposed=False) >= FEW_FAILURES for m in self.mechanisms
            )
            return ("Y" if told else "Y?") if enough else "-"
        if wide > self.margin + 1e-9:
            return "-"
        return "n" if told or self._nearly_nothing() else "?"

    def _of_deaths(self, claim: str) -> list[Code]:
        """What sessions that die while they are held make of a claim: they are failures, and nobody says whose."""
        dying = [m for m in self.mechanisms if isinstance(m, Dies)]
        if claim == "platform":
            dying = [m for m in dying if m.suspect_only]
        elif claim == "client":
            dying = [m for m in dying if m.client is not None and _tells_clients(self.design)]
        elif claim != "intermittent":
            return []
        return [self._death(m) for m in dying if m.dose > self.margin]

    def _death(self, m: Dies, *, says_so: bool = False) -> Code:
        """Whether so many die that a run shows it; `says_so`: and that whoever ends them says so."""
        hosts = self.design.host_platforms
        share = np.mean([m.client in (None, name) for name in self.design.clients])
        share *= hosts.count(0) / len(hosts) if m.suspect_only else 1.0
        if self.design.connections * float(share) * m.dose < FEW_DEATHS:
            return "-"
        return "Y" if says_so else "Y?"

    def intermittent(self) -> Code:
        """Whether attempts of equal conditions now and then fail."""
        codes: list[Code] = ["Y" if self.base.min() > self.margin else "-" if self.base.max() > self.margin else "n"]
        for m in self.mechanisms:
            if isinstance(m, Fails):
                codes.append(self._now_and_then(m))
            elif isinstance(m, Breaks):
                share = self._break_share(m)
                codes.append("Y" if m.how != "reset" and share > self.margin else "-")
            elif isinstance(m, Mutes | Slow):
                codes.append("Y" if m.dose > self.margin else "-")
            elif isinstance(m, Blocked):
                codes.append("-")
        # Several that are inside the margin may be beyond it together.
        codes.append("-" if self._together() > self.margin else "n")
        return _first([*codes, *self._of_deaths("intermittent")], "Y", "Y?", "-", "n")

    def _together(self) -> float:
        """The risk of the group that all mechanisms together strike most, with what goes wrong anywhere."""
        good = 1.0 - self.base.max()
        for m in self.mechanisms:
            if isinstance(m, Fails) and m.dose >= ALWAYS:
                continue  # is judged by itself: it may be no matter of chance
            good = good * (1.0 - self._risks("intermittent", m, exposed=False))
        return float(np.max(1.0 - good))

    def client_loop(self) -> Code:
        """Whether loops of load generators stood still, and attempts failed by it."""
        codes: list[Code] = ["Y" if m.dose > self.margin else "-" for m in self.mechanisms if isinstance(m, Blocked)]
        return _first([*codes, "n"], "Y", "-", "n")

    def server(self) -> Code:
        """Whether it comes from the server's side."""
        codes: list[Code] = ["-" if self.base.max() > self.margin else "n"]
        for m in self.mechanisms:
            if isinstance(m, Fails):
                codes.append(self._of_server(m))
            elif isinstance(m, Breaks):
                codes.append(self._break_of_server(m))
            elif isinstance(m, Limit):
                codes.append(self._limit_of_server(m))
            elif isinstance(m, Dies) and m.dose > self.margin:
                # To one platform or client alone no server does that, unless it says so.
                of_some: Code = "?" if m.fault in _SILENT else "-"
                codes.append(of_some if m.is_partial else self._death(m, says_so=m.fault not in _SILENT))
            elif isinstance(m, Mutes):
                by_server: Code = "Y" if m.dose > self.margin else "-"
                codes.append(by_server if m.by == "server" else "n" if m.suspect_only else "?")
            elif isinstance(m, Slow):
                codes.append("-")
        return _first(codes, "Y", "Y?", "-", "?", "n")

    def _limit_of_server(self, m: Limit) -> Code:
        cut = np.isfinite(m.cuts_s(self.sample))
        if m.is_partial:
            # Where nobody is spared that could be, nobody can know.
            sides = (self.sample.is_suspect, self.sample.client, self.scene.host_site[self.sample.host])
            asked = (m.suspect_only, m.client is not None, m.at_site)
            told = any(len(np.unique(side)) > 1 for side, is_asked in zip(sides, asked, strict=True) if is_asked)
            return "n" if told else "-"
        many = cut.mean() > CUT_SHARE and cut.mean() * self.design.connections > CUT_SESSIONS
        return "Y" if many else "-"

    def auth(self) -> Code:
        """Whether tokens are refused."""
        codes: list[Code] = ["n"]
        for m in self.fails:
            if m.fault in _AUTH:
                overall = self._seen(m) * self._overall(m) * m.strikes_connects
                codes.append("Y" if overall > self.margin else "-" if self._by_session(m) > self.margin else "n")
        return _first(codes, "Y", "-", "n")

    def format(self) -> Code:
        """Whether a frame, a subprotocol or a type of message is misread or never answered."""
        codes: list[Code] = ["n"]
        for m in self.fails:
            if m.fault == "subprotocol":
                overall = self._seen(m) * self._overall(m)
                enough = self._attempts(m) * self._seen(m) >= FEW_FAILURES
                codes.append("Y" if overall > self.margin and enough else "-" if m.dose > self.margin else "n")
            elif m.fault == "late":
                # It is answered, after its budget.
                continue
            elif FAULTS[m.fault].outcome == "timeout" and (m.operation or m.large_only) and m.dose > self.margin:
                plain = m == Fails(number=m.number, dose=m.dose, fault=m.fault, origin=m.origin, operation=m.operation)
                codes.append("Y" if plain and m.dose >= ALWAYS and not m.large_only else "-")
        return _first(codes, "Y", "-", "n")

    def _drawn(self) -> Sessions:
        """Sessions as this run has them, before anything happens to them."""
        rng = np.random.default_rng([self.design.seed, 104_729])
        return draw_sessions(self.scene, rng, first=0, count=self.design.connections)

    def _nearly_nothing(self) -> bool:
        """Whether nobody fails beyond the margin: then nobody can fail more than others by it."""
        return float(self.base.max()) + sum(m.dose for m in self.mechanisms) < self.margin

    def _contrast(self, claim: str, mechanisms: Iterable[Mechanism], *, exposed: bool) -> float:
        """The largest difference of risks that a claim is about; see `_risks` for the two ways to look."""
        good = np.ones((2, len(self.design.delays_s), len(self.design.clients), len(_ITEMS)))
        for m in mechanisms:
            good = good * (1.0 - self._risks(claim, m, exposed=exposed))
        risk = 1.0 - good
        if claim == "platform":
            return float((risk[0] - risk[1]).max())
        lowest = int(np.argmin(self.design.delays_s))
        by_delay = risk - risk[:, lowest : lowest + 1]
        if claim == "latency":
            return float(by_delay.max(axis=(1, 2, 3)).min())
        if claim == "platform_x_latency":
            return float(np.abs(by_delay[0] - by_delay[1]).max())
        return max(self._client_contrast(risk[p], platform) for p, platform in enumerate(self.design.platforms[:2]))

    def _client_contrast(self, risk: Floats, platform: str) -> float:
        """Of (delays, clients, items): the most by which a client is worse than the others on a platform."""
        arms = arms_on(self.design.clients, platform)
        if len(arms) < 2:
            return 0.0
        # Two names of one arm are one client.
        first = [
            next(i for i, name in enumerate(self.design.clients) if arms_on((name,), platform) == (arm,))
            for arm in arms
        ]
        of_arms = risk[:, first]
        others = (of_arms.sum(axis=1, keepdims=True) - of_arms) / (len(arms) - 1)
        return float((of_arms - others).max())

    def _risks(self, claim: str, m: Mechanism, *, exposed: bool) -> Floats:
        """(2, delays, clients, items) the risk that a mechanism adds by a claim's own causes.

        `exposed`: among those that meet all its conditions; else averaged over what nobody deals or sees.
        """
        risk = np.zeros((2, len(self.design.delays_s), len(self.design.clients), len(_ITEMS)))
        if isinstance(m, Mutes) and m.suspect_only:
            risk[0, :, :, 1:] = 1.0 if exposed else m.dose
        if not isinstance(m, Fails):
            return risk
        at_host = m.at_host
        if at_host and claim in ("platform", "platform_x_latency"):
            return risk
        size = m.dose * (float(self._is_met(m)) if exposed else self._latent(m))
        if at_host and claim == "client" and not exposed:
            size /= self.design.host_platforms.count(0)
        by_platform = np.array([1.0, 0.0 if m.suspect_only or m.own_loop or at_host else 1.0])
        if m.own_loop and self.design.platforms[0] != "Windows":
            by_platform[:] = 0.0
        by_client = np.array([self._is_client(m, name) for name in self.design.clients], dtype=np.float64)
        shape = (by_platform, m.arm_weights(self.design), by_client, self._items(m))
        return np.asarray(size * np.einsum("p,d,c,i->pdci", *shape))

    def _is_client(self, m: Fails, name: str) -> bool:
        library = CLIENTS[ASYNCIO_CLIENT] if name == "websockets-selector" else name
        return (m.client is None or m.client == library) and (not m.own_loop or name == CLIENTS[ASYNCIO_CLIENT])

    def _items(self, m: Fails) -> Floats:
        """(connect and types,) which of them it strikes."""
        of_types = [m.strikes_exchanges and m.operation in (None, name) for name in OPERATIONS]
        return np.array([m.strikes_connects, *of_types], dtype=np.float64)

    def _is_met(self, m: Fails) -> bool:
        """Whether there is anybody who meets its conditions."""
        sides = self.design.sides
        return (
            float(m.arm_weights(self.design).max()) > 0.0
            and (not m.tenant_only or any(sides.tenant_share))
            and (not m.burst_only or any(sides.burst_share))
            and (not m.prefaced_only or any(sides.preface_share))
            and (not m.large_only or any(sides.large_share))
            and (not m.at_instance or self._is_instance_met())
        )

    def _is_instance_met(self) -> bool:
        if self.design.balancing == "user":
            return bool((self.sample.instance == 0).any())
        return self.design.balancing == "dealt" or bool((self.scene.host_instance == 0).any())

    def _of_instance(self) -> float:
        """The share of the sessions that are led to the first instance, where nobody chooses it by a host."""
        if self.design.balancing == "user":
            return float((self.sample.instance == 0).mean())
        return 1.0 / self.design.instances

    def _latent(self, m: Fails) -> float:
        """The mean share of the dose, over what nobody deals or sees, in the side that has more of it."""
        share = self._grown(m) * self._is_met(m)
        sides = self.design.sides
        of_sessions = 1.0
        for holds, pair in (
            (m.tenant_only, sides.tenant_share),
            (m.burst_only, sides.burst_share),
            (m.prefaced_only, sides.preface_share),
        ):
            of_sessions *= self._of_side(m, pair) if holds else 1.0
        of_sessions *= 1.0 if m.one_account_in is None else 1.0 / m.one_account_in
        of_sessions *= 1.0 if m.session_share is None else m.session_share
        # Where an address decides, the hosts that are led to it are a group like any other.
        dealt = m.at_instance and self.design.balancing != "address"
        of_sessions *= self._of_instance() if dealt else 1.0
        share *= of_sessions * (self._of_side(m, sides.large_share) if m.large_only else 1.0)
        if m.fault in _ENDS and of_sessions < 1.0 and m.strikes_exchanges:
            # Sessions that end by it have fewer attempts than others.
            share /= 1.0 + m.dose * float(self.sample.planned.mean())
        return share

    def _of_side(self, m: Fails, pair: Pair) -> float:
        if self.design.sides_by == "client":
            if m.client is None and not m.own_loop:
                return max(pair)
            return pair[0] if m.own_loop or m.client == CLIENTS[ASYNCIO_CLIENT] else pair[1]
        return pair[0] if m.suspect_only or m.at_host else max(pair)

    def _grown(self, m: Fails) -> float:
        """The mean over the run's attempts of how far the risk has grown."""
        if m.grows == "no":
            return 1.0
        connects, exchanges = Fails(dose=1.0, grows=m.grows, kind=m.kind, fault=m.fault).weights(self.sample)
        within = self.sample.exchange_at_s < self.design.duration_s
        means = [float(connects.mean())] if m.strikes_connects else []
        means += [float(exchanges[within].mean())] if m.strikes_exchanges and within.any() else []
        return max(means, default=0.0)

    def _seen(self, m: Fails) -> float:
        return m.dose * self._latent(m)

    def _by_session(self, m: Fails) -> float:
        """The dose, or what ends sessions by session: each has many attempts."""
        return m.dose * (max(1.0, float(self.sample.planned.mean())) if m.fault in _ENDS else 1.0)

    def _overall(self, m: Fails) -> float:
        """The share of the run's attempts, of the kinds that it strikes, that meet what is dealt."""
        hosts = self.design.host_platforms
        share = float(m.arm_weights(self.design).mean())
        share *= float(np.mean([self._is_client(m, name) for name in self.design.clients]))
        if m.at_host:
            return share / len(hosts)
        if m.suspect_only or m.own_loop:
            share *= hosts.count(0) / len(hosts)
        return share * float((self.scene.host_site == 0).mean()) if m.at_site else share

    def _attempts(self, m: Mechanism) -> float:
        """About how many attempts meet what is dealt and seen of a mechanism's conditions, on its smaller side."""
        exchanges = float(self.sample.planned.sum())
        smaller = min(np.bincount(self.design.host_platforms)) / self.design.host_count
        if isinstance(m, Mutes):
            # The sessions are what is struck, and of each a half of its exchanges.
            return 2 * float(self.design.connections) * float(smaller)
        if not isinstance(m, Fails):
            return exchanges / 2
        mix = (1 - max(self.design.sides.rare_share)) / 2, min(self.design.sides.rare_share)
        of_type = 1.0 if m.operation is None else mix[m.operation == OPERATIONS[-1]]
        attempts = exchanges * of_type if m.strikes_exchanges else float(self.design.connections)
        share = (m.arm_weights(self.design) > 0.5).mean() if m.arms != "all" else 1.0
        share *= np.mean([self._is_client(m, name) for name in self.design.clients])
        share *= 1 / self.design.host_count if m.at_host else smaller * (0.5 if m.at_site else 1.0)
        return attempts * float(share)

    def _now_and_then(self, m: Fails) -> Code:
        # Always the same account, type or size is no matter of chance; an instance or a path is not chosen.
        chance = m.session_share is not None or m.moments_s is not None or m.grows != "no"
        chance = chance or (m.at_instance and self.design.balancing == "dealt")
        if m.dose >= ALWAYS and not chance:
            return "n"
        if m.fault in _AUTH or m.fault == "subprotocol":
            return "-"
        if m.one_account_in is not None or m.large_only:
            # Within the account's attempts it is chance: the condition is as good as met.
            return "Y" if self._seen(m) > self.margin else "-" if m.dose > self.margin else "n"
        if self._seen(m) > self.margin:
            return "Y" if self._attempts(m) * self._seen(m) >= FEW_FAILURES else "-"
        return "-" if m.dose > self.margin or m.moments_s is not None else "n"

    def _of_server(self, m: Fails) -> Code:
        if m.origin == "account":
            # An account that is silent is not the server's, and whichever instance it is led to is not either.
            return "?" if m.fault in _SILENT else "-"
        if m.origin == "network":
            return self._of_line(m)
        if m.origin != "server":
            return "n"
        if not self._is_met(m):
            return "n"
        named = m.at_instance and self.design.names_instances and self.design.balancing != "address"
        size = self._seen(m) / (self._of_instance() if named else 1.0)
        if m.fault in _AUTH or (m.dose >= ALWAYS and (m.operation or m.large_only)):
            return "-"
        if size <= self.margin:
            return "-" if self._by_session(m) > self.margin or m.moments_s is not None else "n"
        if self._attempts(m) * self._seen(m) < FEW_FAILURES:
            return "-"
        says_so = m.fault not in _SILENT or m.moments_s is not None or named
        tied = m.tenant_only and abs(np.subtract(*self.design.sides.tenant_share)) >= APART
        # What follows an address or a user may be theirs.
        hashed = m.at_instance and self.design.balancing != "dealt"
        return "Y" if says_so and not tied and not hashed else "Y?"

    def _of_line(self, m: Fails) -> Code:
        if m.fault == "unanswered":
            return "-"
        partial = m.suspect_only or m.at_site or m.at_host or m.session_share is not None or m.arms != "all"
        return "n" if partial or m.dose <= self.margin else "?"

    def _break_share(self, m: Breaks) -> float:
        windows = m.windows(self.design)
        return float((windows[:, 1] - windows[:, 0]).sum()) / self.design.duration_s

    def _break_of_server(self, m: Breaks) -> Code:
        if m.how == "blackhole":
            return "n"
        if m.how == "reset":
            # Once is an event, not a state of the server's; and a router can do it.
            return "?" if m.times == 1 else "-"
        return "Y" if m.times * RESTART_S / self.design.duration_s > self.margin else "-"


def _first(codes: Iterable[Code], *order: Code) -> Code:
    """The first of the codes in an order: what one mechanism makes true, the others do not undo."""
    found = set(codes)
    return next(code for code in order if code in found)
