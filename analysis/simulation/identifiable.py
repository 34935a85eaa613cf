"""What a design can tell: whether its sides are apart by more than what they are compared for."""

from __future__ import annotations

from typing import Final

import numpy as np

from analysis.simulation.design import Design, Pair, arms_on

# Sides that share less than a twentieth share nothing; and these ratios and lags leave next to no overlap.
APART: Final = 0.95
BUDGETS_ALIKE: Final = 0.05
LAG_APART_S: Final = 0.02
CPU_APART: Final = 0.3
RATIO_APART: Final = 3.0


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


def tells_latency(design: Design) -> bool:
    """Whether there are several delays, dealt to each connection, that arrive."""
    return len(set(design.delays_s)) > 1 and design.arms == "interleaved" and design.delay_arrives


def tells_clients(design: Design) -> bool:
    """Whether some platform has several clients, each on a loop of its own."""
    return any(len(arms_on(design.clients, platform)) > 1 for platform in design.platforms)
