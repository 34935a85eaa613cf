import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.records import NotARecord, event_of
from tests.analysis.server_log.log_lines import START_S, record
from tests.typed import known

REPLY = "Message routing successful for user u-1"


@pytest.mark.parametrize(
    "entry",
    [
        {"timestamp": "2026-09-21T14:14:00Z", "message": REPLY},
        {"timestamp": "2026-09-21T14:14:00.000000001Z", "textPayload": REPLY},
        {"timestamp": "2026-09-21T14:14:00Z", "jsonPayload": {"message": REPLY, "severity": "INFO"}},
        {"@timestamp": "2026-09-21T14:14:00+00:00", "msg": REPLY},
        {"ts": START_S, "event": REPLY},
        {"time": START_S * 1000, "message": REPLY},
        {"time": "2026-09-21T14:14:00.000000001Z", "log": f"{REPLY}\n", "stream": "stdout"},
        {"__REALTIME_TIMESTAMP": str(int(START_S * 1e6)), "MESSAGE": REPLY},
    ],
)
def test_a_record_is_read_whoever_wrote_it(entry: dict[str, object]) -> None:
    event = known(event_of(json.dumps(entry).encode()))
    assert (event.stage, event.subject) == ("reply", "u-1")
    assert event.at_s == pytest.approx(START_S)


def test_instance_and_trace_are_found_where_google_puts_them() -> None:
    line = record(
        REPLY, resource={"labels": {"instanceId": "00a1"}}, trace="projects/p/traces/0af7651916cd43dd8448eb211c80319c"
    )
    event = known(event_of(line))
    assert (event.instance, event.trace) == ("00a1", "0af7651916cd43dd8448eb211c80319c")
    assert known(event_of(record(REPLY, labels={"instance": "instance-2"}))).instance == "instance-2"
    assert known(event_of(record(REPLY, labels={"instance": "x" * 1_000}))).instance == "x" * 64


def test_the_latency_of_a_request_log_is_a_lifetime() -> None:
    request = {"requestMethod": "GET", "requestUrl": "https://x/ws", "status": 101, "latency": "179.063s"}
    line = json.dumps({"timestamp": "2026-09-21T14:14:00Z", "httpRequest": request}).encode()
    event = known(event_of(line))
    assert (event.stage, event.lasted_s, event.status) == ("closed", 179.063, 101)
    refusal = json.dumps({"timestamp": "2026-09-21T14:14:00Z", "httpRequest": {**request, "status": 503}}).encode()
    assert known(event_of(refusal))[1:2] == ("refused",)
    page = json.dumps({"timestamp": "2026-09-21T14:14:00Z", "httpRequest": {**request, "status": 200}}).encode()
    assert event_of(page) is None


@pytest.mark.parametrize(
    "line", [b"plain", b"[1]", b"1", b"{}", b'{"message": "x"}', b'{"timestamp": "2026-09-21"}', b"\xff\xfe", b'{"a": ']
)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(NotARecord):
        event_of(line)


FIELDS = st.sampled_from(["timestamp", "message", "jsonPayload", "httpRequest", "labels", "resource", "trace"])
VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.dictionaries(FIELDS, st.text() | st.integers())


@given(st.dictionaries(FIELDS, VALUES))
def test_no_record_is_too_odd(entry: dict[str, object]) -> None:
    with contextlib.suppress(NotARecord):
        event_of(json.dumps(entry).encode())
