"""An estimate with its interval in words: the same digits wherever people read them."""

from __future__ import annotations


def points(ratio: float | None, *, sign: bool = False) -> str:
    """A ratio in percent points with as many digits as matter; null is a dash."""
    if ratio is None:
        return "–"
    return f"{100 * ratio:{'+' if sign else ''}.2f}"


def interval_words(
    estimate: float,
    low: float | None,
    high: float | None,
    *,
    is_rate: bool = False,
    before: str = "",
    without: str = "",
) -> str:
    """An estimate with its interval: "+1.20 points (+0.80 to +1.70)"; a bound that does not exist is a dash.

    Args:
        estimate: A ratio, as its bounds.
        low: None = there is no such bound.
        high: As `low`.
        is_rate: It is a share, in percent, and has no sign.
        before: Stands before the bounds.
        without: Stands in place of an interval that has no bounds.
    """
    sign = not is_rate
    text = f"{points(estimate, sign=sign)} {'%' if is_rate else 'points'}"
    if low is None and high is None:
        return text + without
    return f"{text} ({before}{points(low, sign=sign)} to {points(high, sign=sign)})"
