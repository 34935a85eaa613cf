"""Log lines: the platform's format, and its filter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from standin.clock import Clock
from standin.evidence.jsonlines import JsonLines
from standin.evidence.log import Log, redact
from tests.standin.serving import token

# Of the contract's section 3.
ERROR_CODES = (
    *("NO_TOKEN", "INVALID_FORMAT", "VALIDATION_FAILED", "AUTH_SERVICE_ERROR", "UNEXPECTED_ERROR"),
    *("WEBSOCKET_AUTH_ERROR", "WEBSOCKET_AUTH_EXCEPTION", "INVALID_WEBSOCKET_STATE"),
)


@pytest.mark.parametrize(
    ("said", "arrives"),
    [
        ("auth check: env=staging", "auth=REDACTED env=staging"),
        ("UNIFIED AUTH: WebSocket authentication request", "UNIFIED AUTH=REDACTED authentication request"),
        ("E2E BYPASS: used mock", "E2E BYPASS=REDACTED mock"),
        ("SSOT WEBSOCKET AUTH: Success for user u", "SSOT WEBSOCKET AUTH=REDACTED for user u"),
        (
            "SSOT AUTHENTICATION FAILED: C - Token=(9chars,2dots) failed on staging",
            "SSOT AUTHENTICATION FAILED: C - Token=REDACTED failed on staging",
        ),
        *(
            (f"SSOT AUTHENTICATION FAILED: {c} - Token=(none)", f"SSOT AUTHENTICATION FAILED: {c} - Token=REDACTED")
            for c in ERROR_CODES
        ),
        ("Token - (none)", "Token - (none)"),
        ("token: -x", "token=REDACTED"),
        ("access_token=abc", "access_token=REDACTED"),
        ("[OK] SSOT AUTHENTICATION SUCCESS: user=u", "[OK] SSOT AUTHENTICATION SUCCESS: user=u"),
        ("WebSocket authenticated for user: u", "WebSocket authenticated for user: u"),
        ("mail to first.last@example.org", "mail to ***@example.org"),
    ],
)
def test_the_filter_mangles_lines_as_the_originals_does(said: str, arrives: str) -> None:
    assert redact(said) == arrives


def test_a_compact_token_goes_wherever_it_stands() -> None:
    bearer = token()
    assert redact(f'{{"x":"{bearer}"}}') == '{"x":"REDACTED"}'


def test_a_line_names_its_caller_and_stays_one_line(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "log")
    Log(file, Clock()).say("two\nlines", "WARNING", instance="instance-0")
    file.close()
    line = json.loads((tmp_path / "log").read_text())
    assert line["message"] == "two lines" and line["severity"] == "WARNING"
    assert line["labels"]["function"] == "test_a_line_names_its_caller_and_stays_one_line"
    assert line["labels"]["instance"] == "instance-0" and line["labels"]["line"].isdigit()
    assert line["timestamp"].endswith("+00:00")


def test_without_a_file_nothing_is_said() -> None:
    log = Log(None, Clock())
    log.say("nobody hears")
    assert not log.enabled
