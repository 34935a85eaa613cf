"""Where the values of an axis lie."""

from __future__ import annotations

import numpy as np

from analysis.report.stills.places import Places


def test_numbers_lie_where_they_are() -> None:
    places = Places([1, None, 2.5])
    assert places.of([2.5, 7])[:2] == [2.5, 7.0]
    assert np.isnan(places.one(None))
    assert places.names == []


def test_names_lie_in_their_order_or_in_the_one_that_is_given() -> None:
    assert Places(["b", "a", "b"]).of(["a", "b"]) == [1.0, 0.0]
    assert Places(["b"], ["a", "b"]).names == ["a", "b"]


def test_numbers_of_an_axis_of_names_are_names() -> None:
    assert Places([3, 5], is_names=True).names == ["3", "5"]


def test_moments_lie_in_time() -> None:
    places = Places(["2026-01-05 09:00:00", None, "2026-01-05T09:00:01+00:00"])
    first, nothing, last = places.of(["2026-01-05 09:00:00", None, "2026-01-05T09:00:01+00:00"])
    assert last - first == np.timedelta64(1, "s") and np.isnat(nothing)


def test_a_name_that_is_no_moment_makes_names_of_all() -> None:
    assert Places(["2026-01-05 09:00:00", "host-0000001"]).names == ["2026-01-05 09:00:00", "host-0000001"]
