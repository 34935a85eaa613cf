"""What all chunks of a simulated run share: its machines, their minutes, the moments of trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.simulation.design import ASYNCIO_CLIENT, Bools, Design, Floats, Ints


@dataclass
class Scene:
    """What all chunks of a run share: the machines, their minutes, the moments of trouble.

    Attributes:
        host_platform, host_site: (hosts,) numbers of each host's platform and site.
        host_rtt_s: (hosts,) median round trip without the tester's delay.
        host_factor, minute_factor: Multipliers of the base risk.
        host_instance: (hosts,) the instance that a host's address leads to, where addresses decide.
        windows: (k, 2) start and end of the server's bad moments, sorted, disjoint.
        host_windows: The same for each host's own bad moments (a blocked loop).
        recent: Users' connects of the last `WINDOW_S`, carried from chunk to chunk: (subject, moment).
    """

    design: Design
    base_risk: float
    host_platform: Ints
    host_site: Ints
    host_rtt_s: Floats
    host_factor: Floats
    minute_factor: Floats
    windows: Floats
    host_windows: tuple[Floats, ...]
    recent: tuple[Ints, Floats]
    host_instance: Ints

    def is_first(self, host: Ints, client: Ints) -> Bools:
        """Whether sessions are of the first of the two sides."""
        by_client = self.design.sides_by == "client"
        return np.asarray(client == ASYNCIO_CLIENT if by_client else self.host_platform[host] == 0)


def is_within(at_s: Floats, windows: Floats) -> Bools:
    """Whether moments lie in one of the windows (k, 2), sorted and disjoint."""
    if len(windows) == 0:
        return np.zeros(at_s.shape, dtype=np.bool_)
    index = np.searchsorted(windows[:, 0], at_s, side="right") - 1
    return np.asarray((index >= 0) & (at_s < windows[np.maximum(index, 0), 1]))


def random_windows(rng: np.random.Generator, *, duration_s: float, share: float, length_s: float) -> Floats:
    """Windows of one length that cover a share of the run: at least one, none overlapping."""
    count = max(1, round(duration_s * share / length_s))
    room = max(0.0, duration_s - count * length_s)
    starts = np.sort(rng.random(count)) * room + np.arange(count) * length_s
    return np.column_stack([starts, starts + length_s])


def open_scene(
    design: Design,
    *,
    base_risk: float,
    windows: Callable[[Design, np.random.Generator], Floats] | None,
    host_windows: Callable[[Design, int, np.random.Generator], Floats | None] | None,
    rng: np.random.Generator,
) -> Scene:
    """Draw what the whole run shares; the parameters are those of `world.World`."""
    hosts = design.host_count
    platform = np.array(design.host_platforms, dtype=np.int64)
    site = platform % 2 if design.sites == "tied" else np.array(design.host_turns, dtype=np.int64) % 2
    host_sd = np.full(hosts, design.host_sd) if design.host_sd_of is None else np.array(design.host_sd_of)[platform]
    own = np.exp(host_sd * rng.standard_normal(hosts) - host_sd**2 / 2)
    own[0] *= design.worst_host
    of_site = np.exp(design.site_sd * rng.standard_normal(2) - design.site_sd**2 / 2)
    minutes = np.exp(design.minute_sd * rng.standard_normal(design.minutes) - design.minute_sd**2 / 2)
    rtt_s = design.base_rtt_s * np.exp(0.2 * rng.standard_normal(hosts)) + design.far_s * (platform == 0)
    bad = windows(design, rng) if windows else np.zeros((0, 2))
    of_host = [host_windows(design, host, rng) if host_windows else None for host in range(hosts)]
    return Scene(
        design=design,
        base_risk=base_risk,
        host_platform=platform,
        host_site=site,
        host_rtt_s=rtt_s,
        host_factor=own * of_site[site],
        minute_factor=minutes,
        windows=bad,
        host_windows=tuple(w if w is not None else np.zeros((0, 2)) for w in of_host),
        recent=(np.zeros(0, dtype=np.int64), np.zeros(0)),
        host_instance=rng.integers(0, design.instances, hosts),
    )


def risk_where(risk: float, struck: Bools) -> Floats:
    """One risk for those who are struck, and none for the others."""
    return np.where(struck, risk, 0.0)


def own_rng(design: Design, number: int, *more: int) -> np.random.Generator:
    """Random numbers of a mechanism, the same for every chunk of a run."""
    return np.random.default_rng([design.seed, 7_919, number, *more])
