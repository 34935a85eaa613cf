from __future__ import annotations

from scenarios.control.fleet_versions import versions_apart


def test_each_version_that_differs_is_named_with_both() -> None:
    sentence = versions_apart({"locust": "2.46.0", "python": "3.11.9", "gevent": "26.9.0"}, {
        "locust": "2.47.0", "python": "3.12.1", "gevent": "26.9.0",
    })  # fmt: skip
    assert sentence is not None
    assert "locust 2.46.0 instead of 2.47.0, python 3.11.9 instead of 3.12.1" in sentence


def test_a_library_that_only_one_of_them_has_is_no_difference() -> None:
    assert versions_apart({"wsoak": "0.1.0", "uvloop": "1"}, {"wsoak": "0.1.0", "websockets": "16"}) is None
