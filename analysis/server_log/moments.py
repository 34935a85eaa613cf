"""Times of day as logs write them, in epoch seconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

# datetime reads no more than microseconds; some logs have nanoseconds.
_LONG_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
# Before 1990 and after 2100 it is no time of a log of ours: a number that was taken for one.
_FIRST_S: Final = 631_152_000.0
_LAST_S: Final = 4_102_444_800.0
# From here on a number counts thousandths, millionths (journald), billionths of a second.
_FINER_FROM: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_FORMS: Final = (
    "%d/%b/%Y:%H:%M:%S %z",  # nginx's and Apache's $time_local
    "%d/%b/%Y:%H:%M:%S.%f",  # haproxy's
    "%d/%b/%Y:%H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z",  # gunicorn's
    "%Y/%m/%d %H:%M:%S",  # Go's, and nginx's error log
)


def epoch_s(text: str | float) -> float | None:
    """A time in epoch seconds; None if it is none. Without a zone it is taken to be UTC."""
    if isinstance(text, int | float):
        return _from_number(float(text))
    text = text.strip()
    if text[:1].isdigit() and text.replace(".", "", 1).isdigit():
        return _from_number(float(text))
    try:
        return _in_range(_seconds(datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text).replace(",", "."))))
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return _in_range(_seconds(datetime.strptime(text, form)))
        except ValueError:
            continue
    return None


def _seconds(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _from_number(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    unit = next((unit for least, unit in _FINER_FROM if value >= least), 1.0)
    return _in_range(value / unit)


def _in_range(at_s: float) -> float | None:
    return at_s if _FIRST_S <= at_s <= _LAST_S else None
