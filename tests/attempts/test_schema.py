from __future__ import annotations

import msgspec
import pytest

from attempts import schema
from attempts.schema import COLUMNS, Attempt, ConnectionFacts, SchemaError, WorkerFacts
from tests.attempts.recording import exchange


@pytest.mark.parametrize(
    ("level", "struct", "extra"),
    [("worker", WorkerFacts, set()), ("connection", ConnectionFacts, set()), ("attempt", Attempt, {"facts"})],
)
def test_each_column_is_carried_by_the_part_of_the_row_that_it_names(
    level: str, struct: type[msgspec.Struct], extra: set[str]
) -> None:
    assert {c.name for c in COLUMNS if c.level == level} | extra == set(struct.__struct_fields__)


def test_null_is_allowed_exactly_where_the_contract_says() -> None:
    fields = {f.name: f for struct in (WorkerFacts, ConnectionFacts, Attempt) for f in msgspec.structs.fields(struct)}
    assert {c.name for c in COLUMNS if c.nullable} == {n for n, f in fields.items() if "None" in str(f.type)}


def test_every_rule_belongs_to_a_column() -> None:
    assert schema.RULES.keys() - {"facts"} <= {c.name for c in COLUMNS}


def test_check_and_checked_bytes_agree() -> None:
    row = exchange(0, detail="as seen")
    schema.check(row)
    assert msgspec.msgpack.decode(schema.checked_bytes(row), type=Attempt) == row
    row.phase = "nowhere"
    with pytest.raises(SchemaError, match="phase = 'nowhere'"):
        schema.check(row)
    with pytest.raises(SchemaError, match="phase = 'nowhere'"):
        schema.checked_bytes(row)
