"""Servers of other makers: npm's ws, websockets, uvicorn."""

from __future__ import annotations

from lab.judge import Expected
from lab.rows.loads import BRIEF, IDLE_AND_BUSY, MIXED, PINGED
from lab.rows.row import Row, Setup
from lab.rows.truth import NOTHING, no_road, server

WS = "npm's ws"

ROWS: tuple[Row, ...] = (
    Row("ws", WS, "", Setup(maker="ws"), NOTHING, MIXED),
    Row("ws-pinged", WS, "", Setup(maker="ws"), NOTHING, PINGED),
    Row(
        "ws-empty-pongs",
        WS,
        "its pongs are without the payload of their pings: a habit, and nothing fails of it",
        Setup("empty_pongs", maker="ws"),
        Expected(also=frozenset()),
        PINGED,
        "ws-pinged",
    ),
    Row(
        "ws-no-pongs",
        WS,
        "pings are ignored (RFC 6455, section 5.5.2: a pong MUST come), requests are answered",
        Setup("no_pongs", maker="ws"),
        # A kind of request that is never answered; the server's side, too, for its kernel acknowledges the pings.
        Expected(right=frozenset({"format"}), also=frozenset({"intermittent", "server"}), words=("protocol_ping",)),
        PINGED,
        "ws-pinged",
    ),
    Row(
        "ws-masked",
        WS,
        "its frames are masked (RFC 6455, section 5.1: the client MUST close)",
        Setup("masked", maker="ws"),
        Expected(right=frozenset({"format"}), words=("mask",)),
        BRIEF,
        "ws",
    ),
    Row(
        "ws-late",
        WS,
        "every second reply is half a second after the budget; pings are answered at once",
        Setup("late", maker="ws"),
        server("ping"),
        MIXED,
        "ws",
    ),
    Row(
        "ws-late-empty-pongs",
        WS,
        "every second reply is 6 s after the budget, and pongs are without payload",
        Setup("late_empty_pongs", maker="ws"),
        server("ping"),
        MIXED,
        "ws",
    ),
    Row(
        "ws-late-no-pongs",
        WS,
        "every second reply is 6 s after the budget, and pings are ignored",
        # Request and ping are acknowledged, and neither is answered: the server's side, or a proxy in front of it.
        Setup("late_no_pongs", maker="ws"),
        server("the server's side"),
        MIXED,
        "ws",
    ),
    Row("websockets", "websockets", "", Setup(maker="websockets"), NOTHING, MIXED),
    Row("websockets-calm", "websockets", "", Setup(maker="websockets"), NOTHING, IDLE_AND_BUSY),
    Row("uvicorn", "uvicorn", "", Setup(maker="uvicorn"), NOTHING, MIXED),
    Row(
        "uvicorn-refuses",
        "uvicorn",
        "the application closes with 1008 before it accepts: uvicorn makes HTTP 403 of it",
        # A bare 403 is no refusal of credentials: checks of the Origin and firewalls send it, too.
        Setup("refuse", maker="uvicorn"),
        no_road("403"),
        BRIEF,
        "uvicorn",
    ),
)
