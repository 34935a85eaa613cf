"""Each of the 25 checks is described or not, and none is both."""

from __future__ import annotations

from attempts.p1_checks import DESCRIBED, NOT_DESCRIBED, NUMBERS, name_of


def test_each_of_the_25_checks_is_described_or_said_not_to_be() -> None:
    assert sorted([*DESCRIBED, *NOT_DESCRIBED]) == list(range(1, 26))


def test_a_check_is_found_by_the_operation_of_its_rows() -> None:
    assert name_of(4) == "p1_04"
    assert {name_of(number): number for number in DESCRIBED} == NUMBERS
