import pandas as pd
import pyarrow as pa
import pytest

from analysis.calibration.batch import reduce_together
from analysis.model import Criteria
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_rows
from analysis.simulation.simulate import simulate_rows
from analysis.verdict.decide import decide


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sorted, with one word for what is not there."""
    ordered = frame.sort_values(list(frame.columns), ignore_index=True).astype(object)
    return ordered.where(ordered.notna(), None)


def with_what_always_fails(rows: pa.Table) -> pa.Table:
    """A user on each platform, and every fourth request of a type, that always fail."""
    frame = rows.to_pandas()
    waits = frame["kind"].isin(["connect", "exchange"])
    users = frame[waits].groupby("platform", observed=True)["subject"].agg(lambda names: names.mode()[0])
    frame.loc[(frame["operation"] == "chat") & (frame["seq"] % 4 == 0), "bytes_out"] = 5_000
    struck = waits & (frame["subject"].isin(users) | (frame["bytes_out"] == 5_000))
    frame.loc[struck, ["outcome", "cause"]] = ["timeout", "silent_peer"]
    return pa.Table.from_pandas(frame, schema=rows.schema, preserve_index=False)


@pytest.mark.long
@pytest.mark.slow
def test_runs_reduced_together_are_the_runs_reduced_alone() -> None:
    runs = [simulate_rows(world, rows=6_000, minutes=12, seed=seed) for seed, world in enumerate(("W2", "W6", "W13"))]
    runs[0] = with_what_always_fails(runs[0])
    named = []
    for rows, together in zip(runs, reduce_together(runs), strict=True):
        alone = reduce(open_rows(rows))
        named.append(set(alone.always["what"]))
        for name in (
            *("cells", "cut", "slots", "instances", "subjects", "holds", "sessions", "first_connects", "idles"),
            *("reached", "base_rtt", "arm_rtt", "loops", "probes", "always", "never_ok", "factors", "dealt"),
        ):
            one, two = getattr(alone, name), getattr(together, name)
            keys = [column for column in one.columns if column != "run_id"]
            pd.testing.assert_frame_equal(
                in_order(one[keys]),
                in_order(two[keys]),
                check_dtype=False,
            )
        before, after = decide(alone, Criteria()), decide(together, Criteria())
        assert {name: finding.state for name, finding in before.claims.items()} == {
            name: finding.state for name, finding in after.claims.items()
        }
    assert named == [{"user", "size"}, set(), set()]
