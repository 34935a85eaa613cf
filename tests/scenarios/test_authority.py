"""host:port, written and read."""

from __future__ import annotations

import pytest

from scenarios.authority import ascii_host, ascii_path, authority_of, bracketed, split_authority


@pytest.mark.parametrize(
    ("host", "port", "written"), [("a.b", 80, "a.b:80"), ("127.0.0.1", 1, "127.0.0.1:1"), ("::1", 443, "[::1]:443")]
)
def test_what_is_written_is_read_again(host: str, port: int, written: str) -> None:
    assert authority_of(host, port) == written
    assert split_authority(written) == (host, port)


def test_only_an_ipv6_address_stands_in_brackets() -> None:
    assert (bracketed("a.b"), bracketed("::1")) == ("a.b", "[::1]")


@pytest.mark.parametrize("text", ["", "a", "a:", ":80", "[]:80", "a:0", "a:65536", "a:x", "a:\u0663"])
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        split_authority(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "fe80::1%eth0", "localhost", "a-b.example.", "_dmarc.example"])
def test_a_host_that_is_ascii_stays(host: str) -> None:
    assert ascii_host(host) == host


def test_a_host_that_is_not_is_encoded_as_browsers_do() -> None:
    assert ascii_host("\uff22\u00fccher\u3002example") == "xn--bcher-kva.example"  # full-width B, full-width dot


@pytest.mark.parametrize("host", ["", ".", "a b", "a\u0000", "\u200d", "xn--\u00fc", "a" * 64])
def test_what_can_be_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError):
        ascii_host(host)


def test_what_is_encoded_already_is_not_encoded_again() -> None:
    assert ascii_path('/%C3%BC/\u00fc \u2713?a="b"&c=%22') == "/%C3%BC/%C3%BC%20%E2%9C%93?a=%22b%22&c=%22"
