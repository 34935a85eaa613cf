from __future__ import annotations

import pytest

from standin.evidence.trace import trace_of

TRACE = b"0af7651916cd43dd8448eb211c80319c"
VALUE = b"00-" + TRACE + b"-b7ad6b7169203331-01"


def test_a_traceparent_names_the_trace_as_the_platform_does() -> None:
    assert trace_of([(b"Host", b"h"), (b"Traceparent", VALUE)]) == f"projects/staging/traces/{TRACE.decode()}"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        TRACE,
        VALUE.upper(),
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-" + TRACE + b"-" + b"0" * 16 + b"-01",
        VALUE + b"-more",
    ],
)
def test_what_the_standard_does_not_allow_names_no_trace(value: bytes) -> None:
    assert trace_of([(b"traceparent", value)]) == ""


def test_no_header_and_two_of_them_name_no_trace() -> None:
    assert trace_of([]) == ""
    assert trace_of([(b"traceparent", VALUE), (b"traceparent", VALUE)]) == ""
