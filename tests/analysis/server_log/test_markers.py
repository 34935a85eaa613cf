import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.markers import accepted_second, event_of
from tests.analysis.server_log.log_lines import START_S, name
from tests.typed import known

ID = name()


@pytest.mark.parametrize(
    ("message", "stage", "connection", "subject"),
    [
        ('127.0.0.1:44268 - "WebSocket /ws" [accepted]', "accepted", None, None),
        ('127.0.0.1:44268 - "WebSocket /ws" connection closed', "closed", None, None),
        ('169.254.1.1:44268 - "WebSocket /ws" 403', "refused", None, None),
        (f"SSOT WEBSOCKET AUTH=REDACTED for user staging-... (client_id: {ID})", "authenticated", ID, "staging-"),
        (f"[OK] SSOT AUTHENTICATION SUCCESS: user=staging-..., client_id={ID}", "authenticated", ID, "staging-"),
        (
            f"Created isolated WebSocket manager for user u... (isolation_key: u-1:{ID}, manager_id: 1)",
            "authenticated", ID, "u-1",
        ),
        ("WebSocket authenticated for user: u-1 at 2026-09-21T14:13:00+00:00", "authenticated", None, "u-1"),
        (f"Registered connection with isolated manager: {ID}", "authenticated", ID, None),
        ("WebSocket connection fully established for user u-1 in staging using X", "established", None, "u-1"),
        (f"Entering message handling loop for connection: {ID} (user: u-1)", "established", ID, "u-1"),
        (f"Exiting message handling loop for connection: {ID} | Duration: 1s | User: u-1", "closed", ID, "u-1"),
        ("Routing message type 'ping' from u-1: {}", "request", None, "u-1"),
        ("Message routing successful for user u-1", "reply", None, "u-1"),
        (f"Message routing failed for {ID}, error_count: 3", "request_failed", ID, None),
        (f"Message size violation for {ID}: size=9000", "request_failed", ID, None),
        ("Resource limit exceeded for user staging-... (20/20 managers)", "quota", None, "staging-"),
        ("HARD LIMIT: User staging-...", "quota", None, "staging-"),
        (f"WebSocket connection state error for {ID}: not connected", "late_error", ID, None),
        ("Started server process [6779]", "started", None, None),
        ("Shutting down", "stopping", None, None),
    ],
)  # fmt: skip
def test_every_phrase_gives_its_stage_and_its_keys(
    message: str, stage: str, connection: str | None, subject: str | None
) -> None:
    event = known(event_of(message, START_S))
    assert (event.stage, event.connection, event.subject) == (stage, connection, subject)


def test_a_phrase_in_what_a_client_sent_is_not_the_servers() -> None:
    event = known(event_of("Routing message type 'chat' from u-1: Shutting down, HARD LIMIT: User u-2...", START_S))
    assert (event.stage, event.operation, event.subject) == ("request", "chat", "u-1")


def test_the_port_of_an_access_line_is_the_clients() -> None:
    assert known(event_of('10.0.0.1:44268 - "WebSocket /ws" [accepted]', START_S)).port == 44268
    assert known(event_of('[::1]:44268 - "WebSocket /ws" [accepted]', START_S)).port == 44268


@pytest.mark.parametrize(
    "message",
    ["auth=REDACTED env=staging", "UNIFIED AUTH=REDACTED authentication request", "WebSocket state at loop entry", ""],
)
def test_a_line_without_a_key_says_nothing(message: str) -> None:
    assert event_of(message, START_S) is None


def test_an_id_embeds_the_second_of_its_accept() -> None:
    assert accepted_second(ID) == int(START_S)
    assert accepted_second("8f14e45f") is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    event_of(text, START_S)
