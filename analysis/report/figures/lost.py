"""Figure of where waits were lost: the rungs from this client to the server's application, by who waited for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from analysis.reduction.lost import KEYS, NOT_ASKED, ORDER, WORDS
from analysis.report.figures.theme import AMBER, BLUE, GREY, PALE, RED, dress, empty, faded

if TYPE_CHECKING:
    import plotly.graph_objects as go

# This client's in blue, the way's in amber, the server's side in red; what tells nobody's in grey.
RUNG_COLOURS: Final = {
    "generator": BLUE,
    "unsent": faded(BLUE, 0.75),
    "unread": faded(BLUE, 0.5),
    "unacknowledged": AMBER,
    "undelivered": faded(AMBER, 0.6),
    "partial": faded(RED, 0.3),
    "unmatched": faded(RED, 0.45),
    "silent_process": faded(RED, 0.7),
    "silent_application": RED,
    "late": GREY,
    "unknown": faded(GREY, 0.5),
    NOT_ASKED: PALE,
}
_HEADINGS: Final = {"platform": "", "client": "", "delay_ms": " ms added", "server_instance": ""}
_MOST_BARS: Final = 12  # of one kind, the ones with most timeouts


def where_waits_were_lost(lost: pd.DataFrame) -> go.Figure:
    """A bar for all timeouts, and one for each platform, client, delay and instance, cut by where they were lost.

    Args:
        lost: `Overview.lost`.
    """
    import plotly.graph_objects as go

    if lost.empty:
        return empty("No wait ran out.")
    if set(lost["lost_at"]) <= {NOT_ASKED}:
        return empty("Nobody could be asked where the waits were lost: the rows have no column lost_at.")
    bars = _bars(lost)
    figure = go.Figure()
    for rung in (one for one in ORDER if any(one in counts.index for counts in bars.values())):
        figure.add_bar(
            x=[int(counts.get(rung, 0)) for counts in bars.values()],
            y=list(bars),
            name=rung,
            orientation="h",
            marker_color=RUNG_COLOURS[rung],
            hovertemplate=f"%{{x}} of the timeouts at %{{y}}: {WORDS[rung]}<extra>{rung}</extra>",
        )
    dress(figure, height=150 + 30 * len(bars))
    figure.update_layout(barmode="stack", margin_l=220)
    figure.update_xaxes(title_text="timeouts")
    figure.update_yaxes(autorange="reversed")
    return figure


def _bars(lost: pd.DataFrame) -> dict[str, pd.Series[int]]:
    """For each bar by its label the timeouts by rung; a key with one value says nothing beyond all of them."""
    bars = {"all timeouts": lost.groupby("lost_at")["n"].sum()}
    for key in KEYS:
        if lost[key].nunique() < 2:
            continue
        totals = lost.groupby(key)["n"].sum().sort_values(ascending=False)
        for value in totals.index[:_MOST_BARS]:
            name = f"{value:g}" if key == "delay_ms" else str(value) or "no instance named"
            bars[f"{name}{_HEADINGS[key]}"] = lost[lost[key] == value].groupby("lost_at")["n"].sum()
    return bars
