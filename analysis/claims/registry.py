"""The claims of the verdict, in the order in which they are shown. To add one is a file and a line here."""

from __future__ import annotations

from analysis.claims import (
    auth,
    client,
    client_loop,
    format,
    intermittent,
    latency,
    network,
    platform,
    platform_x_latency,
    server,
)
from analysis.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    intermittent.CLAIM,
    latency.CLAIM,
    platform.CLAIM,
    platform_x_latency.CLAIM,
    client.CLAIM,
    client_loop.CLAIM,
    server.CLAIM,
    network.CLAIM,
    auth.CLAIM,
    format.CLAIM,
)


def names() -> tuple[str, ...]:
    """Of all claims."""
    return tuple(claim.name for claim in CLAIMS)


def weights() -> dict[str, float]:
    """Of each claim, its share of the family's error rate; they add up to 1."""
    total = sum(claim.weight for claim in CLAIMS)
    return {claim.name: claim.weight / total for claim in CLAIMS}


def titles() -> dict[str, str]:
    """Of each claim."""
    return {claim.name: claim.title for claim in CLAIMS}


def statements() -> dict[str, str]:
    """Of each claim."""
    return {claim.name: claim.statement for claim in CLAIMS}
