"""Which messages the server took up and served, for the waits that are asked about: a second look at the log.

The first look tells the clocks' offset; with it each wait has a stretch of the server's time in which its request must
have come, and only what falls into such a stretch is kept, however many messages the log tells of.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from analysis.server_log.clocks import Offset
from analysis.server_log.event import OF_MESSAGES, Event
from analysis.server_log.waits import LATE_S, Wait

MOST_EVENTS: Final = 500


class Asked(NamedTuple):
    """A wait with what is needed to find its lines.

    Attributes:
        wait: It.
        session: The server's id of its connection; None: not known.
        offset: Of the clocks.
        left_until_s: By then, by the client's clock, the user's connections on which a wait had failed were over at the
            server; None: there were none.
    """

    wait: Wait
    session: str | None
    offset: Offset
    left_until_s: float | None = None


class Message(NamedTuple):
    """What the server's log says of one request; times by the client's clock, None = no such line.

    Attributes:
        is_clear: What is said of the request can be of no other; else nothing is said.
        request_s: It was taken up.
        reply_s: It was served.
        failed_s: It could not be.
        reply_is_clear: No other request lies between it and what became of it.
    """

    is_clear: bool
    request_s: float | None = None
    reply_s: float | None = None
    failed_s: float | None = None
    reply_is_clear: bool = True


UNCLEAR: Final = Message(is_clear=False, reply_is_clear=False)


def messages(kept: Sequence[Sequence[Event]], asked: Sequence[Asked]) -> list[Message]:
    """What the log says of each wait, in their order, by what was kept for it (`near`)."""
    found: list[Message] = [UNCLEAR] * len(asked)
    unseen: dict[str, int] = {}  # a user's last wait, if its request was not seen in its time
    for place in sorted(range(len(asked)), key=lambda place: (asked[place].wait.subject, asked[place].wait.from_s)):
        wait, mine = asked[place].wait, kept[place]
        before = unseen.pop(wait.subject, None)
        if before is None or not wait.before_failed or asked[before].wait.until_s != wait.before_s:
            found[place] = message(asked[place], mine)
        else:
            found[before], found[place] = _two(asked[place], mine)
        if found[place].is_clear and found[place].request_s is None:
            unseen[wait.subject] = place
    return found


def _two(asked: Asked, events: Sequence[Event]) -> tuple[Message, Message]:
    """What the stretch of a wait says of the one before, whose request did not come in its time, and of itself.

    A connection's messages are taken up in their order: of two requests the first is the older one, late; one alone may
    be either's.
    """
    mine = message(asked, events)
    if mine.request_s is None:
        return mine, mine
    older = [event for event in events if event.at_s - asked.offset.offset_s < mine.request_s]
    before = message(asked, older)
    return (before, mine) if before.is_clear and before.request_s is not None else (UNCLEAR, UNCLEAR)


def message(asked: Asked, events: Sequence[Event]) -> Message:
    """What events of the same user or connection, in any order, say of a wait; those of other times are passed over."""
    wait, (offset_s, error_s) = asked.wait, asked.offset
    low_s, high_s = stretch(asked)
    if high_s - low_s <= 2 * error_s or not (wait.is_alone or asked.session is not None):
        return UNCLEAR
    ordered = sorted(
        (event for event in events if low_s <= event.at_s <= high_s and _may_be_of(event, asked.session)),
        key=lambda event: event.at_s,
    )
    # A connection that the client has left goes on at the server: what its user is told of may be of that one.
    is_left = asked.left_until_s is not None and wait.from_s <= asked.left_until_s + error_s
    if (is_left or not wait.is_alone) and any(event.connection is None for event in ordered):
        return UNCLEAR
    requests = [at for at, event in enumerate(ordered) if event.stage == "request" and _is_of(event, wait)]
    if not requests:
        return Message(is_clear=True)
    # A connection's messages are taken up in their order: the last one is this wait's.
    last = requests[-1]
    request_s = ordered[last].at_s - offset_s
    if wait.before_s is not None and request_s <= wait.before_s + error_s:
        return UNCLEAR
    found = Message(is_clear=True, request_s=request_s)
    if last + 1 == len(ordered):
        return found
    after = ordered[last + 1]
    if after.stage == "request":
        return found._replace(reply_is_clear=False)
    at_s = after.at_s - offset_s
    return found._replace(reply_s=at_s) if after.stage == "reply" else found._replace(failed_s=at_s)


def stretch(asked: Asked) -> tuple[float, float]:
    """Between which moments of the server's clock the lines of a wait must lie, and no other wait's of the user."""
    wait, (offset_s, error_s) = asked.wait, asked.offset
    until_s = wait.until_s + LATE_S + error_s
    if wait.after_s is not None:
        until_s = min(until_s, wait.after_s - error_s)
    return wait.from_s - error_s + offset_s, until_s + offset_s


def served(asked: Asked, events: Sequence[Event], operations: Collection[str]) -> tuple[int, int] | None:
    """How many of a session's requests were taken up, and how many of these served; None: they may be another's."""
    low_s, high_s = stretch(asked)
    wait, error_s = asked.wait, asked.offset.error_s
    is_apart = wait.before_s is None or wait.from_s - wait.before_s > 2 * error_s
    is_apart = is_apart and (wait.after_s is None or wait.after_s - wait.until_s > 2 * error_s)
    if not is_apart or not wait.is_alone:
        return None
    ordered = sorted((event for event in events if low_s <= event.at_s <= high_s), key=lambda event: event.at_s)
    asked_for = [
        at
        for at, event in enumerate(ordered)
        if event.stage == "request" and (event.operation is None or event.operation in operations)
    ]
    replies = sum(at + 1 < len(ordered) and ordered[at + 1].stage != "request" for at in asked_for)
    return min(wait.n, len(asked_for)), min(wait.n, replies)


def near(events: Iterable[Event], asked: Sequence[Asked]) -> list[list[Event]]:
    """The events of each wait's user or connection in its stretch."""
    kept: list[list[Event]] = [[] for _ in asked]
    keys: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for place, one in enumerate(asked):
        low_s, high_s = stretch(one)
        keys[one.wait.subject].append((low_s, high_s, place))
        if one.session is not None:
            keys[one.session].append((low_s, high_s, place))
    for stretches in keys.values():
        stretches.sort()
    longest_s = {key: max(high_s - low_s for low_s, high_s, _ in mine) for key, mine in keys.items()}
    for event in events:
        if event.stage not in OF_MESSAGES:
            continue
        key = event.connection if event.connection in keys else event.subject
        if key is None or key not in keys:
            continue
        mine = keys[key]
        at = bisect.bisect(mine, (event.at_s, float("inf"), 0))
        while at and mine[at - 1][0] >= event.at_s - longest_s[key]:
            at -= 1
            if event.at_s <= mine[at][1] and len(kept[mine[at][2]]) < MOST_EVENTS:
                kept[mine[at][2]].append(event)
    return kept


def _may_be_of(event: Event, session: str | None) -> bool:
    """Whether an event names the wait's connection, or none."""
    return event.connection is None or session is None or event.connection == session


def _is_of(event: Event, wait: Wait) -> bool:
    return event.operation is None or event.operation == wait.operation
