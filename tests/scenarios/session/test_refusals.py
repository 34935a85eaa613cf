"""Who said no: statuses, closes and errors, and what a protocol class may say of its own server."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.schema import CAUSES
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Refusal
from scenarios.session import refusals
from scenarios.session.ledger import End
from scenarios.session.refusals import EXPIRY_LEEWAY_S, end_of_close, end_of_error, end_of_proxy_status, end_of_status


class OwnRules(Echo):
    """A server whose 4000 is about tokens, whose 4401 is not, and whose 503 names its auth service."""

    def refusal_of_close(self, code: int | None, reason: str) -> Refusal | None:
        if code == 4401:
            return Refusal("replaced", is_auth=False, text="another session")
        if code == 4400:
            return Refusal("bad query", is_auth=False, text="", is_clients=True)
        if code == 4503:
            return Refusal("down", is_auth=True, text="nobody looked", was_checked=False)
        return Refusal("4000", is_auth=True, text=reason) if code == 4000 else None

    def refusal_of_status(self, status: int, headers: Mapping[str, str]) -> Refusal | None:
        if status == 403:
            return Refusal("", is_auth="x-token" in headers, text="")
        if status == 503:
            return Refusal("down", is_auth=True, text="", was_checked=False)
        return None


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (401, {}, "auth_rejected"),
        (407, {}, "auth_rejected"),
        (403, {"www-authenticate": "Bearer"}, "auth_rejected"),
        (403, {}, "http_status"),
        *((status, {}, "http_status") for status in (200, 302, 400, 404, 405, 426, 429, 502, 503, 504)),
    ],
)
def test_a_status_is_about_credentials_only_where_it_says_so(status: int, headers: dict[str, str], cause: str) -> None:
    end = end_of_status(status, "Reason", headers, Echo())
    assert end == End(cause, http_status=status, closed_by="server", detail="Reason")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example/start?state=abc#x", "Found; Location: https://login.example/start"),
        ("https://me:pw@login.example/", "Found; Location: https://<redacted>@login.example/"),
        ("/login?next=/ws", "Found; Location: /login"),
    ],
)
def test_a_redirect_says_where_to_without_its_query(location: str, shown: str) -> None:
    assert end_of_status(302, "Found", {"location": location}, Echo()).detail == shown
    assert end_of_status(200, "OK", {"location": location}, Echo()).detail == "OK"


def test_a_protocol_class_decides_about_its_own_statuses() -> None:
    assert end_of_status(403, "No", {"x-token": "1"}, OwnRules()).cause == "auth_rejected"
    assert end_of_status(403, "No", {"www-authenticate": "Bearer"}, OwnRules()).cause == "http_status"
    assert end_of_status(401, "No", {}, OwnRules()).cause == "auth_rejected"


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        *((code, "", "auth_rejected") for code in (3000, 3003, 4401, 4403, 1008)),
        (1008, "rate limit exceeded", "server_closed"),
        (1008, "too many connections", "server_closed"),
        (1008, "Origin not allowed", "server_closed"),
        (1011, "keepalive ping timeout", "keepalive"),
        (1011, "Keep-alive timed out", "keepalive"),
        (1000, "ping timeout", "keepalive"),
        (4000, "missed 3 heartbeats", "keepalive"),
        (1001, "pong not received", "keepalive"),
        (1011, "Internal error", "server_error"),
        (1000, "", "server_closed"),
        (1012, "shipping the new version", "server_closed"),
        (1001, "stopping now", "server_closed"),
        (4408, "Connection initialisation timeout", "server_closed"),
        (None, "", "server_closed"),
    ],
)
def test_a_close_before_any_answer(code: int | None, reason: str, cause: str) -> None:
    end = end_of_close(code, reason, Echo(), is_fresh=True, is_expired=False)
    assert end == End(cause, close_code=code, closed_by="server", detail=reason)


@pytest.mark.parametrize(
    ("reason", "is_expired", "cause"),
    [
        ("", False, "server_closed"),
        ("policy violation", False, "server_closed"),
        ("policy violation", True, "auth_rejected"),
        ("message rate too high", True, "server_closed"),
        ("token revoked", False, "auth_rejected"),
        ("logged out", False, "auth_rejected"),
    ],
)
def test_a_policy_violation_in_mid_session_is_about_credentials_only_if_something_says_so(
    reason: str, is_expired: bool, cause: str
) -> None:
    assert end_of_close(1008, reason, Echo(), is_fresh=False, is_expired=is_expired).cause == cause
    assert end_of_close(4401, reason, Echo(), is_fresh=False, is_expired=is_expired).cause == "auth_rejected"


def test_a_protocol_class_decides_about_its_own_closes() -> None:
    def cause(code: int, reason: str = "") -> str | None:
        return end_of_close(code, reason, OwnRules(), is_fresh=False, is_expired=False).cause

    assert (cause(4000), cause(4400), cause(4401), cause(4403)) == (
        *("auth_rejected", "client_error", "server_closed"),
        "auth_rejected",
    )
    assert end_of_close(4401, "x", OwnRules(), is_fresh=True, is_expired=True).detail == "replaced: another session"


@given(st.none() | st.integers(1000, 4999), st.text(), st.booleans(), st.booleans(), st.booleans())
def test_every_close_has_a_cause_of_the_record(
    code: int | None, reason: str, is_fresh: bool, is_expired: bool, must_refuse: bool
) -> None:
    for protocol in (Echo(), OwnRules()):
        end = end_of_close(code, reason, protocol, is_fresh=is_fresh, is_expired=is_expired, must_refuse=must_refuse)
        assert end.cause in CAUSES and end.close_code == code and end.closed_by == "server"


def test_an_error_is_about_credentials_the_request_or_the_server() -> None:
    assert end_of_error(Refusal("NO_TOKEN", True, "no")) == End("auth_rejected", detail="NO_TOKEN: no")
    assert end_of_error(Refusal("-32602", False, "", is_clients=True)) == End("client_error", detail="-32602")
    assert end_of_error(Refusal("BUSY", False, "later")) == End("server_error", detail="BUSY: later")


def test_credentials_that_nobody_looked_at_were_not_refused_where_they_had_to_be() -> None:
    unchecked = Refusal("VALIDATION_FAILED", True, "auth_service_unreachable", was_checked=False)
    ends = [
        end_of_error(unchecked, must_refuse=True),
        end_of_close(4503, "", OwnRules(), is_fresh=True, is_expired=False, must_refuse=True),
        end_of_status(503, "", {}, OwnRules(), must_refuse=True),
        end_of_status(407, "", {}, Echo(), must_refuse=True),
        end_of_proxy_status(407, must_refuse=True),
    ]
    assert [refusals.is_refusal_of_credentials(end) for end in ends] == [False] * 5
    assert [end.cause for end in ends] == ["server_error"] * 3 + ["http_status"] * 2
    assert all("were not checked" in end.detail for end in ends)
    # An ordinary session was refused all the same.
    assert end_of_error(unchecked).cause == "auth_rejected"
    assert end_of_close(4503, "", OwnRules(), is_fresh=True, is_expired=False).cause == "auth_rejected"


def test_a_proxys_refusal_is_about_credentials_only_if_it_asks_for_them() -> None:
    assert [end_of_proxy_status(status).cause for status in (407, 403, 502, None)] == [
        "auth_rejected",
        *["http_status"] * 3,
    ]


@pytest.mark.parametrize(
    ("end", "is_refusal"),
    [
        (End("auth_rejected", close_code=1008), True),
        (End("http_status", http_status=403), True),
        (End("http_status", http_status=404), False),
        (End("server_closed", close_code=1000), False),
        (End("tls"), False),
    ],
)
def test_what_refuses_a_token_that_must_be_refused(end: End, is_refusal: bool) -> None:
    assert refusals.is_refusal_of_credentials(end) is is_refusal


def test_an_expiry_has_some_leeway_and_may_be_unknown() -> None:
    assert refusals.has_expired(100.0, 100.0 - EXPIRY_LEEWAY_S) and refusals.has_expired(100.0, 500.0)
    assert not refusals.has_expired(100.0, 99.0 - EXPIRY_LEEWAY_S) and not refusals.has_expired(None, 1e12)
