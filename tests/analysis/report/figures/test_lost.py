"""The figure of where waits were lost."""

from __future__ import annotations

import pandas as pd

from analysis.reduction.lost import KEYS, NOT_ASKED, ORDER
from analysis.report.figures.lost import RUNG_COLOURS, where_waits_were_lost

LOST = pd.DataFrame(
    [
        ("Linux", "websocket-client/gevent-libev", 0.0, "i-1", "late", 3),
        ("Linux", "websocket-client/gevent-libev", 300.0, "i-2", "unread", 2),
        ("Windows", "websocket-client/gevent-libev", 300.0, "", "unacknowledged", 5),
    ],
    columns=[*KEYS, "lost_at", "n"],
)


def test_every_rung_has_a_colour() -> None:
    assert set(RUNG_COLOURS) == set(ORDER)


def test_a_bar_for_all_and_one_for_each_that_can_be_told_apart() -> None:
    figure = where_waits_were_lost(LOST)
    assert [trace.name for trace in figure.data] == ["unacknowledged", "unread", "late"]
    bars = list(figure.data[0].y)
    assert bars[0] == "all timeouts"
    assert {"Linux", "Windows", "0 ms added", "300 ms added", "i-1", "i-2", "no instance named"} == set(bars[1:])
    assert [sum(trace.x[0] for trace in figure.data)] == [10]
    of_windows = {trace.name: trace.x[bars.index("Windows")] for trace in figure.data}
    assert of_windows == {"unacknowledged": 5, "unread": 0, "late": 0}


def test_nothing_to_draw_is_said() -> None:
    assert "No wait ran out" in str(where_waits_were_lost(LOST.iloc[:0]).to_dict())
    unasked = where_waits_were_lost(LOST.assign(lost_at=NOT_ASKED))
    assert "Nobody could be asked" in str(unasked.to_dict())
