"""What soaks do in the lab, as options of theirs."""

from __future__ import annotations

# 8 users churn at 20 connects a second in all, and 4 hold a session with five exchanges a second each.
MIXED = (
    *("--scenario", "churn=2,steady=1", "--users", "12", "--arrival", "poisson:20", "--pace-s", "0.2"),
    *("--churn-exchanges", "4", "--run-time", "25s"),
)
STEADY = ("--scenario", "steady", "--users", "12", "--pace-s", "0.5", "--run-time", "25s")
# So many sessions that began together that even the most cautious interval of what befell them all is narrow; and no
# session that begins after the one event (at 12 s) grows as old as those that it ended.
MANY = (*STEADY, "--users", "120", "--spawn-rate", "120", "--pace-s", "2", "--run-time", "20s")
RENEWED = (*STEADY, "--users", "36", "--token-ttl-s", "8")
# Where no connect gets through, a quarter of a minute says as much as an hour.
BRIEF = ("--scenario", "steady", "--users", "12", "--pace-s", "0.5", "--run-time", "15s")
# The first exchange comes at a random moment within the pace: sessions are cut at all ages from 5 to 10 s, and always
# after the same silence.
SLOW = ("--scenario", "steady", "--users", "24", "--pace-s", "7", "--run-time", "40s")
IDLE = ("--scenario", "idle", "--users", "24", "--heartbeat-s", "60", "--run-time", "25s")
IDLE_AND_BUSY = (*IDLE, "--scenario", "idle=2,steady=1", "--pace-s", "0.5")
STAGING = ("--protocol", "staging", "--operations", "ping")
# One request in five is a ping of the WebSocket itself.
PINGED = (*MIXED, "--users", "24", "--operations", "ping=4,protocol_ping=1", "--run-time", "40s")
# So long that there is a healthy time before 15 s of trouble and another after it.
LONG = (*STEADY, "--users", "24", "--run-time", "40s")
# A budget that ends before TCP sends again for the first time, 0.2 s after a loss: each loss is a timeout. Only the
# requests that were lost, a twentieth of all, can be known to be: so many that such a share is told from the margin.
TIGHT = (*STEADY, "--users", "48", "--pace-s", "0.25", "--exchange-budget-s", "0.15")
# The same by every client, for a minute.
CLIENTS = ("websocket-client", "websockets-gevent", "websockets-asyncio", "websockets-selector", "websockets-uvloop")
BY_ALL = (
    *("--scenario", "steady", "--client", ",".join(CLIENTS), "--users", "40", "--pace-s", "0.5", "--run-time", "60s"),
)
