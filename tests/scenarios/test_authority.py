"""host:port, written and read."""

from __future__ import annotations

import pytest

from scenarios.authority import authority_of, bracketed, split_authority


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
