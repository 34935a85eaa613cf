"""A server on another host, and trouble on the way to it: neither side is at fault."""

from __future__ import annotations

from lab.judge import INTERMITTENT, Expected
from lab.rows.loads import IDLE, IDLE_AND_BUSY, LONG, MANY, MIXED, SLOW, TIGHT
from lab.rows.row import Row, Setup, Spell
from lab.rows.truth import NETWORK, NO_AGE, NOTHING, network
from tests.kit.trouble import BLACKHOLE, DEAF_CLIENT, DEAF_SERVER, FORGETS, FORGETS_AFTER_S, LOSS, REFUSED, RESET

PART = "two hosts, aiohttp"
KEEPALIVE_PART = "two hosts, websockets"


def _perhaps_network(*words: str) -> Expected:
    """It is the way's doing, but a reset or a close frame looks from here as if the peer had sent it."""
    return Expected(also=INTERMITTENT | NETWORK, words=words, never=(*NO_AGE, "the server itself"))


ROWS: tuple[Row, ...] = (
    Row("line", PART, "", Setup(spell=Spell()), NOTHING, LONG),
    Row("line-mixed", PART, "", Setup(spell=Spell()), NOTHING, MIXED),
    Row("line-many", PART, "", Setup(spell=Spell()), NOTHING, MANY),
    Row("line-tight", PART, "", Setup(spell=Spell()), NOTHING, TIGHT),
    Row("line-slow", PART, "", Setup(spell=Spell()), NOTHING, SLOW),
    Row(
        "line-loss",
        PART,
        "one packet in twenty is lost, each way; a budget shorter than TCP's first retransmission",
        Setup(spell=Spell(LOSS)),
        network("no answer"),
        TIGHT,
        "line-tight",
    ),
    Row(
        "line-blackhole",
        PART,
        "nothing passes for 15 s",
        Setup(spell=Spell(BLACKHOLE, 10, 15)),
        network("no answer"),
        LONG,
        "line",
    ),
    Row(
        "line-to-server",
        PART,
        "nothing passes to the server for 15 s",
        Setup(spell=Spell(DEAF_SERVER, 10, 15)),
        network("no answer"),
        LONG,
        "line",
    ),
    Row(
        "line-to-client",
        PART,
        "nothing passes to the client for 15 s: the server has the requests, and nobody here knows it",
        Setup(spell=Spell(DEAF_CLIENT, 10, 15)),
        network("no answer"),
        LONG,
        "line",
    ),
    Row(
        "line-reset",
        PART,
        "the way resets all sessions that are there, each as soon as it says something",
        Setup(spell=Spell(RESET, 12)),
        _perhaps_network("reset"),
        MANY,
        "line-many",
    ),
    Row(
        "line-refused",
        PART,
        "the way answers each SYN with a RST for 6 s",
        Setup(spell=Spell(REFUSED, 12, 6)),
        _perhaps_network("refused"),
        MIXED,
        "line-mixed",
    ),
    Row(
        "line-forgets",
        PART,
        f"a firewall forgets connections that are silent for {FORGETS_AFTER_S} s, an exchange every 7 s",
        Setup(spell=Spell(FORGETS)),
        network("idle"),
        SLOW,
        "line-slow",
    ),
    Row("line-keepalive-calm", KEEPALIVE_PART, "", Setup(maker="websockets", spell=Spell()), NOTHING, IDLE_AND_BUSY),
    Row(
        "line-keepalive",
        KEEPALIVE_PART,
        "nothing passes to the server for 8 s: its own keepalive closes silent sessions with 1011",
        Setup(maker="websockets", spell=Spell(DEAF_SERVER, 8, 8)),
        _perhaps_network("keepalive"),
        IDLE,
        "line-keepalive-calm",
    ),
)
