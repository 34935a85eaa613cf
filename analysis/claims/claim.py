"""The type of a claim: one object, which everything that lists claims reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.comparison.view import View
from analysis.model import Finding
from analysis.stats.groups import Floats
from analysis.stats.synchrony import Synchrony


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What claims are decided on.

    Attributes:
        view: The prepared tables.
        together: Whether clients that share nothing but the server failed in the same moments; None: not looked at.
        apart: The same of the platforms' residual failures; None: with one platform.
        silent: Operations that are never answered.
    """

    view: View
    together: Synchrony | None = None
    apart: Synchrony | None = None
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How a comparison is watched while the run grows: by an interval that holds at every minute at once.

    Attributes:
        minutes: Of each group of a view, one risk difference a finished minute.
        joined: The claim says it of all groups, or of any.
    """

    minutes: Callable[[View], Mapping[str, Floats]]
    joined: Literal["all", "any"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim about the attempts that fail.

    Attributes:
        name: In `verdict.json`.
        title: In headings and figures.
        statement: A statement that can be true or false, after "that ..." or "whether ...".
        weight: Its share of the family's error rate, beside the weights of the others. Claims with few degrees of
            freedom have most of it: with two to four of them an equal share would make an interaction impossible to
            confirm, and the p-values of the others are tiny when they are true.
        decide: From the evidence to a finding; a pure function.
        while_live: What may be said while the run grows: counts so far, nothing before the end, or an interval.
        of_refusals: It may be decided on refusals alone, in a run that has no whole attempt.
    """

    name: str
    title: str
    statement: str
    weight: float
    decide: Callable[[Evidence], Finding]
    while_live: Literal["so far", "at the end"] | Watched = "so far"
    of_refusals: bool = False
