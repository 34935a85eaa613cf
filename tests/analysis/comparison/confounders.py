"""Runs in which a platform is worse, and what of it is judged once something is confounded."""

from analysis.model import Settings
from analysis.verdict.decide import decide
from tests.analysis.tables_by_hand import sketched


def confounded(tables, claim="platform"):
    finding = decide(tables, Settings()).claims[claim]
    return finding, {check.name: check.ok for check in finding.checks}


def worse_windows(**given):
    return sketched(3, suspect="platform", effect=0.03, **given)
