"""One host, a minute, every client: each rung of the ladder (docs/evidence.md) by what really leads to it."""

from __future__ import annotations

from lab.judge import INTERMITTENT, Expected
from lab.rows.loads import BY_ALL
from lab.rows.row import Row, Setup, Spell
from lab.rows.truth import NETWORK, NOTHING, SERVER
from tests.kit.trouble import BLACKHOLE, LOST_ANSWERS

PART = "every client, npm's ws"
LINE_PART = "every client, two hosts, npm's ws"
CLIENT_LOOP = frozenset({"client_loop"})


def _faulty(name: str, *load: str) -> tuple[str, ...]:
    return (*BY_ALL, "--protocol", f"tests.lab.faulty_clients:{name}", *load)


ROWS: tuple[Row, ...] = (
    Row("all", PART, "", Setup(maker="ws"), NOTHING, BY_ALL),
    Row("all-line", LINE_PART, "", Setup("slow", maker="ws", spell=Spell()), NOTHING, BY_ALL),
    Row(
        "all-mute",
        PART,
        "one request in ten is never answered; pings are",
        Setup("mute", maker="ws"),
        Expected(right=SERVER, rungs=("silent_application",)),
        BY_ALL,
        "all",
    ),
    Row(
        "all-dies",
        PART,
        "each session gets neither answers nor pongs from its fiftieth request on",
        Setup("dies", maker="ws"),
        Expected(right=SERVER, rungs=("silent_process",)),
        BY_ALL,
        "all",
    ),
    Row(
        "all-stops",
        PART,
        "the server's process is stopped for 12 s (SIGSTOP); its kernel goes on",
        Setup("stops", maker="ws"),
        Expected(right=SERVER, rungs=("silent_process",)),
        BY_ALL,
        "all",
    ),
    Row(
        "all-blackhole",
        LINE_PART,
        "nothing passes for 15 s",
        Setup("slow", maker="ws", spell=Spell(BLACKHOLE, 20, 15)),
        # As the cut ends some are late, or unheard behind their server's own timer: neither is a silent process.
        Expected(right=NETWORK, rungs=("unacknowledged", "late", "unknown")),
        BY_ALL,
        "all-line",
    ),
    Row(
        "all-lost-answers",
        LINE_PART,
        "one answer in twenty is lost on the way and sent again by the server's kernel, after a budget of 0.25 s",
        Setup("slow", maker="ws", spell=Spell(LOST_ANSWERS)),
        # What the way did to an answer whose request was acknowledged is known only where something came behind it.
        Expected(also=INTERMITTENT | NETWORK, never=("the server's side",)),
        (*BY_ALL, "--exchange-budget-s", "0.25"),
        "all-line",
    ),
    Row(
        "all-blocked",
        PART,
        "the client's own loop stands still for 4 s of 20; each answer takes a second, so that many are awaited then",
        Setup("slower", maker="ws"),
        Expected(right=CLIENT_LOOP, rungs=("generator",), is_generators=True),
        _faulty("Blocking", "--pace-s", "0.2"),
        "all",
    ),
    Row(
        "all-deaf",
        PART,
        "the client's driver leaves half of its sockets unread for 4 s of 8, while its loop goes on",
        Setup(maker="ws"),
        Expected(right=CLIENT_LOOP, rungs=("unread",)),
        _faulty("Deaf", "--pace-s", "2"),
        "all",
    ),
)
