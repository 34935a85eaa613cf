"""From hosts to platforms: an effect of each host first, then hosts as the sample.

Attempts on one host share its network card, drivers and neighbours. Ordinary differences between hosts
are larger than a margin of half a point, so a platform is compared by its hosts, never by its attempts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse, special
from scipy.sparse.csgraph import connected_components

from analysis.stats.estimate import Estimate, Spread
from analysis.stats.groups import Floats, Ints, Numbers, combined, sums


@dataclass(frozen=True, kw_only=True)
class HostEffects:
    """Effects of hosts after what their attempts shared was taken out.

    Attributes:
        effects: (hosts,) risk of each against the common level; they sum to zero in a component.
        scores: (chunks, hosts) what each chunk adds to the error of each effect.
        component: (hosts,) hosts with different numbers were never compared with each other, not
            even through others.
        compared: (hosts,) attempts in strata that another host shared.
    """

    effects: Floats
    scores: Floats
    component: Ints
    compared: Floats


def host_effects(
    stratum: Ints, chunk: Ints, host: Ints, n: Numbers, x: Numbers, *, hosts: int, chunks: int
) -> HostEffects:
    """Additive model rate = stratum + host, by the normal equations of the hosts alone.

    A gamma = b with A = diag(n_h) - sum_s n_s n_s' / n_s (the Laplacian of who was compared with whom)
    and b = x_h - sum_s n_hs x_s / n_s. A stratum with one host says nothing of hosts and drops out.

    Args:
        stratum: (rows,) whole numbers from 0; a stratum lies within one chunk.
        chunk: (rows,) whole numbers from 0 to `chunks` - 1.
        host: (rows,) whole numbers from 0 to `hosts` - 1.
        n: (rows,) attempts.
        x: (rows,) failures.
        hosts: Number of hosts.
        chunks: Chunks of the run.
    """
    laplacians = np.zeros((chunks, hosts, hosts))
    right = np.zeros((chunks, hosts))
    compared = np.zeros(hosts)
    # A table of strata by hosts for each chunk: of all chunks at once it would be large.
    for one in np.unique(chunk).tolist():
        inside = chunk == one
        row, rows = combined(stratum[inside])
        cell = row * hosts + host[inside]
        counts, failed = (sums(cell, x[inside], rows * hosts).reshape(rows, hosts) for x in (n, x))
        total = counts.sum(axis=1)
        share = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        rate = failed.sum(axis=1) * share
        laplacians[one] = np.diag(counts.sum(axis=0)) - counts.T @ (share[:, None] * counts)
        # b of one chunk is the sum over its strata of x_hs - n_hs x_s / n_s.
        right[one] = (failed - rate[:, None] * counts).sum(axis=0)
        compared += counts[np.count_nonzero(counts, axis=1) > 1].sum(axis=0)
    laplacian = laplacians.sum(axis=0)
    _, component = connected_components(sparse.csr_array(np.abs(laplacian) > 1e-9), directed=False)
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    effects = inverse @ right.sum(axis=0)
    scores = (right - laplacians @ effects) @ inverse
    return HostEffects(effects=effects, scores=scores, component=component.astype(np.int64), compared=compared)


def between_groups(values: Floats, group: Ints, one: int, *, n: int = 0) -> Estimate | None:
    """Mean of the hosts of `one` group minus the mean of the other groups' means, hosts as the sample.

    Each group has a variance of its own: two laptops that differ say nothing of six machines that are alike
    (Welch's test, Biometrika 34 (1947), with Satterthwaite's degrees of freedom).

    Args:
        values: (hosts,) one number a host.
        group: (hosts,) whole numbers from 0.
        one: The group that is compared with the rest.
        n: Attempts behind the numbers.

    Returns:
        None with fewer than two groups, or a group of one host.
    """
    contrast = group_contrast(group, one)
    if contrast is None:
        return None
    total, below = 0.0, 0.0
    for g in np.unique(group):
        mine = group == g
        hosts = int(mine.sum())
        if hosts < 2:
            return None
        # Each host of a group has the same weight: the group's mean is what counts.
        part = float(contrast[mine].sum()) ** 2 * float(np.var(values[mine], ddof=1)) / hosts
        total += part
        below += part**2 / (hosts - 1)
    fewest = min(int((group == g).sum()) for g in np.unique(group)) - 1
    freedom = total**2 / below if below > 0 else fewest
    return Estimate(value=float(contrast @ values), spreads=(Spread(math.sqrt(total), freedom),), n=n)


def sole_host(values: Floats, group: Ints, one: int, bound: float) -> int | None:
    """The host without which a difference of groups would not exceed a bound; None: it does not hang on one host.

    Args:
        values: (hosts,) one number a host.
        group: (hosts,) whole numbers from 0.
        one: The group that is compared with the rest.
        bound: In absolute value.
    """
    contrast = group_contrast(group, one)
    if contrast is None or abs(float(contrast @ values)) <= bound:
        return None
    left: dict[int, float] = {}
    for host in range(len(values)):
        others = np.arange(len(values)) != host
        without = group_contrast(group[others], one)
        if without is not None and len(without):
            left[host] = abs(float(without @ values[others]))
    most = min(left, key=lambda h: (left[h], h), default=None)
    return most if most is not None and left[most] <= bound else None


def group_contrast(group: Ints, one: int) -> Floats | None:
    """Weights of the hosts in "mean of `one` minus mean of the other groups' means"; None without both."""
    others = [g for g in np.unique(group) if g != one]
    mine = group == one
    if not others or not mine.any():
        return None
    weights = mine / mine.sum()
    for g in others:
        weights = weights - (group == g) / (group == g).sum() / len(others)
    return np.asarray(weights, dtype=np.float64)


def one_sample(values: Floats, *, n: int = 0) -> Estimate | None:
    """Mean over hosts with the one-sample t; None with fewer than two."""
    if len(values) < 2:
        return None
    se = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(value=float(np.mean(values)), spreads=(Spread(se, len(values) - 1),), n=n)


def over_chunks(value: float, scores: Floats, informed: int, *, n: int = 0) -> Estimate:
    """An estimate whose error is the sum of independent chunks' scores, t with chunks - 1."""
    if informed < 2:
        return Estimate(value=value, spreads=(Spread(math.inf, 0),), n=n)
    se = math.sqrt(informed / (informed - 1) * float(scores @ scores))
    return Estimate(value=value, spreads=(Spread(se, informed - 1),), n=n)


def weighted_mean(effects: Floats, variances: Floats, *, n: int = 0) -> Estimate | None:
    """Mean of effects that are unequally well known; None with fewer than two.

    Paule-Mandel's variance between hosts and the Hartung-Knapp-Sidik-Jonkman error with t (hosts - 1), by
    statsmodels' `combine_effects`: few attempts on a host must not count as much as many.

    Args:
        effects: (hosts,) one number a host.
        variances: (hosts,) sampling variance of each, above 0.
        n: Attempts behind the numbers.
    """
    if len(effects) < 2:
        return None
    # Its import takes a second, which only unequal hosts should pay.
    from statsmodels.stats.meta_analysis import combine_effects

    # Its share of heterogeneity, not used here, divides by zero where all hosts agree exactly.
    with np.errstate(divide="ignore", invalid="ignore"):
        result = combine_effects(effects, variances, method_re="iterated", use_t=False)
    low, high = result.conf_int(use_t=True)[3]
    df = len(effects) - 1
    se = float(high - low) / 2 / float(special.stdtrit(df, 0.975))
    return Estimate(value=float(result.mean_effect_re), spreads=(Spread(se, df),), n=n)
