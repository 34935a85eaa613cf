"""The phrases of the staging server's log: one message in, what it says out.

Only what survives the platform's redaction is looked for (it rewrites the word after `auth`, `token` and the like). A
line without a key says nothing of one connection and is passed over, but where it speaks of the whole server.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, cast

from analysis.server_log.event import Event, Stage

_ID: Final = r"(?P<connection>ws_\S{1,64}?_\d{9,11}_[0-9a-f]{8})"
_USER: Final = r"(?P<subject>[^\s)]{1,128})"
_SHORT: Final = r"(?P<prefix>[^\s.]{1,64})\.\.\."


class _Phrase(NamedTuple):
    """What a line begins to be known by, the whole of it with its keys, and what it says."""

    literal: str
    pattern: re.Pattern[str]
    stage: Stage


_PHRASES: Final = tuple(
    _Phrase(literal, re.compile(pattern), cast("Stage", stage))
    for literal, pattern, stage in (
        ('- "WebSocket ', r':(?P<port>\d{1,5}) - "WebSocket [^"]{1,4096}" \[accepted\]', "accepted"),
        ('- "WebSocket ', r':(?P<port>\d{1,5}) - "WebSocket [^"]{1,4096}" connection closed', "closed"),
        ('- "WebSocket ', r':(?P<port>\d{1,5}) - "WebSocket [^"]{1,4096}" (?P<status>[1-5]\d\d)\b', "refused"),
        ("(client_id: ", rf" for user {_SHORT} \(client_id: {_ID}\)", "authenticated"),
        ("SSOT AUTHENTICATION SUCCESS", rf"user={_SHORT}, client_id={_ID}", "authenticated"),
        ("(isolation_key: ", rf"\(isolation_key: {_USER}:{_ID},", "authenticated"),
        ("WebSocket authenticated for user: ", rf"WebSocket authenticated for user: {_USER} at ", "authenticated"),
        ("Registered connection with", rf"Registered connection with isolated manager: {_ID}", "authenticated"),
        ("connection fully established", rf"fully established for user {_USER} in ", "established"),
        ("Entering message handling loop", rf"handling loop for connection: {_ID} \(user: {_USER}\)", "established"),
        ("Exiting message handling loop", rf"handling loop for connection: {_ID}(?: \|.*User: {_USER})?", "closed"),
        ("Routing message type ", rf"Routing message type '(?P<operation>[^']{{1,64}})' from {_USER}:", "request"),
        ("Message routing successful", rf"Message routing successful for user {_USER}", "reply"),
        ("Message routing failed", rf"Message routing failed for {_ID}", "request_failed"),
        ("Message size violation", rf"Message size violation for {_ID}", "request_failed"),
        ("Resource limit exceeded", rf"Resource limit exceeded for user {_SHORT}", "quota"),
        ("HARD LIMIT: User ", rf"HARD LIMIT: User {_SHORT}", "quota"),
        ("connection state error", rf"WebSocket connection state error for {_ID}", "late_error"),
        ("Started server process", r"", "started"),
        ("Shutting down", r"", "stopping"),
    )
)
_BY_LITERAL: Final[dict[str, tuple[_Phrase, ...]]] = {
    literal: tuple(phrase for phrase in _PHRASES if phrase.literal == literal)
    for literal in dict.fromkeys(phrase.literal for phrase in _PHRASES)
}
# One pass over a message tells which phrases are worth trying.
_ANY: Final = re.compile("|".join(map(re.escape, _BY_LITERAL)))
_EPOCH: Final = re.compile(r"_(\d{9,11})_[0-9a-f]{8}$")


def speaks(text: str) -> bool:
    """Whether a message carries a phrase at all."""
    return _ANY.search(text) is not None


def event_of(text: str, at_s: float, *, instance: str | None = None, trace: str | None = None) -> Event | None:
    """What a message says; None if it carries no phrase with a key."""
    literal = _ANY.search(text)
    if literal is None:
        return None
    for phrase in _BY_LITERAL[literal[0]]:
        match = phrase.pattern.search(text)
        if match is None:
            continue
        found = match.groupdict()
        prefix = found.get("prefix")
        port, status = found.get("port"), found.get("status")
        return Event(
            at_s,
            phrase.stage,
            connection=found.get("connection"),
            trace=trace,
            port=int(port) if port else None,
            subject=prefix or found.get("subject"),
            is_prefix=prefix is not None,
            operation=found.get("operation"),
            instance=instance,
            status=int(status) if status else None,
        )
    return None


def accepted_second(connection: str) -> int | None:
    """The second of the accept that a staging connection id embeds; None for an id of another make."""
    match = _EPOCH.search(connection)
    return int(match[1]) if match else None
