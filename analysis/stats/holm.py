"""Holm's step-down with weights: several claims, one error rate for all of them."""

from __future__ import annotations

from collections.abc import Mapping


def weighted_holm(p_values: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: reject where at most alpha, and the family's error rate is at most alpha.

    S. Holm, Scandinavian Journal of Statistics 6 (1979), section 4: ordered by p/weight, each step
    divides by the weight that is left. Equal weights give the well-known step.

    Args:
        p_values: Of each hypothesis, 0 to 1.
        weights: Positive, of each hypothesis (the scale does not matter).

    Returns:
        The adjusted p-value of each, at most 1.
    """
    adjusted: dict[str, float] = {}
    left = sum(weights[name] for name in p_values)
    running = 0.0
    for name in sorted(p_values, key=lambda each: (p_values[each] / weights[each], each)):
        running = max(running, min(1.0, p_values[name] * left / weights[name]))
        adjusted[name] = running
        left -= weights[name]
    return adjusted


def bonferroni(p_value: float, tests: int) -> float:
    """The p-value of the best of `tests` looks."""
    return min(1.0, p_value * max(1, tests))
