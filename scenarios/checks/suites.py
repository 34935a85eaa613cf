"""The suites by the names of their scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attempts.p1_checks import NAIVE_SCENARIO, SCENARIO
from scenarios.checks.naive import NAIVE
from scenarios.checks.p1 import P1
from scenarios.checks.steps import SuiteCheck

SUITES: Final[Mapping[str, tuple[SuiteCheck, ...]]] = {SCENARIO: P1, NAIVE_SCENARIO: NAIVE}
