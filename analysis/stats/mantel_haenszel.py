"""Difference of two risks within strata (Mantel-Haenszel), its error from chunks of time.

Attempts of one minute fail together, so no formula here takes attempts for independent trials: the
scores are summed within a chunk of the run, and the chunks are the sample (Student's t with one less).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.stats.estimate import Estimate, Spread
from analysis.stats.groups import Floats, Ints, Numbers, first_of, sums

if TYPE_CHECKING:
    from statsmodels.stats.contingency_tables import StratifiedTable


class Arms(NamedTuple):
    """Counts of two arms in each stratum that holds both; each (strata,)."""

    n1: Floats
    x1: Floats
    n0: Floats
    x0: Floats
    chunk: Ints


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A risk difference within strata.

    Attributes:
        estimate: With the spread over chunks and the one of attempts that share a connection.
        scores: (chunks,) what each chunk adds to the error; they sum to zero.
        informed: Chunks in which both arms were seen.
        overlap: Share of the information of an unstratified comparison that the strata keep, 0 to 1:
            arms that were switched in blocks have none.
        n: Attempts of both arms in strata that hold both.
        arms: The strata.
    """

    estimate: Estimate
    scores: Floats
    informed: int
    overlap: float
    n: int
    arms: Arms


def two_arms(stratum: Ints, chunk: Ints, exposed: npt.NDArray[np.bool_], n: Numbers, x: Numbers) -> Arms:
    """Sum rows into strata and keep those with both arms.

    Args:
        stratum: (rows,) whole numbers from 0; a stratum lies within one chunk.
        chunk: (rows,) whole numbers from 0.
        exposed: (rows,) the arm whose risk is asked about.
        n: (rows,) attempts.
        x: (rows,) failures.
    """
    size = int(stratum.max()) + 1 if len(stratum) else 0
    n1 = sums(stratum, np.where(exposed, n, 0), size)
    n0 = sums(stratum, np.where(exposed, 0, n), size)
    x1 = sums(stratum, np.where(exposed, x, 0), size)
    x0 = sums(stratum, np.where(exposed, 0, x), size)
    of_stratum = first_of(stratum, chunk, size)
    both = (n1 > 0) & (n0 > 0)
    return Arms(n1[both], x1[both], n0[both], x0[both], of_stratum[both])


def risk_difference(
    stratum: Ints,
    chunk: Ints,
    exposed: npt.NDArray[np.bool_],
    n: Numbers,
    x: Numbers,
    *,
    chunks: int,
    design_effect: float = 1.0,
) -> Contrast | None:
    """Risk of the exposed minus risk of the others, within strata.

    sum w d / sum w with w = n1 n0 / (n1 + n0) (Mantel-Haenszel weights; Greenland and Robins,
    Biometrics 41 (1985)).

    Args:
        stratum: (rows,) whole numbers from 0; a stratum lies within one chunk.
        chunk: (rows,) whole numbers from 0 to `chunks` - 1.
        exposed: (rows,) the arm whose risk is asked about.
        n: (rows,) attempts.
        x: (rows,) failures.
        chunks: Chunks of the run.
        design_effect: Attempts per independent trial where nothing failed and clusters cannot be seen.

    Returns:
        None if no stratum holds both arms.
    """
    arms = two_arms(stratum, chunk, exposed, n, x)
    if len(arms.n1) == 0:
        return None
    everyone = float(np.where(exposed, n, 0).sum()), float(np.where(exposed, 0, n).sum())
    return _contrast(arms, everyone, chunks=chunks, design_effect=design_effect)


def risk_differences(
    group: Ints,
    stratum: Ints,
    chunk: Ints,
    exposed: npt.NDArray[np.bool_],
    n: Numbers,
    x: Numbers,
    *,
    chunks: int,
    design_effect: float = 1.0,
) -> dict[int, Contrast]:
    """As `risk_difference`, in each of several groups of rows; one without a stratum that holds both arms is left out.

    Args:
        group: (rows,) whole numbers from 0.
        stratum: (rows,) whole numbers from 0; a stratum lies within one group and one chunk.
        chunk: (rows,) whole numbers from 0 to `chunks` - 1.
        exposed: (rows,) the arm whose risk is asked about.
        n: (rows,) attempts.
        x: (rows,) failures.
        chunks: Chunks of the run.
        design_effect: Attempts per independent trial where nothing failed and clusters cannot be seen.
    """
    arms = two_arms(stratum, group * chunks + chunk, exposed, n, x)
    group_of, chunk_of = np.divmod(arms.chunk, chunks)
    arms = arms._replace(chunk=chunk_of)
    of_exposed, of_others = sums(group, np.where(exposed, n, 0)), sums(group, np.where(exposed, 0, n))
    return {
        one: _contrast(
            Arms(*(part[group_of == one] for part in arms)),
            (float(of_exposed[one]), float(of_others[one])),
            chunks=chunks,
            design_effect=design_effect,
        )
        for one in np.unique(group_of).tolist()
    }


def _contrast(arms: Arms, everyone: tuple[float, float], *, chunks: int, design_effect: float) -> Contrast:
    """The contrast of two arms, of which `everyone` are all attempts of either, in whatever stratum."""
    weight = arms.n1 * arms.n0 / (arms.n1 + arms.n0)
    total = float(weight.sum())
    difference = arms.x1 / arms.n1 - arms.x0 / arms.n0
    value = float(weight @ difference) / total
    scores = sums(arms.chunk, weight * (difference - value), chunks) / total
    informed = int(np.count_nonzero(sums(arms.chunk, weight, chunks)))
    spreads = (
        Spread(_cluster_se(scores, informed), informed - 1),
        Spread(independent_se(arms, value, design_effect=design_effect), math.inf),
    )
    crude = everyone[0] * everyone[1] / sum(everyone)
    count = int(arms.n1.sum() + arms.n0.sum())
    return Contrast(
        estimate=Estimate(value=value, spreads=spreads, n=count),
        scores=scores,
        informed=informed,
        overlap=total / crude,
        n=count,
        arms=arms,
    )


def _cluster_se(scores: Floats, informed: int) -> float:
    if informed < 2:
        return math.inf
    return math.sqrt(informed / (informed - 1) * float(scores @ scores))


def independent_se(arms: Arms, value: float, *, design_effect: float = 1.0) -> float:
    """Standard error as if only attempts in one `design_effect` shared a fate: a floor for the others.

    The larger of Sato's (consistent for few large and for many small strata) and, since that is zero
    where nothing failed, one with a success and a failure added to each arm (Agresti and Caffo,
    American Statistician 54 (2000)).
    """
    sato = sato_se(arms, value) * math.sqrt(design_effect)
    variance = 0.0
    for n, x in ((arms.n1.sum(), arms.x1.sum()), (arms.n0.sum(), arms.x0.sum())):
        trials, events = float(n) / design_effect, float(x) / design_effect
        p = (events + 1) / (trials + 2)
        variance += p * (1 - p) / (trials + 2)
    return max(sato, math.sqrt(variance))


def sato_se(arms: Arms, value: float) -> float:
    """Sato's standard error of the Mantel-Haenszel risk difference (T. Sato, Biometrics 45 (1989))."""
    n1, x1, n0, x0, _ = arms
    n = n1 + n0
    p = (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2
    q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * n)
    variance = (value * float(p.sum()) + float(q.sum())) / float((n1 * n0 / n).sum()) ** 2
    return math.sqrt(max(0.0, variance))


class OddsRatio(NamedTuple):
    """A pooled odds ratio with its 95 % interval, and the standard error of its logarithm."""

    value: float
    low: float
    high: float
    log_se: float


def pooled_odds_ratio(arms: Arms) -> OddsRatio | None:
    """Mantel-Haenszel odds ratio (statsmodels' StratifiedTable); None where it is zero, infinite or undefined.

    It takes attempts for independent: it stands beside a decision, it never makes one.
    """
    n = arms.n1 + arms.n0
    for_exposed, for_others = arms.x1 * (arms.n0 - arms.x0) / n, (arms.n1 - arms.x1) * arms.x0 / n
    if for_exposed.sum() <= 0 or for_others.sum() <= 0:
        return None
    table = stratified_table(arms)
    low, high = table.oddsratio_pooled_confint()
    return OddsRatio(float(table.oddsratio_pooled), float(low), float(high), float(table.logodds_pooled_se))


def stratified_table(arms: Arms) -> StratifiedTable:
    """The strata as statsmodels has them: rows exposed and not, columns failed and not."""
    # Its import takes a second, which most verdicts need not pay.
    from statsmodels.stats.contingency_tables import StratifiedTable

    cells = np.array([[arms.x1, arms.n1 - arms.x1], [arms.x0, arms.n0 - arms.x0]])
    return StratifiedTable(cells.astype(float))
