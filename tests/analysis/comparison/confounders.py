"""Runs in which a platform is worse, and what of it is judged once something is confounded."""

from typing import Any

from analysis.model import Finding, Settings
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide
from tests.analysis.tables_by_hand import sketched


def confounded(tables: Tables, claim: str = "platform") -> tuple[Finding, dict[str, bool | None]]:
    finding = decide(tables, Settings()).claims[claim]
    return finding, {check.name: check.ok for check in finding.checks}


def worse_windows(**given: Any) -> Tables:
    return sketched(3, suspect="platform", effect=0.03, **given)
