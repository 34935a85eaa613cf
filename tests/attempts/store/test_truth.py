from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attempts.store import truth
from attempts.store.part_folder import StoreError
from attempts.store.truth import store_truth


def store(folder: Path, lines: list[Any], tail: bytes = b"") -> tuple[tuple[int, int], list[dict[str, Any]]]:
    source = folder / "truth.jsonl"
    source.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + tail)
    counts = store_truth(source, folder / "truth.parquet")
    return counts, pq.read_table(folder / "truth.parquet").to_pylist()


def test_lines_with_different_keys_become_one_table(tmp_path: Path) -> None:
    lines = [
        {"kind": "connection", "ordinal": 1, "fault": None, "hit": True},
        {"kind": "window", "opened_at": 5, "share": 0.5},
    ]
    counts, rows = store(tmp_path, lines)
    assert counts == (2, 0)
    names = ["kind", "ordinal", "fault", "hit", "opened_at", "share"]
    assert rows == [{name: line.get(name) for name in names} for line in lines]
    assert pq.read_schema(tmp_path / "truth.parquet").metadata[b"schema_version"] == b"1"


def test_torn_last_line_is_left_out_and_counted(tmp_path: Path) -> None:
    counts, rows = store(tmp_path, [{"a": 1}], tail=b'{"a": 2, "b')
    assert counts == (1, 1)
    assert rows == [{"a": 1}]


def test_mixed_and_nested_values_become_text(tmp_path: Path) -> None:
    _, rows = store(tmp_path, [{"a": 1, "n": 1, "b": 2**64}, {"a": "x", "n": 1.5, "b": [1, {"c": None}]}])
    assert rows == [{"a": "1", "n": 1.0, "b": str(2**64)}, {"a": "x", "n": 1.5, "b": '[1,{"c":null}]'}]


def test_empty_truth_is_an_empty_table(tmp_path: Path) -> None:
    assert store(tmp_path, []) == ((0, 0), [])


def test_truth_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    store(tmp_path, [{"a": 1}])
    with pytest.raises(StoreError, match="cannot write"):
        store_truth(tmp_path / "absent.jsonl", tmp_path / "truth.parquet")
    assert pq.read_table(tmp_path / "truth.parquet").to_pylist() == [{"a": 1}]
    assert list(tmp_path.glob("*.tmp")) == []


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
plain = st.characters(exclude_categories=["Cs"])


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(plain, min_size=1), st.sampled_from([bool, int, str]), min_size=1, max_size=4).flatmap(
        lambda kinds: st.lists(st.fixed_dictionaries({k: st.none() | st.from_type(t) for k, t in kinds.items()}))
    )
)
def test_values_survive_in_batches(tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]) -> None:
    lines = [{k: v for k, v in line.items() if not isinstance(v, int) or abs(v) < 2**63} for line in lines]
    folder = tmp_path_factory.mktemp("truth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "_BATCH_LINES", 2)
        (stored, rejected), rows = store(folder, lines)
    names = {name for line in lines for name in line}
    assert (stored, rejected) == (len(lines), 0)
    assert rows == [{name: line.get(name) for name in names} for line in lines] if names else True
