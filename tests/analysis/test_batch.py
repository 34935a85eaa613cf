import pandas as pd
import pytest

from analysis.batch import reduce_together
from analysis.model import Settings
from analysis.reduce import reduce
from analysis.simulate import simulate_rows
from analysis.source import open_rows
from analysis.verdict import decide


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sorted, with one word for what is not there."""
    ordered = frame.sort_values(list(frame.columns), ignore_index=True).astype(object)
    return ordered.where(ordered.notna(), None)


@pytest.mark.slow
def test_runs_reduced_together_are_the_runs_reduced_alone():
    runs = [simulate_rows(world, rows=6_000, minutes=12, seed=seed) for seed, world in enumerate(("W2", "W6", "W13"))]
    for rows, together in zip(runs, reduce_together(runs), strict=True):
        alone = reduce(open_rows(rows))
        for name in (
            *("cells", "cut", "slots", "instances", "subjects", "holds", "sessions", "first_connects", "idles"),
            *("base_rtt", "arm_rtt", "loops", "probes"),
        ):
            one, two = getattr(alone, name), getattr(together, name)
            keys = [column for column in one.columns if column != "run_id"]
            pd.testing.assert_frame_equal(
                in_order(one[keys]),
                in_order(two[keys]),
                check_dtype=False,
            )
        before, after = decide(alone, Settings()), decide(together, Settings())
        assert {name: finding.state for name, finding in before.claims.items()} == {
            name: finding.state for name, finding in after.claims.items()
        }
