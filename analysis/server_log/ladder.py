"""How far each failed wait came on the server's side, and what that says of where it was lost.

The client's own ladder (`lost_at`, docs/evidence.md) ends at the other end of its TCP connection; this one goes on from
there. Nothing is said where the log is silent for reasons of its own: minutes that are missing in it, keys that it does
not write, lines that may be another's, clocks that are not known well enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from analysis.reduction.explain import PEERS_RUNGS
from analysis.server_log.clocks import Offset
from analysis.server_log.join import Seen
from analysis.server_log.mapping import LEFT
from analysis.server_log.messages import Message
from analysis.server_log.waits import Connect, Wait

Rung = Literal["not_seen", "accepted", "authenticated", "established", "request_seen", "reply_sent", "unknown"]
RUNGS: Final[tuple[Rung, ...]] = (
    *("not_seen", "accepted", "authenticated", "established", "request_seen", "reply_sent", "unknown"),
)
Said = Literal[
    "never_got_it",
    "not_taken_up",
    "got_it_late",
    "was_slow",
    "reply_lost",
    "not_sent",
    "refused",
    "credentials",
    "quota",
    "not_served",
    "restart",
    "unclear",
]
"""What the server's log says of a failed wait, with what the client knows.

`never_got_it`: what was asked is not in the log. `not_taken_up`: nor is it, and yet the server's machine, or a proxy in
front of it, had acknowledged it. `got_it_late`: it came when the client had given up. `was_slow`: the
server had it in time and did not answer in time. `reply_lost`: by the log the answer was sent in time, and it never
arrived. `not_sent`: nor did it, and a ping after it was answered on the same connection: what is sent first arrives
first, so that it was not sent. `refused`, `quota`, `not_served`, `restart`: the log says so in as many words.
`credentials`: it refused them, and whether they were good is not in it. `unclear`: none of these."""
WORDS: Final[Mapping[Said, str]] = {
    "never_got_it": "the server never got it",
    "not_taken_up": "it was acknowledged, and the server never took it up",
    "got_it_late": "the server got it when the wait was over",
    "was_slow": "the server had it and was slow",
    "reply_lost": "the answer was sent and never arrived",
    "not_sent": "it was served by the log, and no answer was sent: a later ping was answered",
    "refused": "the server refused it",
    "credentials": "the server refused its credentials",
    "quota": "a limit of the server's refused it",
    "not_served": "the server could not serve it",
    "restart": "the server was restarted",
    "unclear": "the log does not tell",
}
STATED: Final[frozenset[Said]] = frozenset({"refused", "quota", "restart"})
# Rungs of the client's that say that something came back.
ANSWERED_RUNGS: Final = frozenset({"late", "partial", "unmatched", "unread"})
# The peer answered a ping when the wait was over.
ANSWERED_PING: Final = "silent_application"
# Statuses that speak of credentials and of nothing else (docs/method.md, "Who said no").
OF_CREDENTIALS: Final = frozenset({401, 407})
# Lines are written a moment before or after what they say.
MARGIN_S: Final = 0.1


class Told(NamedTuple):
    """One failed wait with what the server saw of it."""

    rung: Rung
    said: Said


def of_connect(
    connect: Connect, seen: Seen | None, offset: Offset, *, would_show: bool, tells_ready: bool, in_restart: bool
) -> Told:
    """The rung of a connect that failed.

    Args:
        connect: It.
        seen: What was joined to it; None: nothing.
        offset: Of the clocks.
        would_show: Had the server taken it, the log would have a line with its key.
        tells_ready: Had the session become ready, the log would say so.
        in_restart: It failed while the server's process ended or began.
    """
    is_timeout = connect.outcome == "timeout"
    if seen is None or seen.accepted_s is None:
        rung: Rung = "not_seen" if would_show else "unknown"
        if in_restart and not is_timeout:
            return Told(rung, "restart")
        return Told(rung, _unseen(connect.lost_at) if would_show and is_timeout else "unclear")
    rung = "accepted"
    if seen.authenticated_s is not None:
        rung = "authenticated"
    if seen.established_s is not None:
        rung = "established"
    if seen.quota:
        return Told(rung, "quota")
    if seen.refused_s is not None:
        # A gateway that gave up waiting for its server when the client had left refused nobody.
        is_late = is_timeout and seen.refused_s - offset.offset_s + offset.error_s + MARGIN_S > connect.until_s
        if is_late:
            return Told(rung, "was_slow")
        is_of_token = connect.cause == "auth_rejected" or seen.status in OF_CREDENTIALS
        return Told(rung, "credentials" if is_of_token else "refused")
    if not is_timeout:
        return Told(rung, "restart" if in_restart else "unclear")
    said = _sent(_in_time(seen.accepted_s, seen.established_s, connect.until_s, connect.rtt_s, offset), connect.lost_at)
    # Without a line for a session that is ready, only a status tells that there was no answer.
    return Told(rung, said if said != "was_slow" or tells_ready or seen.status in LEFT else "unclear")


def of_wait(
    wait: Wait, seen: Seen | None, said: Message, offset: Offset, *, would_show: bool, in_restart: bool
) -> Told:
    """The rung of an exchange or a session that failed; the arguments as of `of_connect`.

    Args:
        wait: It.
        seen: What was joined to its connection; None: nothing.
        said: What the log says of its request.
        offset: Of the clocks.
        would_show: Had the server taken the request up, the log would say so.
        in_restart: It failed while the server's process ended or began.
    """
    is_timeout = wait.outcome == "timeout"
    rung: Rung = "established" if seen is not None else "unknown"
    if said.is_clear and said.request_s is not None:
        rung = "reply_sent" if said.reply_s is not None else "request_seen"
    if not is_timeout:
        return Told(rung, "restart" if in_restart else "unclear")
    if wait.kind != "exchange" or not said.is_clear:
        return Told(rung, "unclear")
    if said.request_s is None:
        return Told(rung, _unseen(wait.lost_at)) if would_show else Told("unknown" if seen is None else rung, "unclear")
    if said.failed_s is not None:
        return Told(rung, "not_served")
    if not said.reply_is_clear:
        return Told(rung, "unclear")
    by_times = _in_time(said.request_s, said.reply_s, wait.until_s, wait.rtt_s, Offset(0.0, offset.error_s))
    return Told(rung, _sent(by_times, wait.lost_at))


def _unseen(lost_at: str | None) -> Said:
    """What it says that the log has nothing of a wait, by what the client's machine knows of it (docs/evidence.md)."""
    if lost_at in PEERS_RUNGS:
        return "not_taken_up"
    # Something came of it: the log lacks what happened.
    return "unclear" if lost_at in ANSWERED_RUNGS else "never_got_it"


def _sent(said: Said, lost_at: str | None) -> Said:
    """What two moments say, by whether anything came of what the server sent later on the same connection."""
    return "not_sent" if said == "reply_lost" and lost_at == ANSWERED_PING else said


def _in_time(asked_s: float, answered_s: float | None, until_s: float, rtt_s: float, offset: Offset) -> Said:
    """What two moments say of a wait that ran out; by the server's clock, `until_s` by the client's."""
    error_s = offset.error_s + MARGIN_S
    asked_s -= offset.offset_s
    if asked_s - error_s > until_s:
        return "got_it_late"
    if asked_s + error_s > until_s:
        return "unclear"
    if answered_s is None:
        return "was_slow"
    answered_s -= offset.offset_s
    if answered_s + rtt_s + error_s < until_s:
        return "reply_lost"
    return "was_slow" if answered_s - error_s > until_s else "unclear"
