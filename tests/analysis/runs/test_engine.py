"""The two engines, and what they are told about memory and time."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis.runs.engine import EngineError, open_attempts, open_rows
from analysis.simulation.simulate import simulate_rows

ROOT = Path(__file__).parents[3]

SAME_ON_BOTH = """
import sys
import pandas as pd
from dataclasses import fields
from pyspark.sql import SparkSession
# Little work in few pieces: the default of 200 is for clusters.
SparkSession.builder.master("local[2]").config(map={
    "spark.sql.shuffle.partitions": 2, "spark.ui.enabled": "false", "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.log.level": "ERROR",
}).getOrCreate()
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_attempts
files = sys.argv[1:]
one, two = (reduce(open_attempts(files, engine=engine)) for engine in ("duckdb", "spark"))
for field in fields(one):
    left, right = getattr(one, field.name), getattr(two, field.name)
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
        print(field.name, len(left))
    else:
        assert left == right
"""


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="PySpark and Java are an extra (requirements-spark.txt)",
)
def test_spark_gives_the_tables_that_duckdb_gives(tmp_path: Path) -> None:
    rows = simulate_rows("mitigation", rows=3_000, minutes=12, seed=2)
    # A user who always fails: their rows are marked.
    one = pc.value_counts(rows["subject"])[0]["values"]
    struck = pc.if_else(pc.equal(rows["subject"], one), "failed", rows["outcome"].cast("string"))
    rows = rows.set_column(rows.column_names.index("outcome"), "outcome", struck)
    pq.write_table(rows.slice(0, 1_000), tmp_path / "a.parquet")
    pq.write_table(rows.slice(1_000).drop_columns(["site", "idle_s"]), tmp_path / "b.parquet")
    done = subprocess.run(
        [sys.executable, "-c", SAME_ON_BOTH, str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    compared = dict(line.split() for line in done.stdout.splitlines() if line.count(" ") == 1)
    assert int(compared["cells"]) > 500
    assert int(compared["mitigation_costs"]) > 500
    assert int(compared["dealt"]) > 50
    assert int(compared["factors"]) > 50
    assert int(compared["always"]) > 0


def test_spark_that_is_not_there_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(EngineError, match=r"requirements-spark\.txt"):
        open_attempts([tmp_path / "a.parquet"], engine="spark")


def test_duckdb_has_a_limit_of_memory_and_a_place_to_spill_to(tmp_path: Path) -> None:
    pq.write_table(pa.table({"run_id": ["r"]}), tmp_path / "a.parquet")
    for table in (open_attempts([tmp_path / "a.parquet"], memory_limit="300MB"), open_rows(pa.table({"a": [1]}))):
        settings = dict(
            table.get_backend()
            .raw_sql("select name, value from duckdb_settings() where name in ('memory_limit', 'temp_directory')")
            .fetchall()
        )
        assert settings["temp_directory"]
        assert settings["memory_limit"] in ("286.1 MiB", "1.8 GiB")


def test_files_are_matched_by_the_names_of_their_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"run_id": ["r"], "host": ["h"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"host": ["i"], "more": [1], "run_id": ["s"]}), tmp_path / "b.parquet")
    rows = open_attempts([tmp_path / "a.parquet", tmp_path / "b.parquet"]).to_pandas().set_index("run_id")
    assert rows["host"].to_dict() == {"r": "h", "s": "i"}
    assert rows["more"].isna().to_dict() == {"r": True, "s": False}
