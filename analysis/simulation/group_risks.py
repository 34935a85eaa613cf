"""How large the risks are that mechanisms add: by kind, type of message, delay, client and platform.

An effect is there if it is beyond the margin in one of these groups, averaged over what nobody deals or sees (who the
user is, which path, which moment); or only among those who meet all conditions, whom nobody can be asked to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from analysis.simulation.broken_sessions import Mutes
from analysis.simulation.design import ASYNCIO_CLIENT, CLIENTS, OPERATIONS, Floats, Pair, arms_on
from analysis.simulation.drawn_sessions import draw_sessions
from analysis.simulation.fails import Fails
from analysis.simulation.faults import FAULTS
from analysis.simulation.mechanisms import Mechanism
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import Sessions

_ITEMS: Final = ("connect", *OPERATIONS)
_ENDS: Final = frozenset(name for name, fault in FAULTS.items() if fault.ends_session)


class GroupRisks:
    """The risks that mechanisms add, in the groups that a claim may be asked about.

    Attributes:
        sample: Sessions as the run has them, before anything happens to them.
        base: (hosts,) what goes wrong anywhere.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene, self.design = scene, scene.design
        self.sample = self._drawn()
        self.base = scene.base_risk * scene.host_factor

    def contrast(self, claim: str, mechanisms: Iterable[Mechanism], *, exposed: bool) -> float:
        """The largest difference of risks that a claim is about; see `added` for the two ways to look."""
        good = np.ones((2, len(self.design.delays_s), len(self.design.clients), len(_ITEMS)))
        for m in mechanisms:
            good = good * (1.0 - self.added(claim, m, exposed=exposed))
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

    def added(self, claim: str, m: Mechanism, *, exposed: bool) -> Floats:
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
        size = m.dose * (float(self.is_met(m)) if exposed else self._latent(m))
        if at_host and claim == "client" and not exposed:
            size /= self.design.host_platforms.count(0)
        by_platform = np.array([1.0, 0.0 if m.suspect_only or m.own_loop or at_host else 1.0])
        if m.own_loop and self.design.platforms[0] != "Windows":
            by_platform[:] = 0.0
        by_client = np.array([self._is_client(m, name) for name in self.design.clients], dtype=np.float64)
        shape = (by_platform, m.arm_weights(self.design), by_client, self._items(m))
        return np.asarray(size * np.einsum("p,d,c,i->pdci", *shape))

    def is_met(self, m: Fails) -> bool:
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

    def of_instance(self) -> float:
        """The share of the sessions that are led to the first instance, where nobody chooses it by a host."""
        if self.design.balancing == "user":
            return float((self.sample.instance == 0).mean())
        return 1.0 / self.design.instances

    def seen(self, m: Fails) -> float:
        """The dose as a group shows it that can be asked about."""
        return m.dose * self._latent(m)

    def by_session(self, m: Fails) -> float:
        """The dose, or what ends sessions by session: each has many attempts."""
        return m.dose * (max(1.0, float(self.sample.planned.mean())) if m.fault in _ENDS else 1.0)

    def overall(self, m: Fails) -> float:
        """The share of the run's attempts, of the kinds that it strikes, that meet what is dealt."""
        hosts = self.design.host_platforms
        share = float(m.arm_weights(self.design).mean())
        share *= float(np.mean([self._is_client(m, name) for name in self.design.clients]))
        if m.at_host:
            return share / len(hosts)
        if m.suspect_only or m.own_loop:
            share *= hosts.count(0) / len(hosts)
        return share * float((self.scene.host_site == 0).mean()) if m.at_site else share

    def attempts(self, m: Mechanism) -> float:
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

    def _drawn(self) -> Sessions:
        """Sessions as this run has them, before anything happens to them."""
        rng = np.random.default_rng([self.design.seed, 104_729])
        return draw_sessions(self.scene, rng, first=0, count=self.design.connections)

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

    def _is_client(self, m: Fails, name: str) -> bool:
        library = CLIENTS[ASYNCIO_CLIENT] if name == "websockets-selector" else name
        return (m.client is None or m.client == library) and (not m.own_loop or name == CLIENTS[ASYNCIO_CLIENT])

    def _items(self, m: Fails) -> Floats:
        """(connect and types,) which of them it strikes."""
        of_types = [m.strikes_exchanges and m.operation in (None, name) for name in OPERATIONS]
        return np.array([m.strikes_connects, *of_types], dtype=np.float64)

    def _is_instance_met(self) -> bool:
        if self.design.balancing == "user":
            return bool((self.sample.instance == 0).any())
        return self.design.balancing == "dealt" or bool((self.scene.host_instance == 0).any())

    def _latent(self, m: Fails) -> float:
        """The mean share of the dose, over what nobody deals or sees, in the side that has more of it."""
        share = self._grown(m) * self.is_met(m)
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
        of_sessions *= self.of_instance() if dealt else 1.0
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
