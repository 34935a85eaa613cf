import numpy as np

from analysis.age_limit import age_limit


def holds(rng, *, limit_s=None, hazard=0.0002, sessions=2000, hosts=3):
    planned = rng.uniform(60, 900, sessions)
    broken = rng.exponential(1 / hazard, sessions) if hazard else np.full(sessions, np.inf)
    ended = np.minimum(planned, broken)
    by_peer = broken < planned
    if limit_s is not None:
        cut = ended > limit_s
        ended = np.where(cut, limit_s + rng.uniform(0, 0.8, sessions), ended)
        by_peer |= cut
    return (
        rng.integers(0, hosts, sessions),
        by_peer.astype(np.int64),
        rng.integers(0, 2, sessions),
        (ended / 0.5).astype(np.int64),
        rng.integers(0, 10, sessions),
        np.ones(sessions, dtype=np.int64),
    )


def test_a_cut_at_ten_minutes_is_found():
    found = age_limit(*holds(np.random.default_rng(1), limit_s=600))
    assert 598 <= found.start_s <= 601
    assert found.hosts == 3
    assert found.p_above(0.005) < 1e-6


def test_a_constant_hazard_is_no_age_limit():
    rng = np.random.default_rng(2)
    for _ in range(20):
        found = age_limit(*holds(rng, hazard=0.002))
        assert found.p_above(0.005) > 0.01


def test_nobody_was_ended_by_the_peer():
    assert age_limit(*holds(np.random.default_rng(3), hazard=0)) is None
    assert age_limit(*(np.zeros(0, dtype=np.int64) for _ in range(6))) is None
