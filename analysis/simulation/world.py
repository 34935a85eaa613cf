"""A world of the simulator: what goes wrong in it, and the truth of a run of it.

A world's truth is given as effects: for each claim the size of what is really there, on the scale on which
the claim is decided (an absolute difference of risks). A claim whose effect is beyond the margin should
be confirmed and must not be ruled out; one whose effect is inside it must not be confirmed. Where the design
cannot tell (one host a platform, arms in blocks), the claim must be neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from analysis.claims import registry
from analysis.simulation import strikes
from analysis.simulation.design import PROBES, Design, Floats, Ints
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.scene import Scene, is_within, open_scene
from analysis.simulation.sessions import Sessions
from analysis.simulation.truths import Code, truth_of


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a verdict on a world may say.

    Attributes:
        effects: Size of what is really there, by claim; 0 where a claim is not named.
        confirm: Claims that enough data should confirm (those that the world was made for).
        must_not_confirm: A `confirmed` here is a false one.
        must_not_rule_out: A `ruled_out` here is a false one.
        unearned: A `ruled_out` here is right by luck: the design cannot tell.
        parts: Size of what is there of some claims' parts, by name (`calibrate.part_states`).
        codes: The truth in the words of `truths.py`, where the world is one of mechanisms.
    """

    effects: Mapping[str, float]
    confirm: frozenset[str]
    must_not_confirm: frozenset[str]
    must_not_rule_out: frozenset[str]
    parts: Mapping[str, float]
    unearned: frozenset[str] = frozenset()
    codes: Mapping[str, Code] | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """One mechanism, with its truth.

    Attributes:
        strike: Lets attempts fail, chunk by chunk.
        mechanisms: What goes wrong as data; the truth then follows from it, and from none of the next five.
        effects: The truth for a design; what happens anywhere (`base_risk`) is left to `truth`.
        parts: The same of claims' parts, where the world was made to tell them apart.
        aims: The claims that it was made to be told by; power is measured on them.
        undecided: Claims that this design cannot tell: neither state is right.
        open: Claims on which either of two states is defensible; not scored.
        defaults: Parameters of the design that make the world what it is.
        base_risk: See `Design.base_risk`.
        windows: The server's bad moments; `host_windows` each host's own (None: this host has none).
        lossy_site: The first site's line loses what `effect` says, of probes as well.
        subjects: How many users the hosts share, where that matters (`Design.subjects`).
        firewall: Share of the bare TCP probes that a firewall drops, always and everywhere.
        is_bare: Nothing goes wrong here, and the truth follows from the design alone.
    """

    name: str
    title: str
    strike: Callable[[Sessions], None] = strikes.nothing
    mechanisms: Callable[[Design], tuple[Mechanism, ...]] = lambda design: ()
    effects: Callable[[Design], dict[str, float]] = lambda design: {}
    parts: Callable[[Design], dict[str, float]] = lambda design: {}
    aims: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    base_risk: float = 0.001
    windows: Callable[[Design, np.random.Generator], Floats] | None = None
    host_windows: Callable[[Design, int, np.random.Generator], Floats | None] | None = None
    lossy_site: bool = False
    subjects: Callable[[Design], int] | None = None
    firewall: float = 0.0
    is_bare: bool = False

    def design(self, **given: Any) -> Design:
        """The world's design, with what the caller gives on top.

        Raises:
            DesignError: A value that cannot be drawn.
        """
        drawn = Design(**{**self.defaults, **given})
        if self.subjects is not None and drawn.subjects is None:
            return replace(drawn, subjects=self.subjects(drawn))
        return drawn

    def scene(self, design: Design) -> Scene:
        """What all chunks of a run of this design share; the same design and seed give the same scene."""
        return open_scene(
            design,
            base_risk=self.base_risk if design.base_risk is None else design.base_risk,
            windows=self.windows,
            host_windows=self.host_windows,
            rng=np.random.default_rng(np.random.SeedSequence(design.seed).spawn(1)[0]),
        )

    def happens(self, sessions: Sessions) -> None:
        """Let go wrong what goes wrong here."""
        self.strike(sessions)
        for mechanism in self.mechanisms(sessions.design):
            mechanism.strike(sessions)

    def probe_risk(self, scene: Scene, at_s: Floats, host: Ints, probe: Ints) -> Floats:
        """What troubles the sessions' server or line troubles the probes: the control of the method's section 9."""
        line = self.lossy_site * scene.design.effect * (scene.host_site[host] == 0)
        # A server that stalls or is down still has a listening kernel: tcp goes well.
        risk = np.where(is_within(at_s, scene.windows) & (probe > 0), strikes.HIT, line)
        for mechanism in self.mechanisms(scene.design):
            risk = np.maximum(risk, mechanism.probe_risk(scene, at_s, host, probe))
        dropped = self.firewall * (probe == PROBES.index("tcp"))
        return np.asarray(1.0 - (1.0 - risk) * (1.0 - dropped))

    def truth(self, design: Design, *, margin: float = 0.005) -> Truth:
        """What may be said of a run of this design."""
        mechanisms = self.mechanisms(design)
        if mechanisms or self.is_bare:
            return self._by_mechanisms(design, mechanisms, margin)
        base = self.base_risk if design.base_risk is None else design.base_risk
        effects = {"intermittent": 0.0, **self.effects(design)}
        effects["intermittent"] += base
        beyond = {claim for claim, size in effects.items() if size > margin}
        scored = set(registry.names()) - set(self.open)
        return Truth(
            effects=MappingProxyType(effects),
            confirm=frozenset(beyond & set(self.aims)),
            must_not_confirm=frozenset(scored - beyond | set(self.undecided)),
            must_not_rule_out=frozenset(scored & beyond | set(self.undecided)),
            parts=MappingProxyType(self.parts(design)),
        )

    def _by_mechanisms(self, design: Design, mechanisms: tuple[Mechanism, ...], margin: float) -> Truth:
        codes = truth_of(self.scene(design), mechanisms, margin=margin)
        there = {claim for claim, code in codes.items() if code in ("Y", "Y?")}
        return Truth(
            effects=MappingProxyType({}),
            confirm=frozenset(there & set(self.aims)),
            must_not_confirm=frozenset(claim for claim, code in codes.items() if code in ("n", "?")),
            must_not_rule_out=frozenset(there),
            unearned=frozenset(claim for claim, code in codes.items() if code == "?"),
            parts=MappingProxyType({}),
            codes=MappingProxyType(dict(codes)),
        )
