"""The confounders of a hostile run: what differs between its sides beside what makes them sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.simulation.draws import Rng, pick


@dataclass(frozen=True, kw_only=True)
class Confounder:
    """Something that differs between the sides beside what makes them sides, or that disturbs a control.

    Attributes:
        name: What it is, in a few words.
        sides: Fields of `design.Sides`; `design` fields of `design.Design`; `firewall` see `world.World`.
    """

    name: str
    sides: Mapping[str, Any] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=dict)
    firewall: float = 0.0


def draw_confounders(rng: Rng, given: Mapping[str, Any], count: int, *, by_client: bool = False) -> list[Confounder]:
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
        Confounder(name="budgets a half longer", sides={"budget_factor": pick(rng, ((1.5, 1.0), (1.0, 1.5)))}),
        Confounder(name="sites tied to platforms", design={"sites": "tied"}),
        Confounder(name="a firewall drops a fifth of the bare TCP probes", firewall=0.2),
    ]
    if isinstance(given.get("session_s"), int):
        kinds.append(Confounder(name="sessions of other lengths", sides={"session_factor": (3.0, 1.0)}))
    if "users" not in given:
        kinds.append(Confounder(name="suspect waits longer between requests", sides={"pace_factor": (2.5, 1.0)}))
    if by_client:
        kinds = [between_clients(kind) for kind in kinds if kind.sides and "weight" not in kind.sides]
    return [kinds[int(index)] for index in rng.choice(len(kinds), size=count, replace=False)]


def between_clients(confounder: Confounder) -> Confounder:
    """The same between clients."""
    name = confounder.name.replace("suspect", "asyncio")
    return replace(confounder, name=f"{name}, by client", design={"sides_by": "client"})
