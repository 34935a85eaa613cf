from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attempts.intervals import Intervals
from attempts.store import audit
from attempts.store.audit import count_rows, worker_rows
from attempts.store.tables import ATTEMPTS_SCHEMA


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30))), max_size=3),
    st.integers(1, 10),
)
def test_counts_are_those_of_a_plain_count(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[str, int]]], batch_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    for n, rows in enumerate(files):
        write(folder / f"{n}.parquet", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "ROW_GROUP_ROWS", batch_rows)
        stored = count_rows(sorted(folder.iterdir()))
    everything = [row for rows in files for row in rows]
    assert stored.rows == len(everything)
    assert stored.outcomes == ({"ok": len(everything)} if everything else {})
    for worker in "abc":
        seqs = [seq for w, seq in everything if w == worker]
        assert stored.seqs.get(worker, Intervals()) == Intervals((seq, seq) for seq in seqs)
        assert stored.doubled.get(worker, 0) == len(seqs) - len(set(seqs))


def test_workers_are_those_that_are_stored_and_those_that_said_they_wrote(tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", [("a", 0), ("a", 2), ("b", 0)])
    rows = worker_rows(count_rows([tmp_path / "0.parquet"]), {"a": 3, "c": 1})
    assert [(r.worker, r.rows_written, sum(map(len, r.missing))) for r in rows] == [
        ("a", 3, 1),
        ("b", None, 0),
        ("c", 1, 1),
    ]


def write(path: Path, rows: list[tuple[str, int]]) -> None:
    import pyarrow as pa

    given = {"worker": [w for w, _ in rows], "seq": [s for _, s in rows], "outcome": ["ok"] * len(rows)}
    schema = pa.schema([ATTEMPTS_SCHEMA.field(name) for name in given])
    pq.write_table(pa.table(given, schema=schema), path)
