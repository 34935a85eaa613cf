from analysis.report import figures
from analysis.report.figures.marks import marked
from analysis.report.figures.theme import empty
from analysis.runs.marks import Mark
from tests.analysis.run_folders import START_S, health


def test_marks_stand_on_the_time_axis() -> None:
    mark = Mark(start_s=START_S + 1, end_s=START_S + 2, text="deployed")
    figure = figures.generator_vitals(health(5))
    before = len(figure.layout.annotations)
    marked(figure, [mark])
    assert [note.text for note in figure.layout.annotations[before:]] == ["deployed"]


def test_figure_without_data_is_not_marked() -> None:
    figure = marked(empty("nothing"), [Mark(start_s=1, end_s=1, text="deployed")])
    assert len(figure.layout.shapes) == 0
