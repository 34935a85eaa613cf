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
from analysis.simulation.broken_sessions import RESTART_S, Breaks, Dies, Forgets, Limit, Mutes
from analysis.simulation.fails import Fails
from analysis.simulation.faults import FAULTS
from analysis.simulation.group_risks import GroupRisks
from analysis.simulation.identifiable import APART, clients_are_apart, sides_are_apart, tells_clients, tells_latency
from analysis.simulation.lateness import Blocked, Slow
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.scene import Scene

Code = Literal["Y", "n", "?", "Y?", "-"]
Judgement = Literal["right", "wrong", "unearned", "open", "not scored"]

# Where fewer failures than these are to be expected of it, a mechanism may well not show at all.
FEW_FAILURES: Final = 6.0
# A limit that so many sessions meet is there for everybody to see.
CUT_SHARE: Final = 0.05
CUT_SESSIONS: Final = 50
# Where fewer sessions than these are to be expected to die, a run may well not show it.
FEW_DEATHS: Final = 12.0
ALWAYS: Final = 0.9

_AUTH: Final = frozenset(name for name, fault in FAULTS.items() if fault.cause == "auth_rejected")
# Nothing in it says who it was.
_SILENT: Final = frozenset({"silent", "held_up", "late", "reset", "refused", "unread", "lost"})


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
        "latency": world.compared("latency", told=tells_latency(scene.design)),
        "platform": world.compared("platform", told=not apart),
        "platform_x_latency": world.compared("platform_x_latency", told=not apart and tells_latency(scene.design)),
        "client": world.compared("client", told=tells_clients(scene.design) and not clients_are_apart(scene.design)),
        "client_loop": world.client_loop(),
        "server": world.server(),
        "network": world.network(),
        "auth": world.auth(),
        "format": world.format(),
    }
    return {claim: codes.get(claim, "-") for claim in registry.names()}


class _World:
    """What the mechanisms of a run do, in the words that claims are about."""

    def __init__(self, scene: Scene, mechanisms: Sequence[Mechanism], margin: float) -> None:
        self.scene, self.design, self.margin = scene, scene.design, margin
        self.mechanisms = mechanisms
        self.fails = [m for m in mechanisms if isinstance(m, Fails)]
        self.risks = GroupRisks(scene)

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
        seen, wide = (self.risks.contrast(claim, self.mechanisms, exposed=e) for e in (False, True))
        if seen > self.margin + 1e-9:
            enough = any(
                self.risks.attempts(m) * self.risks.contrast(claim, [m], exposed=False) >= FEW_FAILURES
                for m in self.mechanisms
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
            dying = [m for m in dying if m.client is not None and tells_clients(self.design)]
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
        codes: list[Code] = [
            "Y" if self.risks.base.min() > self.margin else "-" if self.risks.base.max() > self.margin else "n"
        ]
        for m in self.mechanisms:
            if isinstance(m, Fails):
                codes.append(self._now_and_then(m))
            elif isinstance(m, Breaks):
                share = self._break_share(m)
                codes.append("Y" if m.how != "reset" and share > self.margin else "-")
            elif isinstance(m, Mutes | Slow):
                codes.append("Y" if m.dose > self.margin else "-")
            elif isinstance(m, Blocked | Forgets):
                codes.append("-")
        # Several that are inside the margin may be beyond it together.
        codes.append("-" if self._together() > self.margin else "n")
        return _first([*codes, *self._of_deaths("intermittent")], "Y", "Y?", "-", "n")

    def _together(self) -> float:
        """The risk of the group that all mechanisms together strike most, with what goes wrong anywhere."""
        good = 1.0 - self.risks.base.max()
        for m in self.mechanisms:
            if isinstance(m, Fails) and m.dose >= ALWAYS:
                continue  # is judged by itself: it may be no matter of chance
            good = good * (1.0 - self.risks.added("intermittent", m, exposed=False))
        return float(np.max(1.0 - good))

    def client_loop(self) -> Code:
        """Whether loops of load generators stood still, and attempts failed by it."""
        codes: list[Code] = ["Y" if m.dose > self.margin else "-" for m in self.mechanisms if isinstance(m, Blocked)]
        # What lies unread only a kernel knows.
        codes += [("Y" if self.is_asked else "Y?") for m in self.fails if m.fault == "unread" and m.dose > self.margin]
        return _first([*codes, "n"], "Y", "Y?", "-", "n")

    def server(self) -> Code:
        """Whether it comes from the server's side."""
        codes: list[Code] = ["-" if self.risks.base.max() > self.margin else "n"]
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
            elif isinstance(m, Forgets):
                codes.append("n" if m.at_site else "?")
            elif isinstance(m, Slow):
                codes.append("-")
        return _first(codes, "Y", "Y?", "-", "?", "n")

    @property
    def is_asked(self) -> bool:
        """Whether the kernel is asked on every platform."""
        return len(self.design.kernel_asked) == len(self.design.platforms) and all(self.design.kernel_asked)

    def network(self) -> Code:
        """Whether what was sent was lost, held up or cut on the way."""
        codes: list[Code] = ["-" if self.risks.base.max() > self.margin else "n"]
        for m in self.mechanisms:
            if isinstance(m, Fails) and m.origin == "network":
                codes.append(self._of_network(m))
            elif isinstance(m, Breaks):
                codes.append(self._break_of_network(m))
            elif isinstance(m, Limit | Dies) and m.fault == "reset":
                # A middlebox may end sessions as well as a server does; they are no attempts.
                codes.append("-")
            elif isinstance(m, Mutes) and m.by == "cut":
                codes.append("-" if m.suspect_only or m.dose <= self.margin else self._told())
            elif isinstance(m, Forgets):
                codes.append(self._told() if m.share(self.risks.sample) > self.margin else "-")
        return _first(codes, "Y", "Y?", "-", "n")

    def _told(self) -> Code:
        """Of what is lost on the way: whether a kernel says so."""
        return "Y" if self.is_asked else "Y?"

    def _of_network(self, m: Fails) -> Code:
        # A delay that is dealt is no line's, and what an answered ping is behind is not lost.
        if m.arms != "all" or m.fault == "unanswered":
            return "-"
        if self.risks.seen(m) <= self.margin or self.risks.attempts(m) * self.risks.seen(m) < FEW_FAILURES:
            return "-" if m.dose > self.margin else "n"
        is_special = m.suspect_only or m.client is not None or m.at_host
        return "-" if is_special else self._told() if m.fault == "silent" else "Y?"

    def _break_of_network(self, m: Breaks) -> Code:
        if m.how == "reset":
            return "-"
        if m.how == "restart":
            return "n"
        return self._told() if self._break_share(m) > self.margin else "-"

    def _limit_of_server(self, m: Limit) -> Code:
        cut = np.isfinite(m.cuts_s(self.risks.sample))
        if m.is_partial:
            # Where nobody is spared that could be, nobody can know.
            sides = (
                self.risks.sample.is_suspect,
                self.risks.sample.client,
                self.scene.host_site[self.risks.sample.host],
            )
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
                overall = self.risks.seen(m) * self.risks.overall(m) * m.strikes_connects
                codes.append("Y" if overall > self.margin else "-" if self.risks.by_session(m) > self.margin else "n")
        return _first(codes, "Y", "-", "n")

    def format(self) -> Code:
        """Whether a frame, a subprotocol or a type of message is misread or never answered."""
        codes: list[Code] = ["n"]
        for m in self.fails:
            if m.fault == "subprotocol":
                overall = self.risks.seen(m) * self.risks.overall(m)
                enough = self.risks.attempts(m) * self.risks.seen(m) >= FEW_FAILURES
                codes.append("Y" if overall > self.margin and enough else "-" if m.dose > self.margin else "n")
            elif m.fault == "late":
                # It is answered, after its budget.
                continue
            elif FAULTS[m.fault].outcome == "timeout" and (m.operation or m.large_only) and m.dose > self.margin:
                plain = m == Fails(number=m.number, dose=m.dose, fault=m.fault, origin=m.origin, operation=m.operation)
                codes.append("Y" if plain and m.dose >= ALWAYS and not m.large_only else "-")
        return _first(codes, "Y", "-", "n")

    def _nearly_nothing(self) -> bool:
        """Whether nobody fails beyond the margin: then nobody can fail more than others by it."""
        return float(self.risks.base.max()) + sum(m.dose for m in self.mechanisms) < self.margin

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
            return "Y" if self.risks.seen(m) > self.margin else "-" if m.dose > self.margin else "n"
        if self.risks.seen(m) > self.margin:
            return "Y" if self.risks.attempts(m) * self.risks.seen(m) >= FEW_FAILURES else "-"
        return "-" if m.dose > self.margin or m.moments_s is not None else "n"

    def _of_server(self, m: Fails) -> Code:
        if m.origin == "account":
            # An account that is silent is not the server's, and whichever instance it is led to is not either.
            return "?" if m.fault in _SILENT else "-"
        if m.origin == "network":
            return self._of_line(m)
        if m.origin != "server":
            return "n"
        if not self.risks.is_met(m):
            return "n"
        named = m.at_instance and self.design.names_instances and self.design.balancing != "address"
        size = self.risks.seen(m) / (self.risks.of_instance() if named else 1.0)
        if m.fault in _AUTH or (m.dose >= ALWAYS and (m.operation or m.large_only)):
            return "-"
        if size <= self.margin:
            return "-" if self.risks.by_session(m) > self.margin or m.moments_s is not None else "n"
        if self.risks.attempts(m) * self.risks.seen(m) < FEW_FAILURES:
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
