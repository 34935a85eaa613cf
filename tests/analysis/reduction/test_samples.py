"""Sums over connections, of all of them and of a sample."""

import numpy as np
import pytest

from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.reduction.variants import VARIANTS
from analysis.runs.engine import open_rows
from tests.analysis import reduce_oracle as oracle
from tests.analysis.reduction.attempt_rows import (
    DEALT_COUNTS,
    LATE,
    MANY_END,
    a_row,
    arrow,
    as_dict,
    many_rows,
    tables_of,
    without_zeros,
)


@pytest.mark.slow
def test_sums_over_connections_of_a_sample_tell_what_those_of_all_do(
    many: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = arrow([*many_rows(), LATE])
    exact = many.dealt
    monkeypatch.setattr("analysis.reduction.samples.SAMPLE_ROWS", len(many_rows()) // 2)
    sampled = reduce(open_rows(rows), ends=MANY_END).dealt
    counts = ["m", "n", "nn", "x_unexplained"]
    assert (sampled[counts].to_numpy() % 2 == 0).all()
    assert sampled[counts].sum().to_numpy() == pytest.approx(exact[counts].sum().to_numpy(), rel=0.2)
    assert not sampled.equals(exact)


@pytest.mark.slow
def test_connections_with_many_attempts_are_summed_as_counting_them_one_by_one_gives() -> None:
    rng = np.random.default_rng(3)
    silent = {"outcome": "timeout", "cause": "silent_peer", "pong_s": 0.01, "frames_in": 0}
    ways: list[oracle.Row] = [
        *({},) * 6,
        silent,
        silent | {"pong_s": None},
        *(silent | {"lost_at": "unacknowledged"},) * 3,
        *({"outcome": "failed", "cause": cause} for cause in ("server_error", "auth_rejected", "malformed", "harness")),
        silent | {"loop_lag_s": 3.0},
        silent | {"retry": 1},
        silent | {"mitigation": "retry"},
    ]
    rows = [
        a_row(
            run_id=("run-1", "run-2")[n % 2],
            seq=n // 2,
            connection=int(rng.integers(4)),
            kind="exchange",
            operation="ping",
            server_instance=("i1", None)[int(rng.integers(2))],
            bytes_out=10,
            **ways[int(rng.integers(len(ways)))],
        )
        for n in range(200)
    ]
    late = [LATE | {"run_id": run, "seq": 100} for run in ("run-1", "run-2")]
    counted = as_dict(tables_of(*rows, *late).dealt, DEALT_COUNTS)
    assert counted == without_zeros(oracle.dealt(rows))
    (one, _) = counted.values()
    assert one["m"] == 8
    assert len({one[f"x_{name}"] for name in VARIANTS}) == len(VARIANTS)
    assert one["nn"] > 4 * one["n"]
