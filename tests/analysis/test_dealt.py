import math

import numpy as np

from analysis.dealt import Dealt, design_effect, difference_spread


def dealt(rows):
    """Each row: stratum (as its host), exposed, connections, and the failures of each of ten attempts a connection."""
    host, m, x, xx = ([row[i] for row in rows] for i in (0, 2, 3, 4))
    m, x, xx = (np.array(values, dtype=float) for values in (m, x, xx))
    zeros = np.zeros(len(rows), dtype=np.int64)
    made = Dealt(
        host=np.array(host), client=zeros, delay=zeros, kind=zeros, instance=zeros,
        m=m, n=10 * m, nn=100 * m, x=x, nx=10 * x, xx=xx,
    )  # fmt: skip
    return made, np.array([row[1] for row in rows], dtype=bool)


def test_lone_connections_on_both_sides_have_no_spread_beside_a_stratum_that_holds_one_side():
    made, exposed = dealt([(0, True, 1, 1, 1), (0, False, 1, 0, 0), (1, True, 1, 0, 0)])
    assert math.isinf(difference_spread(made, exposed, ("host",)).se)


def test_a_stratum_of_one_side_adds_nothing():
    both = [(0, True, 50, 20, 60), (0, False, 50, 5, 25)]
    one, two = (difference_spread(*dealt(rows), ("host",)) for rows in (both, [*both, (1, True, 1, 0, 0)]))
    assert one == two


def test_attempts_that_share_a_fate_count_as_one_connection():
    # A tenth of the connections lose all ten attempts: each connection is worth one trial.
    made, _ = dealt([(0, True, 100, 100, 1000)])
    assert abs(design_effect(made) - 10) < 0.2
