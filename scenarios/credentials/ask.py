"""Asks a token endpoint over HTTP on gevent, all of it within one deadline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from scenarios.redact import HIDDEN

# A token is some kilobytes; an endpoint that answers more is something else.
MAX_ANSWER_BYTES: Final = 65_536


class Question(NamedTuple):
    """One HTTP request; it holds secrets, so its `repr` shows nothing."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Question({HIDDEN})"


class Answer(NamedTuple):
    """Its response; the body holds a token, so the `repr` shows the status only.

    Attributes:
        status: Of the response.
        headers: Their names in small letters.
        body: Its beginning.
        took_s: How long it took to come.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float = 0.0

    def __repr__(self) -> str:
        return f"Answer({self.status}, {HIDDEN})"


def ask_over_gevent(question: Question, deadline_s: float, *, ca_file: str | None = None) -> Answer:
    """Ask, and read the answer, within the deadline for both.

    Args:
        question: The request.
        deadline_s: For all of it.
        ca_file: Certificates to trust beside the system's.

    Raises:
        OSError: If the endpoint cannot be reached or breaks off; TimeoutError when the deadline passed.
    """
    import gevent
    import gevent.ssl
    from geventhttpclient import HTTPClient

    def context(**options: Any) -> Any:
        made = gevent.ssl.create_default_context(**options)
        if ca_file:
            made.load_verify_locations(ca_file)
        return made

    client = HTTPClient.from_url(
        question.url, connection_timeout=deadline_s, network_timeout=deadline_s, ssl_context_factory=context
    )
    began = time.monotonic()
    # The client's own timeouts are for each socket call; this one is for all of them.
    deadline = gevent.Timeout(deadline_s)
    deadline.start()
    try:
        response = client.request(
            question.method, _request_uri(question.url), body=question.body, headers=dict(question.headers)
        )
        headers = {str(name).lower(): str(value) for name, value in response.items()}
        body = bytes(response.read())[:MAX_ANSWER_BYTES]
        return Answer(int(response.status_code), headers, body, time.monotonic() - began)
    except gevent.Timeout as over:
        if over is not deadline:
            raise
        raise TimeoutError(f"no answer within {deadline_s:g} s") from None
    finally:
        deadline.close()
        client.close()


def _request_uri(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
