"""Hostile runs: a design, up to three mechanisms and up to three confounders, all drawn from one seed.

What is drawn, and how often, is in the functions named `draw_...` here and in the modules `hostile_...`, each with its
distribution in its docstring. The distributions are those of soaks as people run them, and know nothing of the rules by
which verdicts are made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from analysis.simulation.design import CLIENTS, SELECTOR, Design, Sides
from analysis.simulation.draws import Rng, pick
from analysis.simulation.fails import Fails
from analysis.simulation.hostile_confounders import Confounder, between_clients, draw_confounders
from analysis.simulation.hostile_design import draw_design
from analysis.simulation.hostile_mechanisms import (
    BY_USER,
    by_confounder,
    by_preface,
    draw_end,
    draw_line,
    draw_mechanism,
    finished,
)
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.world import World

MOST: Final = 3


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
    sessions come to while they are held. Last, kernels that are asked on both platforms in 40, and on one of them in
    10; and in 20 a trouble of a line.
    """
    rng = np.random.default_rng([20_261_129, seed])
    given = draw_design(rng)
    confounders = draw_confounders(rng, given, int(rng.choice(MOST + 1, p=(0.35, 0.35, 0.2, 0.1))))
    count = int(rng.choice(MOST + 1, p=(0.15, 0.4, 0.3, 0.15)))
    mechanisms = {f"m{n}": draw_mechanism(rng, n, given, confounders) for n in range(1, count + 1)}
    base_risk = float(rng.choice((0.0001, 0.001, 0.003, 0.02), p=(0.3, 0.5, 0.1, 0.1)))
    confounders, more = _draw_more(np.random.default_rng([20_261_130, seed]), given, confounders, count)
    mechanisms.update({f"m{m.number}": m for m in more})
    of_lines = np.random.default_rng([20_261_131, seed])
    asked = ((), (True, True), (True, False), (False, True))
    given["kernel_asked"] = pick(of_lines, asked, (0.5, 0.4, 0.05, 0.05))
    if of_lines.random() < 0.2:
        line = draw_line(of_lines, len(mechanisms) + 1, given)
        mechanisms[f"m{line.number}"] = line
    return Case(
        seed=seed,
        given=given,
        sides=_mixed_alike(mechanisms.values()),
        base_risk=base_risk,
        mechanisms=mechanisms,
        confounders={f"c{n}": confounder for n, confounder in enumerate(confounders, start=1)},
    )


def _draw_more(
    rng: Rng, given: dict[str, Any], confounders: list[Confounder], count: int
) -> tuple[list[Confounder], list[Mechanism]]:
    """What `draw_case` says is drawn last: the confounders as they are then, and mechanisms beside `count` others."""
    more: list[Mechanism] = []
    if rng.random() < 0.15:
        given["balancing"] = "user"
        if rng.random() < 0.5:
            more.append(finished(rng, count + 1, pick(rng, BY_USER), given))
    if rng.random() < 0.25 and given["clients"] in (CLIENTS, (*CLIENTS, SELECTOR)):
        of_clients = draw_confounders(rng, given, int(rng.choice((1, 2), p=(0.7, 0.3))), by_client=True)
        confounders = [c for c in confounders if not c.sides] + of_clients
        rules = [rule for c in of_clients if (rule := by_confounder(c)) is not None]
        if rules and rng.random() < 0.5:
            more.append(finished(rng, count + len(more) + 1, rules[0], given))
    if rng.random() < 0.1:
        share = pick(rng, ((1.0, 0.0), (0.75, 0.25), (0.3, 0.3)))
        prefaced = Confounder(name=f"frames before the welcome in {_percent(share)}", sides={"preface_share": share})
        confounders = [
            *confounders,
            between_clients(prefaced) if any("sides_by" in c.design for c in confounders) else prefaced,
        ]
        if rng.random() < 0.67:
            more.append(finished(rng, count + len(more) + 1, by_preface, given))
    if rng.random() < 0.3:
        more.append(draw_end(rng, count + len(more) + 1, given))
    return confounders, more


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


def _differs(design: Design, usual: Design, name: str) -> bool:
    return name in ("rows", "minutes", "hosts") or getattr(design, name) != getattr(usual, name)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_short(part) for part in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)
