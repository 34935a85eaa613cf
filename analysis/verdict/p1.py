"""The seed's suite P1: what became of each check, and of the seed's five success criteria.

A check that failed by a mistake of its own (`test_mistake`: the server did as it should) fails the criteria, as it
would have in the seed, and accuses nobody: such a run is void, and its service levels leave those checks out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from analysis.reduction.overview import Overview
from analysis.stats.rates import clopper_pearson
from analysis.verdict.service_levels import Levels, max_duration, success_ratio, timeouts
from analysis.verdict.slo_check import SloCheck
from analysis.verdict.stability import worst_stability
from attempts.p1_checks import DESCRIBED, NUMBERS, TEST_MISTAKE, name_of

WORST_CHECK: Final = "success_ratio_worst_check"
# The seed's words for its criteria, by the names of what they are held against here.
CRITERIA: Final[Mapping[str, str]] = {
    WORST_CHECK: "All P1 staging tests pass",
    "max_duration_s": "Test duration under 30 seconds per test",
    "success_ratio": "95% success rate across test runs",
    "timeouts": "No timeout failures in staging tests",
    "stability": "System stability maintained",
}


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What became of one check, each time that it was run.

    Attributes:
        number: In the seed's suite.
        n, ok, timeouts, failed: How often it was run, and how that ended.
        by_test: How often it failed by a mistake of its own.
        longest_s: Its longest run; None = it was not run.
        cause: Of its failures, the commonest; None = it has none.
        why: What a row says of that, or of its success; "" = nothing.
    """

    number: int
    n: int
    ok: int
    timeouts: int
    failed: int
    by_test: int
    longest_s: float | None
    cause: str | None
    why: str

    @property
    def name(self) -> str:
        """As rows name it."""
        return name_of(self.number)

    @property
    def title(self) -> str:
        """What it checks."""
        return DESCRIBED[self.number]

    @property
    def state(self) -> str:
        """passed, failed, test_mistake (each failure was the test's own), or not_run."""
        if not self.n:
            return "not_run"
        if self.ok == self.n:
            return "passed"
        return TEST_MISTAKE if self.by_test == self.n - self.ok else "failed"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One suite that was run: its described checks, and the seed's criteria (`CRITERIA`, in their order)."""

    scenario: str
    checks: tuple[CheckResult, ...]
    criteria: tuple[SloCheck, ...]


def suites(overview: Overview, levels: Levels, *, is_void: bool) -> tuple[Suite, ...]:
    """The suites that the runs named have run.

    Args:
        overview: The runs' small tables.
        levels: The limits of the criteria.
        is_void: Rows are missing, or the generator was impaired: nothing may be ticked.
    """
    rows = overview.checks
    return tuple(
        _suite(str(scenario), mine, overview, levels, is_void=is_void)
        for scenario, mine in rows[rows["operation"].isin(list(NUMBERS))].groupby("scenario")
    )


def mistakes(found: Sequence[Suite]) -> str:
    """A sentence where checks failed by mistakes of their own; empty where none did."""
    said = []
    for suite in found:
        wrong = [check for check in suite.checks if check.by_test]
        if wrong:
            names = ", ".join(check.name for check in wrong)
            run = sum(check.n > 0 for check in suite.checks)
            said.append(f"{len(wrong)} of the {run} checks of {suite.scenario} ({names})")
    if not said:
        return ""
    return f"{' and '.join(said)} failed by mistakes of the test itself, and say nothing of the server."


def _suite(scenario: str, rows: pd.DataFrame, overview: Overview, levels: Levels, *, is_void: bool) -> Suite:
    checks = tuple(_result(number, rows[rows["operation"] == name_of(number)]) for number in DESCRIBED)
    criteria: tuple[SloCheck, ...] = (
        _worst(checks),
        max_duration(rows, levels.max_duration_s),
        success_ratio(rows, levels.success_ratio, "success_ratio", "checks"),
        timeouts(rows, levels.timeouts),
        worst_stability(rows, overview, levels.worsening_ratio),
    )
    if is_void:
        criteria = tuple(replace(one, state="void") for one in criteria)
    return Suite(scenario=scenario, checks=checks, criteria=criteria)


def _result(number: int, rows: pd.DataFrame) -> CheckResult:
    by_outcome = rows.groupby("outcome")["n"].sum()
    bad = rows[rows["outcome"] != "ok"]
    causes = bad.groupby("cause")["n"].sum()
    cause = None if causes.empty else str(causes.idxmax())
    told = (rows if cause is None else bad[bad["cause"] == cause])["example"].dropna()
    return CheckResult(
        number=number,
        n=int(rows["n"].sum()),
        ok=int(by_outcome.get("ok", 0)),
        timeouts=int(by_outcome.get("timeout", 0)),
        failed=int(by_outcome.get("failed", 0)),
        by_test=int(causes.get(TEST_MISTAKE, 0)),
        longest_s=float(rows["longest_s"].max()) if len(rows) else None,
        cause=cause,
        why="" if told.empty else str(told.iloc[0]),
    )


def _worst(checks: Sequence[CheckResult]) -> SloCheck:
    """The share of passes of the check that passes least; each check must have been run."""
    run = [check for check in checks if check.n]
    worst = min(run, key=lambda check: check.ok / check.n)
    low, high = clopper_pearson(worst.ok, worst.n)
    passing = sum(check.ok == check.n for check in run)
    why = f"{passing} of {len(checks)} checks passed each time; {worst.name}, the worst, {worst.ok} of {worst.n}."
    missing = len(checks) - len(run)
    if missing:
        why += f" {missing} were not run."
    value = worst.ok / worst.n
    return SloCheck(
        name=WORST_CHECK,
        value=value,
        low=low,
        high=high,
        limit=1.0,
        state="breached" if value < 1 else "void" if missing else "met",
        n=sum(check.n for check in run),
        why=why,
    )
