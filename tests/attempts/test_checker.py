from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from attempts.checker import DEFAULT_RULES, Checker, ColumnRule, SchemaError


class Sample(msgspec.Struct, array_like=True):
    size: int
    share: float
    name: str | None = None
    colour: str = "red"


CHECKER = Checker(Sample, {"colour": ColumnRule(Literal["red", "blue"], "is red or blue")})


def test_value_that_keeps_the_rules_is_encoded_as_it_is() -> None:
    sample = Sample(3, 0.5, "x", "blue")
    assert msgspec.msgpack.decode(CHECKER.checked_bytes(sample), type=Sample) == sample


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        (Sample(-1, 0.5), f"size = -1 breaks the attempt contract: size {DEFAULT_RULES[int].words}"),
        (Sample(1, 0.5, 3), "name = 3 .* name is null or a string"),  # type: ignore[arg-type]
        (Sample(1, 0.5, colour="green"), "colour = 'green' .* colour is red or blue"),
        (Sample(2**64, 0.5), "size = 18446744073709551616"),
        (Sample(1, object()), "share = <object"),  # type: ignore[arg-type]
        (Sample(1, 0.5, "\ud800"), "name = "),
    ],
)
def test_refusal_names_the_field_the_value_and_the_rule(sample: Sample, sentence: str) -> None:
    with pytest.raises(SchemaError, match=sentence):
        CHECKER.checked_bytes(sample)
