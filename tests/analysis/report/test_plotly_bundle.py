import hashlib

from plotly.offline import get_plotlyjs_version

from analysis.report.plotly_bundle import FILE, FOLDER, SHA256, VERSION, plotly_js


def test_bundle_is_the_file_that_was_published() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256
    assert f"plotly.js (basic - minified) v{VERSION}" in plotly_js()[:200]
    assert "MIT" in (FOLDER / "LICENSE").read_text(encoding="utf-8")


def test_bundle_is_the_version_that_the_figures_are_written_for() -> None:
    assert get_plotlyjs_version() == VERSION


def test_bundle_can_stand_in_a_script_element() -> None:
    assert "</script" not in plotly_js().lower()
    assert "<!--" not in plotly_js()
