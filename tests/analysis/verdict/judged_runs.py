"""Runs held against the service levels."""

from pathlib import Path

import pandas as pd

from analysis.reduction.overview import Overview, describe
from analysis.runs.dataset import attempts_table, open_runs
from analysis.verdict.service_levels import Levels, Slo, judge
from analysis.verdict.slo_check import SloCheck
from tests.analysis.run_folders import write_run


def overview_of(tmp_path: Path, rows: pd.DataFrame) -> Overview:
    return describe(attempts_table(open_runs([write_run(tmp_path / "run", rows)])))


def check(slo: Slo, name: str) -> SloCheck:
    return next(check for check in slo.checks if check.name == name)


def judged(tmp_path: Path, rows: pd.DataFrame, levels: Levels | None = None) -> Slo:
    return judge(overview_of(tmp_path, rows), levels or Levels())
