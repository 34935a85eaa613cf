"""Heads of HTTP messages: where they end, and what they say."""

from __future__ import annotations

import pytest

from scenarios.http_head import EndlessHead, all_headers, header_values, split_answer, split_head, status_of


def test_a_head_ends_at_its_empty_line_and_what_follows_is_kept() -> None:
    assert split_head(b"HTTP/1.1 101 OK\r\nA: b\r\n\r\n\x81\x00") == (b"HTTP/1.1 101 OK\r\nA: b", b"\x81\x00")


def test_a_head_without_its_end_needs_more() -> None:
    assert split_head(b"HTTP/1.1 101 OK\r\nA: b\r\n") is None


def test_a_head_that_is_too_long_has_no_end() -> None:
    assert split_head(b"x" * 10, most_bytes=10) is None
    with pytest.raises(EndlessHead, match="More than 10 bytes"):
        split_head(b"x" * 11, most_bytes=10)


def test_a_long_message_behind_a_head_is_no_endless_head() -> None:
    assert split_head(b"a\r\n\r\n" + b"x" * 20, most_bytes=10) == (b"a", b"x" * 20)


def test_a_head_may_end_without_carriage_returns() -> None:
    assert split_head(b"HTTP/1.1 101 OK\nA: b\n\n\r\n\r\n") == (b"HTTP/1.1 101 OK\nA: b", b"\r\n\r\n")
    assert status_of(b"HTTP/1.1 101 OK\nA: b") == (101, "OK")
    assert header_values(b"HTTP/1.1 101 OK\nA: b\r\nC: d", "A") == ["b"]


def test_a_folded_header_is_one_header() -> None:
    head = b"HTTP/1.1 101 OK\r\nA: b\r\n \t c\r\nD: e"
    assert all_headers(head) == {"a": "b c", "d": "e"}


def test_interim_answers_are_no_answers() -> None:
    early, final = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 101 OK\r\nA: b"
    whole = b"HTTP/1.1 100\r\n\r\n" + early + final + b"\r\n\r\n\x81"
    assert split_answer(whole) == (final, b"\x81")
    for size in range(len(whole) - 1):
        assert split_answer(whole[:size]) is None


def test_interim_answers_without_end_are_an_endless_head() -> None:
    with pytest.raises(EndlessHead):
        split_answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10, most_bytes=100)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nA: b", (503, "Service Unavailable")),
        (b"HTTP/1.1 200", (200, "")),
        (b"HTTP/1.1 abc", None),
        (b"SSH-2.0-OpenSSH 200 OK", None),
        (b"", None),
    ],
)
def test_a_status_line_is_http_or_nothing(head: bytes, status: tuple[int, str] | None) -> None:
    assert status_of(head) == status


def test_headers_are_found_in_any_case_and_all_of_them() -> None:
    head = b"HTTP/1.1 101 OK\r\nx-server-instance: a \r\nX-Server-Instance:b\r\nX-Server: c"
    assert header_values(head, "X-Server-Instance") == ["a", "b"]


def test_all_headers_have_small_names_and_values_of_one_name_are_joined() -> None:
    head = b"HTTP/1.1 401 No\r\nVary: a\r\nvary:b\r\nWWW-Authenticate: Basic realm=x"
    assert all_headers(head) == {"vary": "a, b", "www-authenticate": "Basic realm=x"}
