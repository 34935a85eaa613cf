from analysis.report.figures.theme import colours, faded, log_axis


def test_platform_keeps_its_colour_whoever_is_beside_it() -> None:
    alone, beside = colours(["Windows"]), colours(["Windows", "Linux", "other"])
    assert alone["Windows"] == beside["Windows"]
    assert len(set(beside.values())) == 3


def test_more_names_than_colours_start_again() -> None:
    assert len(colours(map(str, range(40)))) == 40


def test_faded_colour_is_css() -> None:
    assert faded("#ff0080", 0.5) == "rgba(255,0,128,0.5)"


def test_log_axis_has_ticks_inside_its_range() -> None:
    axis = log_axis(0.02, 3.0)
    assert {"0.05", "0.1", "0.2", "1", "2"} <= set(axis["ticktext"])  # type: ignore[call-overload]
    wide = log_axis(0.0001, 1.0, percent=True)
    assert "10 %" in wide["ticktext"]  # type: ignore[operator]
    assert "50 %" not in wide["ticktext"]  # type: ignore[operator]
