"""Margin, error rate and service levels: from the command line, else from the run, else the default.

A run is judged by what it was started with, unless the command line says otherwise: both are decided
before the data are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from analysis.model import Criteria
from analysis.runs.manifest import FILE_NAME, ManifestError, read_manifest
from analysis.verdict.service_levels import Levels


class SettingsError(Exception):
    """A setting breaks its rule, or runs disagree: one sentence, exit status 2."""


# name of the option -> (where run.json's `settings` has it, rule in words, least, most); bounds exclusive
# where an interval of risks would be empty or all.
_RULES: Final[Mapping[str, tuple[tuple[str, ...], str, float, float]]] = {
    "margin": (("margin",), "an absolute risk above 0 and below 1", math.nextafter(0, 1), math.nextafter(1, 0)),
    "alpha": (("alpha",), "an error rate above 0 and below 1", math.nextafter(0, 1), math.nextafter(1, 0)),
    "slo_success_ratio": (("slo", "success_ratio"), "a ratio between 0 and 1", 0.0, 1.0),
    "slo_max_duration_s": (("slo", "max_duration_s"), "a number of seconds above 0", math.nextafter(0, 1), math.inf),
    "slo_timeouts": (("slo", "timeouts"), "a whole number, 0 or more", 0, math.inf),
    "slo_worsening_ratio": (("slo", "worsening_ratio"), "a ratio between 0 and 1", 0.0, 1.0),
    "slo_slowdown_ratio": (("slo", "slowdown_ratio"), "a ratio, 0 or more", 0.0, math.inf),
}


def settings_for(folders: Sequence[Path], given: Mapping[str, Any]) -> tuple[Criteria, Levels]:
    """Settings and service levels for runs that are analysed together.

    Args:
        folders: Run folders; those without a readable `run.json` set nothing.
        given: Values by option name (`slo_success_ratio`); None = not given.

    Raises:
        SettingsError: A value breaks its rule, or the runs were started with different values and the
            command line does not say which counts.
    """
    recorded = [(folder, _recorded(folder)) for folder in folders]
    values: dict[str, float] = {}
    for option, (path, rule, least, most) in _RULES.items():
        value, source = given.get(option), f"--{option.replace('_', '-')}"
        if value is None:
            value, source = _agreed(option, path, recorded)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise SettingsError(f"{source} = {value!r} is not allowed: it is {rule}.")
        values[option] = value
    levels = {option.removeprefix("slo_"): value for option, value in values.items() if option.startswith("slo_")}
    if "timeouts" in levels:
        levels["timeouts"] = int(levels["timeouts"])
    settings = {option: value for option, value in values.items() if not option.startswith("slo_")}
    criteria = Criteria(
        **settings,
        rehearsal=bool(given.get("rehearsal")),
        allow_less_load=bool(given.get("allow_less_load"))
        or (bool(recorded) and all(one.get("allow_less_load") is True for _, one in recorded)),
        has_credentials=not recorded or any(one.get("credentials") != [] for _, one in recorded),
    )
    return criteria, Levels(**levels)  # type: ignore[arg-type]


def _recorded(folder: Path) -> Mapping[str, Any]:
    """`settings` of a run's `run.json`; empty where there is none that can be read."""
    try:
        manifest = read_manifest(folder) or {}
    except ManifestError:
        return {}
    settings = manifest.get("settings")
    return settings if isinstance(settings, dict) else {}


def _agreed(option: str, path: tuple[str, ...], recorded: Sequence[tuple[Path, Mapping[str, Any]]]) -> tuple[Any, str]:
    values = [(folder, _dig(settings, path)) for folder, settings in recorded]
    known = [(folder, value) for folder, value in values if value is not None]
    if not known:
        return None, ""
    first_folder, first = known[0]
    for folder, value in known[1:]:
        if value != first:
            raise SettingsError(
                f"{first_folder} was run with {'.'.join(path)} = {first!r} and {folder} with {value!r}: "
                f"say which counts with --{option.replace('_', '-')}."
            )
    return first, f"{first_folder}/{FILE_NAME}: settings.{'.'.join(path)}"


def _dig(settings: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = settings
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
