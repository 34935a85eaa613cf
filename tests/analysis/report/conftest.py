"""One run that is analysed once, and its page."""

from __future__ import annotations

import pytest

from analysis.model import Criteria
from analysis.pipeline import Analysis, analyse
from analysis.report.html import report_html
from analysis.verdict.service_levels import Levels
from tests.analysis.run_folders import attempts, health, manifest, write_run


@pytest.fixture(scope="session")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    rows = attempts(2000, timeouts=0.03)
    rows["host"] = rows["host"].replace("host0", "</script><b>host0")
    folder = write_run(tmp_path_factory.mktemp("report") / "run", rows, run_json=manifest(rows), vitals=health())
    return analyse([folder], settings=Criteria(), levels=Levels())


@pytest.fixture(scope="session")
def page(analysis: Analysis) -> str:
    return report_html(analysis)
