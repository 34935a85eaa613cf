"""Runs in which a platform is worse, and what of it is judged once something is confounded."""

from typing import Any

from analysis.model import Finding
from analysis.reduction.tables import Tables
from tests.analysis.deciding import found_alone
from tests.analysis.tables_by_hand import sketched


def confounded(tables: Tables, claim: str = "platform") -> tuple[Finding, dict[str, bool | None]]:
    finding = found_alone(tables, claim)
    return finding, {check.name: check.ok for check in finding.checks}


def worse_windows(**given: Any) -> Tables:
    return sketched(3, suspect="platform", effect=0.03, **given)
