"""The overview of a run in which some attempts timed out."""

import pytest

from analysis.reduction.overview import Overview, describe
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, write_run


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Overview:
    folder = write_run(tmp_path_factory.mktemp("figures") / "run", attempts(2000, timeouts=0.05))
    return describe(attempts_table(open_runs([folder])))
