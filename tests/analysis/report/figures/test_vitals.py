"""Vitals of the load generators."""

from analysis.reduction.overview import Overview
from analysis.report import figures
from tests.analysis.run_folders import health


def test_vitals_of_many_workers_show_the_worst(overview: Overview) -> None:
    few = figures.generator_vitals(health(5, workers=3))
    assert {trace.name for trace in few.data} == {"w0", "w1", "w2"}
    many = figures.generator_vitals(health(5, workers=20))
    assert {trace.name for trace in many.data} == {"worst of 20 workers"}
