from __future__ import annotations

from types import SimpleNamespace

from scenarios.screens.stats_trim import KEPT_POINTS, forget_seconds, thin, trim


def test_counts_of_seconds_long_gone_are_forgotten_and_the_last_ones_kept() -> None:
    counts = {second: 1 for second in range(1000, 2000)}
    forget_seconds(counts, before=1988)
    assert list(counts) == list(range(1988, 2000))


def test_a_day_of_chart_points_stays_within_its_bound_and_keeps_its_ends() -> None:
    points: list[int] = []
    for second in range(0, 86_400, 5):
        points.append(second)
        thin(points, KEPT_POINTS)
    assert len(points) <= KEPT_POINTS
    assert points[0] == 0
    assert points[-100:] == list(range(86_400 - 500, 86_400, 5))  # the latest are all there
    assert points == sorted(points)


def test_entries_and_the_total_are_trimmed_by_their_own_last_second() -> None:
    def entry(last: int) -> SimpleNamespace:
        seconds = {s: 1 for s in range(last - 500, last + 1)}
        return SimpleNamespace(num_reqs_per_sec=dict(seconds), num_fail_per_sec={}, last_request_timestamp=float(last))

    stats = SimpleNamespace(total=entry(10_000), entries={("ping", "WSX"): entry(9_000)}, history=[])
    trim(stats)
    assert min(stats.total.num_reqs_per_sec) == 10_000 - 120
    assert min(stats.entries["ping", "WSX"].num_reqs_per_sec) == 9_000 - 120


def test_an_entry_without_requests_does_no_harm() -> None:
    empty = SimpleNamespace(num_reqs_per_sec={}, num_fail_per_sec={}, last_request_timestamp=None)
    trim(SimpleNamespace(total=empty, entries={}, history=[]))
