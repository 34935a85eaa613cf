"""Hostile runs: a design, up to three mechanisms and up to three confounders, all drawn from one seed.

What is drawn, and how often, is in the functions named `_draw_...`, each with its distribution in its docstring. The
distributions are those of soaks as people run them, and know nothing of the rules by which verdicts are made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from analysis.simulation.broken_sessions import Breaks, Dies, Limit, Mutes
from analysis.simulation.design import CLIENTS, OPERATIONS, SELECTOR, Design, Sides
from analysis.simulation.fails import Fails
from analysis.simulation.lateness import Blocked, Slow
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.worlds import World

MARGIN: Final = 0.005
MOST: Final = 3

_Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Confounder:
    """Something that differs between the sides beside what makes them sides, or that disturbs a control.

    Attributes:
        name: What it is, in a few words.
        sides: Fields of `design.Sides`; `design` fields of `design.Design`; `firewall` see `worlds.World`.
    """

    name: str
    sides: Mapping[str, Any] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=dict)
    firewall: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One hostile run: what it is made of, by names that can be left out again.

    Attributes:
        seed: It was drawn from.
        given: Parameters of the design.
        sides: What differs, or is mixed alike on both sides, without any confounder.
        base_risk: Of the world.
        mechanisms: By "m1", "m2", ...
        confounders: By "c1", "c2", ...
    """

    seed: int
    given: Mapping[str, Any]
    sides: Mapping[str, Any]
    base_risk: float
    mechanisms: Mapping[str, Mechanism]
    confounders: Mapping[str, Confounder]

    @property
    def design(self) -> Design:
        """The parameters of the run, confounders included."""
        given, sides = dict(self.given), dict(self.sides)
        for confounder in self.confounders.values():
            given.update(confounder.design)
            sides.update(confounder.sides)
        return Design(**given, sides=Sides(**sides), seed=self.seed)

    @property
    def world(self) -> World:
        """What goes wrong in it, with its truth."""
        mechanisms = tuple(self.mechanisms.values())
        return World(
            name=f"hostile-{self.seed}",
            title=self.title(),
            mechanisms=lambda design: mechanisms,
            is_bare=True,
            base_risk=self.base_risk,
            firewall=max((c.firewall for c in self.confounders.values()), default=0.0),
        )

    def title(self) -> str:
        """The whole case in a line: the design, what goes wrong, what confounds."""
        design, usual = self.design, Design()
        told = [f"{name}={_short(getattr(design, name))}" for name in self.given if _differs(design, usual, name)]
        told.append(f"base_risk={self.base_risk:g}")
        wrong = [f"{name}: {mechanism.title()}" for name, mechanism in self.mechanisms.items()]
        beside = [f"{name}: {confounder.name}" for name, confounder in self.confounders.items()]
        return (
            f"{', '.join(told)} | {'; '.join(wrong) or 'nothing goes wrong'} | {'; '.join(beside) or 'no confounder'}"
        )

    def without(self, names: Collection[str]) -> Case:
        """The same case without some of its mechanisms and confounders."""
        return replace(
            self,
            mechanisms={name: m for name, m in self.mechanisms.items() if name not in names},
            confounders={name: c for name, c in self.confounders.items() if name not in names},
        )

    def resized(self, *, rows: int | None = None, minutes: int | None = None) -> Case:
        """The same case with other numbers of rows and minutes."""
        asked = {"rows": rows, "minutes": minutes}
        return replace(
            self, given={**self.given, **{name: value for name, value in asked.items() if value is not None}}
        )


def draw_case(seed: int) -> Case:
    """The case of a seed; the same seed gives the same case.

    Mechanisms: none in 15 of 100 cases, one in 40, two in 30, three in 15. Confounders: none in 35, one in 35, two
    in 20, three in 10. A third of the mechanisms strikes by what a confounder deals unequally, if there is one.

    Then, so that what a seed drew before is drawn still: users led by a balancer in 15 of 100 cases, half of them with
    a fault of an instance or an account; confounders of clients in place of those of platforms in 25, half of which are
    struck by what they deal; frames before the welcome in 10, two thirds of which fail by them; and in 30 an end that
    sessions come to while they are held.
    """
    rng = np.random.default_rng([20_261_129, seed])
    given = _draw_design(rng)
    confounders = _draw_confounders(rng, given, int(rng.choice(MOST + 1, p=(0.35, 0.35, 0.2, 0.1))))
    count = int(rng.choice(MOST + 1, p=(0.15, 0.4, 0.3, 0.15)))
    mechanisms = {f"m{n}": _draw_mechanism(rng, n, given, confounders) for n in range(1, count + 1)}
    base_risk = float(rng.choice((0.0001, 0.001, 0.003, 0.02), p=(0.3, 0.5, 0.1, 0.1)))
    confounders, more = _draw_more(np.random.default_rng([20_261_130, seed]), given, confounders, count)
    mechanisms.update({f"m{m.number}": m for m in more})
    return Case(
        seed=seed,
        given=given,
        sides=_mixed_alike(mechanisms.values()),
        base_risk=base_risk,
        mechanisms=mechanisms,
        confounders={f"c{n}": confounder for n, confounder in enumerate(confounders, start=1)},
    )


def _draw_more(
    rng: _Rng, given: dict[str, Any], confounders: list[Confounder], count: int
) -> tuple[list[Confounder], list[Mechanism]]:
    """What `draw_case` says is drawn last: the confounders as they are then, and mechanisms beside `count` others."""
    more: list[Mechanism] = []
    if rng.random() < 0.15:
        given["balancing"] = "user"
        if rng.random() < 0.5:
            more.append(_finished(rng, count + 1, _one(rng, _BY_USER), given))
    if rng.random() < 0.25 and given["clients"] in (CLIENTS, (*CLIENTS, SELECTOR)):
        of_clients = _draw_confounders(rng, given, int(rng.choice((1, 2), p=(0.7, 0.3))), by_client=True)
        confounders = [c for c in confounders if not c.sides] + of_clients
        rules = [rule for c in of_clients if (rule := _by_confounder(c)) is not None]
        if rules and rng.random() < 0.5:
            more.append(_finished(rng, count + len(more) + 1, rules[0], given))
    if rng.random() < 0.1:
        share = _one(rng, ((1.0, 0.0), (0.75, 0.25), (0.3, 0.3)))
        prefaced = Confounder(name=f"frames before the welcome in {_percent(share)}", sides={"preface_share": share})
        confounders = [
            *confounders,
            _of_client(prefaced) if any("sides_by" in c.design for c in confounders) else prefaced,
        ]
        if rng.random() < 0.67:
            more.append(_finished(rng, count + len(more) + 1, _by_preface, given))
    if rng.random() < 0.3:
        more.append(_draw_end(rng, count + len(more) + 1, given))
    return confounders, more


def _draw_end(rng: _Rng, number: int, given: Mapping[str, Any]) -> Mechanism:
    """Half are limits that only a platform, a client or a site meets, half deaths: of all, a platform or a client."""
    fault = _one(rng, ("reset", "server_closed"), (0.7, 0.3))
    whose: dict[str, dict[str, Any]] = {
        "all": {},
        "suspect": {"suspect_only": True},
        "client": {"client": str(rng.choice([name for name in given["clients"] if name in CLIENTS] or CLIENTS[2:]))},
        "site": {"at_site": True},
    }
    if rng.random() < 0.5:
        of_whom = whose[_one(rng, ("suspect", "client", "site"))]
        at_s = float(rng.choice((15.0, 30.0, 60.0, 100.0, 300.0)))
        return Limit(number=number, at_s=at_s, of=_one(rng, ("age", "idle")), fault=fault, **of_whom)
    of_whom = whose[_one(rng, ("all", "suspect", "client"))]
    return Dies(number=number, session_share=round(_log(rng, 0.005, 0.3), 4), fault=fault, **of_whom)


def _draw_design(rng: _Rng) -> dict[str, Any]:
    """A run as somebody might plan it.

    Rows 5,000 to 100,000 and minutes 10 to 240, evenly on a log scale. Hosts of a side 1 to 8, mostly 3; in three of
    ten runs another number on each side. A third of the runs holds its sessions to the end (10 to 300 users), half
    have exponential sessions of 30 to 600 s, the rest is as the simulator's own worlds are. No delay arm in a tenth,
    two to four arms in the others. One to six instances, by address in a fifth, unnamed in a fifth.
    """
    given: dict[str, Any] = {
        "rows": int(_log(rng, 5_000, 100_000)),
        "minutes": int(_log(rng, 10, 240)),
        "hosts": int(rng.choice((1, 2, 3, 4, 6, 8), p=(0.1, 0.15, 0.35, 0.2, 0.1, 0.1))),
        "host_sd": float(rng.choice((0.1, 0.3, 0.6, 1.0), p=(0.2, 0.5, 0.2, 0.1))),
        "minute_sd": float(rng.choice((0.3, 0.8), p=(0.8, 0.2))),
        "delays_s": _one(rng, ((0.0,), (0.0, 0.3), (0.0, 0.1, 0.3), (0.0, 0.05, 0.1, 0.3)), (0.1, 0.2, 0.5, 0.2)),
        "clients": _draw_clients(rng),
        "instances": int(rng.integers(1, 7)),
        "balancing": _one(rng, ("dealt", "address"), (0.8, 0.2)),
        "names_instances": bool(rng.random() < 0.8),
        "arms": _one(rng, ("interleaved", "blocks"), (0.95, 0.05)),
        "subjects": None if rng.random() < 0.6 else int(_log(rng, 20, 300)),
    }
    if rng.random() < 0.3:
        given["hosts_of"] = (int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    if rng.random() < 0.2:
        given["host_sd_of"] = tuple(float(sd) for sd in rng.choice((0.05, 0.3, 0.8), size=2))
    if rng.random() < 0.08:
        given["worst_host"] = 10.0
    if rng.random() < 0.1:
        given["budget_spread"] = 0.01
    lasts = rng.random()
    if lasts < 0.35:
        given.update(session_s="run", users=int(_log(rng, 10, 300)))
    elif lasts < 0.85:
        given.update(session_s=round(_log(rng, 30, 600)), pace_s=round(_log(rng, 1, 20), 1))
        given["arrivals"] = _one(rng, ("even", "ramp", "waves"), (0.7, 0.15, 0.15))
    return given


def _draw_clients(rng: _Rng) -> tuple[str, ...]:
    """All three in half of the runs; one alone, asyncio on both loops, or all four in a sixth each."""
    sets = (CLIENTS, (str(rng.choice(CLIENTS)),), ("websockets-asyncio", SELECTOR), (*CLIENTS, SELECTOR))
    return sets[int(rng.choice(4, p=(0.49, 0.17, 0.17, 0.17)))]


def _draw_confounders(rng: _Rng, given: Mapping[str, Any], count: int, *, by_client: bool = False) -> list[Confounder]:
    """Different ones, each as likely as the others; half of the mixes apart altogether, half in part.

    `by_client`: those that can differ between asyncio's sessions and the others of the same hosts.
    """
    apart = bool(rng.random() < 0.5)
    share = (1.0, 0.0) if apart else (0.75, 0.25)
    way = "apart" if apart else "in part"
    kinds = [
        Confounder(name=f"tenants {way}", sides={"tenant_share": share}),
        Confounder(name=f"scenarios {way}", sides={"burst_share": share}),
        Confounder(name="other mix of message types", sides={"rare_share": (0.4, 0.1)}),
        Confounder(name="other mix of sizes", sides={"large_share": (0.5, 0.1)}),
        Confounder(name="suspect has three times the sessions a host", sides={"weight": (3.0, 1.0)}),
        Confounder(name="other Python", sides={"python": ("3.13.1", "3.11.9")}),
        Confounder(name="suspect's loops lag by 30 ms", sides={"lag_s": (0.03, 0.002)}),
        Confounder(name="suspect's cores are busy", sides={"cpu": (0.9, 0.3)}),
        Confounder(name="budgets 2 % longer", sides={"budget_factor": (1.02, 1.0)}),
        Confounder(name="budgets a half longer", sides={"budget_factor": _one(rng, ((1.5, 1.0), (1.0, 1.5)))}),
        Confounder(name="sites tied to platforms", design={"sites": "tied"}),
        Confounder(name="a firewall drops a fifth of the bare TCP probes", firewall=0.2),
    ]
    if isinstance(given.get("session_s"), int):
        kinds.append(Confounder(name="sessions of other lengths", sides={"session_factor": (3.0, 1.0)}))
    if "users" not in given:
        kinds.append(Confounder(name="suspect waits longer between requests", sides={"pace_factor": (2.5, 1.0)}))
    if by_client:
        kinds = [_of_client(kind) for kind in kinds if kind.sides and "weight" not in kind.sides]
    return [kinds[int(index)] for index in rng.choice(len(kinds), size=count, replace=False)]


def _of_client(confounder: Confounder) -> Confounder:
    """The same between clients."""
    name = confounder.name.replace("suspect", "asyncio")
    return replace(confounder, name=f"{name}, by client", design={"sides_by": "client"})


def _draw_mechanism(rng: _Rng, number: int, given: Mapping[str, Any], confounders: Collection[Confounder]) -> Mechanism:
    """Of ten mechanisms seven let attempts fail, and three are breaks, limits, mutes, blocked loops or slow replies."""
    dealt = [rule for c in confounders if (rule := _by_confounder(c)) is not None]
    if dealt and rng.random() < 0.33:
        return _finished(rng, number, dealt[int(rng.integers(len(dealt)))], given)
    kind = _one(rng, ("fails", "breaks", "limit", "mutes", "blocked", "slow"), (0.72, 0.07, 0.06, 0.06, 0.04, 0.05))
    if kind == "breaks":
        how = _one(rng, ("reset", "restart", "blackhole"))
        return Breaks(number=number, times=int(rng.choice((1, 1, 2, 4))), how=how)
    if kind == "limit":
        at_s = float(rng.choice((30.0, 60.0, 100.0, 300.0, 600.0)))
        return Limit(
            number=number, at_s=at_s, of=_one(rng, ("age", "idle")), fault=_one(rng, ("reset", "server_closed"))
        )
    if kind == "mutes":
        by, is_of_suspect = _one(rng, ("server", "cut")), bool(rng.random() < 0.3)
        return Mutes(number=number, session_share=2 * _draw_dose(rng), by=by, suspect_only=is_of_suspect)
    if kind == "blocked":
        return Blocked(number=number, dose=_draw_dose(rng), suspect_only=bool(rng.random() < 0.4))
    if kind == "slow":
        return Slow(number=number, dose=_draw_dose(rng))
    return _finished(rng, number, _FAILS[int(rng.integers(len(_FAILS)))], given)


def _by_confounder(confounder: Confounder) -> Callable[[_Rng], dict[str, Any]] | None:
    """What strikes by that which a confounder deals unequally; None: nothing that is drawn here."""
    by: dict[str, dict[str, Any]] = {
        "tenant_share": {"tenant_only": True},
        "burst_share": {"burst_only": True},
        "rare_share": {"operation": OPERATIONS[-1]},
        "large_share": {"large_only": True},
        "weight": {"grows": "load"},
        "session_factor": {"grows": "age"},
        "pace_factor": {"grows": "idle"},
    }
    for conditions in (by[name] for name in confounder.sides if name in by):
        return lambda rng: {**conditions, "fault": _one(rng, ("silent", "unanswered", "server_error"))}
    if confounder.design.get("sites") == "tied":
        return lambda rng: {"at_site": True, "origin": "network", "fault": _one(rng, ("silent", "late"))}
    return None


def _by_preface(rng: _Rng) -> dict[str, Any]:
    """What strikes the exchanges of sessions in which a frame came before the welcome."""
    return {"prefaced_only": True, "kind": "exchange", "fault": _one(rng, ("silent", "unanswered", "server_error"))}


_QUIET: Final = ("silent", "held_up", "late")
_OF_SERVER: Final = ("silent", "unanswered", "server_error", "server_closed", "reset")
# One refusal, close or reset of each kind that a client can meet.
_EXPLICIT: Final = (
    "server_error", "unavailable", "too_many", "unauthorized", "auth_closed", "reset", "refused", "keepalive",
    "server_closed",
)  # fmt: skip

# What lets attempts fail, each as likely as the others.
_FAILS: Final[tuple[Callable[[_Rng], dict[str, Any]], ...]] = (
    lambda rng: {"suspect_only": True, "origin": "platform", "fault": _one(rng, _QUIET)},
    lambda rng: {"own_loop": True, "origin": "platform", "fault": "silent"},
    lambda rng: {"arms": _one(rng, ("rising", "highest", "middle")), "origin": "network", "fault": _one(rng, _QUIET)},
    lambda rng: {"suspect_only": True, "arms": _one(rng, ("rising", "highest", "middle")), "origin": "platform"},
    lambda rng: {"client": str(rng.choice(CLIENTS)), "origin": "client", "fault": _one(rng, ("silent", "unanswered"))},
    lambda rng: {"suspect_only": True, "fault": _one(rng, _EXPLICIT)},
    lambda rng: {"client": str(rng.choice(CLIENTS)), "fault": _one(rng, _EXPLICIT)},
    lambda rng: {"fault": _one(rng, _EXPLICIT)},
    lambda rng: {"at_instance": True, "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"at_site": True, "origin": "network", "fault": _one(rng, _QUIET)},
    lambda rng: {"at_host": True, "origin": "machine", "fault": _one(rng, _QUIET)},
    lambda rng: {"tenant_only": True, "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"burst_only": True, "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"large_only": True, "fault": _one(rng, ("silent", "unanswered", "server_closed"))},
    lambda rng: {"operation": _one(rng, OPERATIONS), "fault": _one(rng, ("silent", "unanswered", "server_error"))},
    lambda rng: {"operation": OPERATIONS[-1], "fault": "unanswered", "dose": 1.0},
    lambda rng: {"one_account_in": int(rng.choice((20, 40))), "fault": "unanswered", "origin": "account", "dose": 1.0,
                 "kind": "exchange"},
    lambda rng: {"one_account_in": int(rng.choice((5, 20))), "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"session_share": float(rng.choice((0.02, 0.07, 0.2))), "origin": "network", "fault": "silent",
                 "dose": float(rng.choice((0.1, 0.3, 0.8)))},
    lambda rng: {"moments_s": float(rng.choice((5.0, 10.0, 30.0))), "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"moments_s": 15.0, "at_site": True, "origin": "network", "fault": "silent"},
    lambda rng: {"fault": _one(rng, ("silent", "unanswered"))},
    lambda rng: {"origin": "network", "fault": _one(rng, _QUIET)},
    lambda rng: {"grows": _one(rng, ("age", "idle", "load", "run", "warm-up")), "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"fault": "subprotocol", "client": str(rng.choice(CLIENTS)), "origin": "client"},
)  # fmt: skip

# What a balancer that goes by the user may confuse.
_BY_USER: Final[tuple[Callable[[_Rng], dict[str, Any]], ...]] = (
    lambda rng: {"at_instance": True, "fault": _one(rng, _OF_SERVER)},
    lambda rng: {"one_account_in": int(rng.choice((10, 20, 40))), "fault": "silent", "origin": "account",
                 "dose": float(rng.choice((0.1, 0.3, 1.0)))},
)  # fmt: skip


def _finished(rng: _Rng, number: int, rule: Callable[[_Rng], dict[str, Any]], given: Mapping[str, Any]) -> Fails:
    """What a rule draws, with a dose, and now and then one condition more: a kind in a quarter, an arm in a tenth."""
    drawn = {"dose": _draw_dose(rng), **rule(rng), "number": number}
    if "client" in drawn and drawn["client"] not in given["clients"]:
        drawn["client"] = given["clients"][0] if given["clients"][0] in CLIENTS else "websockets-asyncio"
    if rng.random() < 0.25:
        drawn.setdefault("kind", _one(rng, ("connect", "exchange")))
    if rng.random() < 0.1:
        drawn.setdefault("arms", _one(rng, ("highest", "middle", "lowest")))
    mechanism = Fails(**drawn)
    # A fault that the kind cannot meet strikes nobody: then it is of any kind.
    return mechanism if mechanism.strikes_connects or mechanism.strikes_exchanges else replace(mechanism, kind="any")


def _draw_dose(rng: _Rng) -> float:
    """Exactly the margin in 15 of 100, else 0.2 to 10 points, evenly on a log scale."""
    return MARGIN if rng.random() < 0.15 else round(_log(rng, 0.002, 0.1), 5)


def _mixed_alike(mechanisms: Collection[Mechanism]) -> dict[str, Any]:
    """Tenants, scenarios and sizes on both sides, where a mechanism is about them and no confounder deals them."""
    fails = [m for m in mechanisms if isinstance(m, Fails)]
    mixed: dict[str, Any] = {}
    if any(m.tenant_only for m in fails):
        mixed["tenant_share"] = (0.3, 0.3)
    if any(m.burst_only for m in fails):
        mixed["burst_share"] = (0.3, 0.3)
    if any(m.prefaced_only for m in fails):
        mixed["preface_share"] = (0.3, 0.3)
    if any(m.large_only for m in fails):
        mixed["large_share"] = (0.1, 0.1)
    return mixed


def _percent(share: tuple[float, float]) -> str:
    return " and ".join(f"{part:.0%}" for part in share)


def _log(rng: _Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _one(rng: _Rng, values: tuple[Any, ...], shares: tuple[float, ...] | None = None) -> Any:
    return values[int(rng.choice(len(values), p=shares))]


def _differs(design: Design, usual: Design, name: str) -> bool:
    return name in ("rows", "minutes", "hosts") or getattr(design, name) != getattr(usual, name)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_short(part) for part in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)
