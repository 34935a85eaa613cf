"""The commonest failures of a run in the target's own words, whether or not a claim can be decided.

Nothing is decided here. A failure is named by where it ended, its cause, the status or code, and the reason that
came with it; equal ones are counted together. Numbers within a reason (ports, dates) do not make two of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from analysis.reduction.thresholds import ABNORMAL_CLOSURE
from attempts.p1_checks import TEST_MISTAKE

if TYPE_CHECKING:
    import ibis

# What is read from the rows; far more than is shown, so that rare ones are summed whole.
MOST_READ: Final = 500
MOST_SHOWN: Final = 20
# So much of all attempts of a kind that one failure is the answer to the question.
NEARLY_ALL: Final = 0.9
# Fewer attempts than this are an anecdote.
LEAST_ATTEMPTS: Final = 5
_REASON_LENGTH: Final = 160
# Rows are redacted where they are written; those of other writers might not be.
_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
# The kinds of attempts of a session or a suite of checks, and what many of them are called.
KINDS: Final[Mapping[str, str]] = {
    "connect": "connects",
    "exchange": "exchanges",
    "hold": "sessions",
    "close": "closing handshakes",
    "check": "checks",
}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One way in which attempts failed.

    Attributes:
        kind: connect, exchange, hold (a session), close or check.
        phase, cause: As in the record.
        outcome: timeout or failed.
        status: HTTP status; code: of the close frame; reason: the target's words, redacted; None where there was none.
        count: Attempts.
        share: Of all attempts of the kind that ended, 0 to 1.
        first_at, last_at: Epoch seconds in which the first and the last were scheduled.
    """

    kind: str
    phase: str
    cause: str
    outcome: str
    status: int | None
    code: int | None
    reason: str | None
    count: int
    share: float
    first_at: int
    last_at: int


def found(commonest: pd.DataFrame, ended: pd.DataFrame) -> pd.DataFrame:
    """The commonest failures of sessions, and how many attempts of each kind ended (lines whose `phase` is null).

    Args:
        commonest: As `commonest_of` gives them.
        ended: As `ended_of` gives them.

    Columns: kind, phase, cause, outcome, http_status, close_code, reason, n, first_us, last_us, example.
    """
    return pd.concat([commonest, ended], ignore_index=True) if len(commonest) else ended.assign(phase=None)


def ended_of(attempts: ibis.Table) -> ibis.Table:
    """How many attempts of each kind ended; `attempts` has the contract's columns (`explain.contract_columns`)."""
    t = _ended_or_held(attempts)
    return t.group_by("kind").agg(n=t.count())


def commonest_of(attempts: ibis.Table) -> ibis.Table:
    """The commonest failures of sessions; `attempts` has the contract's columns (`explain.contract_columns`).

    An auth probe that was refused as it asked for is no failure; probes beside the sessions are none of theirs.
    """
    import ibis

    from analysis.reduction.explain import AUTH_PROBE_SCENARIO

    t = _ended_or_held(attempts)
    asked = (t.scenario == AUTH_PROBE_SCENARIO) & (t.kind == "connect") & (t.cause == "auth_rejected")
    bad = t.filter(t.outcome.isin(["timeout", "failed"]) & ~asked.fill_null(False))
    reason = bad.detail.re_replace("[0-9]+", "#")
    groups = bad.group_by(
        "kind", "phase", "cause", "outcome", "http_status", "close_code", reason=reason.fill_null("")
    ).agg(n=bad.count(), first_us=bad.scheduled_us.min(), last_us=bad.scheduled_us.max(), example=bad.detail.min())
    return groups.order_by(ibis.desc("n"), "kind", "phase", "cause", "reason").limit(MOST_READ)


def _ended_or_held(attempts: ibis.Table) -> ibis.Table:
    # A session that was still open at the run's end lived until then: that is no failure, and one session.
    ended_or_held = attempts.outcome.isin(["ok", "timeout", "failed"]) | (attempts.kind == "hold")
    return attempts.filter(attempts.kind.isin(list(KINDS)), ended_or_held)


def commonest(read_failures: pd.DataFrame) -> list[Failure]:
    """The failures that were `found`, commonest first."""
    totals = read_failures[read_failures["phase"].isna()]
    ended = {str(kind): int(n) for kind, n in zip(totals["kind"], totals["n"], strict=True)}
    found = []
    for row in read_failures[read_failures["phase"].notna()].to_dict("records"):
        kind, n = str(row["kind"]), int(row["n"])
        found.append(
            Failure(
                kind=kind,
                phase=str(row["phase"]),
                cause="unknown" if pd.isna(row["cause"]) else str(row["cause"]),
                outcome=str(row["outcome"]),
                status=_whole(row["http_status"]),
                code=_whole(row["close_code"]),
                reason=_reason(row["example"]),
                count=n,
                share=n / ended[kind],
                first_at=int(row["first_us"] // 1_000_000),
                last_at=int(row["last_us"] // 1_000_000),
            )
        )
    return sorted(found, key=lambda one: (-one.count, one.kind, one.phase, one.cause, one.reason or ""))


def as_json(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """The commonest failures as `verdict.json` has them."""
    return [
        {
            "kind": one.kind,
            "phase": one.phase,
            "cause": one.cause,
            "outcome": one.outcome,
            "status": one.status,
            "code": one.code,
            "reason": one.reason,
            "count": one.count,
            "share": one.share,
            "first_at": _iso(one.first_at),
            "last_at": _iso(one.last_at),
        }
        for one in failures[:MOST_SHOWN]
    ]


def answer(failure: Mapping[str, Any]) -> str:
    """What a failure of `verdict.json` was, in a few words: "HTTP 404 Not Found at the upgrade".

    Args:
        failure: As `as_json` gives it.
    """
    where = _WHERE.get(failure["phase"], failure["phase"])
    status, code, reason = failure["status"], failure["code"], failure["reason"]
    if failure["cause"] == TEST_MISTAKE:
        return f"a mistake of the test itself{f' ({reason})' if reason else ''}"
    if failure["outcome"] == "timeout":
        return f"no answer {where}"
    if status is not None:
        words = reason or _phrase(status)
        return f"HTTP {status}{f' {words}' if words else ''} {where}"
    if code is not None and code != ABNORMAL_CLOSURE:
        return f"close {code}{f' {reason!r}' if reason else ''} {where}"
    if failure["cause"] == "credentials_accepted":
        return _CAUSES["credentials_accepted"]
    what = _CAUSES.get(failure["cause"], failure["cause"].replace("_", " "))
    return f"{what} {where}{f' ({reason})' if reason else ''}"


def counted(failure: Mapping[str, Any]) -> str:
    """A failure with its count and its share: "240 x HTTP 404 Not Found at the upgrade (100 % of connects)"."""
    return f"{failure['count']:,} x {answer(failure)} ({_percent(failure['share'])} of {KINDS[failure['kind']]})"


def dominant(failures: Sequence[Mapping[str, Any]]) -> str:
    """A sentence where nearly all connects, or all sessions, failed in one way, with what usually causes it.

    Ways that differ in their reason only are one way. Empty: there is no such failure.
    """
    for kind in ("connect", "hold"):
        ways: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for one in failures:
            if one["kind"] == kind:
                key = (one["phase"], one["cause"], one["outcome"], one["status"], one["code"])
                ways.setdefault(key, []).append(one)
        for alike in ways.values():
            count, share = sum(one["count"] for one in alike), sum(one["share"] for one in alike)
            if share >= NEARLY_ALL and count >= LEAST_ATTEMPTS:
                of = round(count / share)
                who = f"All {of:,} {KINDS[kind]}" if count == of else f"{count:,} of {of:,} {KINDS[kind]}"
                usually = usual_cause(alike[0])
                return f"{who} failed the same way: {answer(alike[0])}{f' ({usually})' if usually else ''}."
    return ""


def usual_cause(failure: Mapping[str, Any]) -> str:
    """What usually stands behind a failure that nearly everybody meets; empty: nothing that could be named."""
    status, cause, phase = failure["status"], failure["cause"], failure["phase"]
    if cause == "auth_rejected":
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return "the proxy wants credentials"
        return "no token came, or it is refused: its key, issuer, audience or expiry, or the way it travels"
    if cause == "http_status" and status is not None:
        if 300 <= status < 400:
            return "redirected: a login page, another scheme, or another path"
        if status >= 500:
            return _GATEWAY.get(status, "the server or its gateway fails")
        return _ROADS.get(status, "this road does not lead to a WebSocket")
    if failure["outcome"] == "timeout":
        return _SILENCE.get(phase, "")
    return _USUAL.get(cause, "")


_WHERE: Final[Mapping[str, str]] = {
    "dns": "while the name was resolved",
    "tcp": "at the TCP connect",
    "tls": "at the TLS handshake",
    "upgrade": "at the upgrade",
    "welcome": "before the welcome",
    "exchange": "during an exchange",
    "hold": "on an open session",
    "close": "at the close",
}
_CAUSES: Final[Mapping[str, str]] = {
    "auth_rejected": "credentials refused",
    "tls": "TLS failed",
    "dns": "the name was not resolved",
    "refused": "connection refused",
    "unreachable": "unreachable",
    "reset": "connection reset",
    "server_closed": "connection closed without a close frame",
    "server_error": "an error of the server",
    "client_error": "an error that blames the request",
    "credentials_accepted": "credentials accepted that had to be refused",
    "keepalive": "closed because the peer did not hear this client",
    "malformed": "a frame or response that breaks the protocol",
    "subprotocol": "another subprotocol than expected",
    "local_resource": "no port or descriptor left on this machine",
    "harness": "a failure of the tester itself",
}
_PATH: Final = "usually a wrong path, or a proxy that does not pass the Upgrade headers on"
_ROADS: Final[Mapping[int, str]] = {
    200: "an ordinary page answered: a wrong path, a login page, or a proxy that does not pass the Upgrade headers on",
    400: _PATH,
    403: "refused without asking for credentials: an Origin check (--header), a firewall, or the token",
    404: _PATH,
    405: _PATH,
    426: _PATH,
    429: "a limit on the rate of requests or connections",
}
_GATEWAY: Final[Mapping[int, str]] = {
    502: "the gateway got no usable answer from the server behind it",
    503: "no server is ready, or a limit on connections is reached",
    504: "the server behind the gateway did not answer in time",
}
_SILENCE: Final[Mapping[str, str]] = {
    "tcp": "nothing answers at that address and port: the address, a firewall that drops, or a full backlog",
    "tls": "the port is open and no TLS is spoken there, or the way is cut",
    "upgrade": "the connection is taken and the request is not answered: the server, a proxy in front, or a cut way",
    "welcome": "the session is never said to be ready: the server, or another protocol than --protocol names",
    "exchange": "requests are taken and not answered",
}
_USUAL: Final[Mapping[str, str]] = {
    "dns": "the name of the host, or the resolver of this machine",
    "refused": "nothing listens at that address and port, or something on the way rejects",
    "unreachable": "no route to that address",
    "subprotocol": "the server does not speak the subprotocol that --protocol offers",
    "malformed": "what answers is no WebSocket server, or speaks another protocol",
    "reset": "the peer, or something on the way, cuts the connection",
    "server_closed": "the peer, or a proxy in front of it, closes the connection",
}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _percent(ratio: float) -> str:
    percent = 100 * ratio
    return f"{percent:.0f} %" if percent >= 99.5 or percent == 0 else f"{percent:.2g} %"


def _whole(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)


def _reason(value: Any) -> str | None:
    if value is None or pd.isna(value):
        return None
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    text = _TOKEN.sub("<redacted>", " ".join(printable.split()))
    return text[:_REASON_LENGTH] or None


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
