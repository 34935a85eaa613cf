"""Draws that hostile runs are made of: a number on a log scale, one of several values."""

from __future__ import annotations

from typing import Any

import numpy as np

Rng = np.random.Generator


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number between two, evenly on a log scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def pick(rng: Rng, values: tuple[Any, ...], shares: tuple[float, ...] | None = None) -> Any:
    """One of the values, each as likely as the others or by its share."""
    return values[int(rng.choice(len(values), p=shares))]
