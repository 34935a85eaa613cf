"""Where the values of one axis lie: numbers where they are, moments and names in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np


class Places:
    """Where the values of one axis lie: numbers where they are, moments and names in their order.

    Attributes:
        names: Of the places 0, 1, ... of an axis of names; empty for other axes.
    """

    def __init__(self, values: Sequence[Any], order: Sequence[str] = (), *, is_names: bool = False) -> None:
        present = [value for value in values if value is not None]
        self.is_time = bool(present) and not is_names and all(_moment(value) is not None for value in present)
        has_text = any(isinstance(value, str) for value in present)
        is_listed = is_names or (has_text and not self.is_time)
        self.names = list(dict.fromkeys([*order, *map(str, present)])) if is_listed else []
        self._place = {name: float(number) for number, name in enumerate(self.names)}

    def of(self, values: Sequence[Any]) -> list[Any]:
        """Each value's place; nan: none."""
        return [self.one(value) for value in values]

    def one(self, value: Any) -> Any:
        """A value's place."""
        if value is None:
            return np.datetime64("NaT") if self.is_time else np.nan
        if self.is_time:
            moment = _moment(value)
            return np.datetime64("NaT") if moment is None else np.datetime64(moment)
        if self.names:
            return self._place.get(str(value), value)
        return float(value)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        return None
