import orjson

from analysis.report import figures
from analysis.report.figures.alternative import in_words, plain
from analysis.report.figures.theme import empty
from tests.analysis.run_folders import health


def test_long_series_is_told_by_its_range() -> None:
    lines = in_words(figures.generator_vitals(health(90, workers=1, lag_s=0.01)))
    assert lines[0].startswith("w0: 90 points from ")
    assert lines[0].endswith(", 0.01 to 0.01.")


def test_empty_figure_says_what_is_missing() -> None:
    assert in_words(empty("No attempt was made.")) == ["No attempt was made."]


def test_only_the_markup_of_figures_is_kept() -> None:
    shown = orjson.loads(plain('{"name": "a<br>b<a href=x><extra>c</extra>"}'))
    assert shown == {"name": "a<br>b&lt;a href=x><extra>c</extra>"}
    assert "<" not in plain('["</script>"]')
