"""The trace that a request belongs to, as the platform's log names it. Contract section 10. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from standin.frames import ENVIRONMENT

# https://www.w3.org/TR/trace-context/#traceparent-header: version 00; an id that is all zero is none.
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The trace in the platform's form, `projects/<project>/traces/<32 hex>`; "" = the request names none, or two."""
    values = [value for name, value in headers if name.lower() == b"traceparent"]
    found = _TRACEPARENT.fullmatch(values[0].strip()) if len(values) == 1 else None
    return f"projects/{ENVIRONMENT}/traces/{found[1].decode()}" if found else ""
