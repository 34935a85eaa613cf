"""Where a token goes by each way of --token-transport, for any protocol class."""

from __future__ import annotations

import base64

import pytest

from scenarios.errors import ConfigError, HarnessError
from scenarios.plan import Token
from scenarios.protocol import Credentials, Echo, Staging, TargetProtocol
from scenarios.protocols.transport import credentials_by, read_transport

TOKEN = Token("ab.cd.ef~+/")
ENCODED = base64.urlsafe_b64encode(TOKEN.value.encode()).decode().rstrip("=")


class Named(Echo):
    """A language with a subprotocol of its own, which is asked for with and without a token."""

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        return Credentials(subprotocols=("graphql-transport-ws",), expected_subprotocol="graphql-transport-ws")


@pytest.mark.parametrize(
    ("transport", "headers", "query"),
    [
        ("header", (("Authorization", f"Bearer {TOKEN.value}"),), ""),
        ("header:authorization", (("authorization", f"Bearer {TOKEN.value}"),), ""),
        ("header:X-Api-Key", (("X-Api-Key", TOKEN.value),), ""),
        ("header:Authorization=Token {token}", (("Authorization", f"Token {TOKEN.value}"),), ""),
        ("header:X-T={token_base64url}", (("X-T", ENCODED),), ""),
        ("query", (), "token=ab.cd.ef~%2B%2F"),
        ("query:access_token", (), "access_token=ab.cd.ef~%2B%2F"),
        ("cookie", (("Cookie", f"token={TOKEN.value}"),), ""),
        ("cookie:sid", (("Cookie", f"sid={TOKEN.value}"),), ""),
        ("message", (), ""),
    ],
)
@pytest.mark.parametrize("protocol", [Echo(), Staging(), Named()])
def test_a_token_goes_where_it_is_told_to_whatever_the_protocol(
    protocol: TargetProtocol, transport: str, headers: tuple[tuple[str, str], ...], query: str
) -> None:
    found = credentials_by(transport, protocol, TOKEN)
    offered = ("graphql-transport-ws",) if isinstance(protocol, Named) else ()
    assert (found.headers, found.query, found.subprotocols) == (headers, query, offered)
    assert found.expected_subprotocol == (offered[0] if offered else None)
    assert credentials_by(transport, protocol, None)[:3] == ((), offered, found.expected_subprotocol)


@pytest.mark.parametrize(
    ("transport", "offered", "expected"),
    [
        ("subprotocol", ("jwt-auth", f"jwt.{ENCODED}"), "jwt-auth"),
        ("subprotocol:bearer, {token_base64url}", ("bearer", ENCODED), "bearer"),
        ("subprotocol:{token_base64url}", (ENCODED,), ENCODED),
        ("subprotocol:a.{token_base64url},v4.channel", (f"a.{ENCODED}", "v4.channel"), "v4.channel"),
    ],
)
def test_a_token_may_be_one_of_the_subprotocols(transport: str, offered: tuple[str, ...], expected: str) -> None:
    found = credentials_by(transport, Echo(), TOKEN)
    assert (found.subprotocols, found.expected_subprotocol, found.headers) == (offered, expected, ())
    own = credentials_by(transport, Named(), TOKEN)
    assert own.subprotocols == (*offered, "graphql-transport-ws")
    assert own.expected_subprotocol == "graphql-transport-ws"


def test_the_class_decides_where_nobody_else_does() -> None:
    assert credentials_by("protocol", Echo(), TOKEN) == Echo().credentials(TOKEN, transport="subprotocol")
    assert credentials_by("protocol", Staging(), TOKEN) == credentials_by("subprotocol", Staging(), TOKEN)
    assert credentials_by("protocol", Echo(), None) == Credentials()


@pytest.mark.parametrize(
    ("transport", "says"),
    [
        ("headr", "did you mean 'header'"),
        ("", "is not known"),
        ("protocol:x", "protocol takes no name"),
        ("message:x", "message takes no name"),
        ("header:X Key", "'X Key' is no header that can carry a token"),
        ("header:Host", "'Host' is no header"),
        ("header:Sec-WebSocket-Protocol", "is no header"),
        ("header:X-Key=bare", "must hold {token}"),
        ("header:X-Key={token}\n", "must hold {token}"),
        ("query:a b", "a plain name"),
        ("query:a=b", "a plain name"),
        ("cookie:a;b", "a plain name"),
        ("subprotocol:bearer", "one holds {token}"),
        ("subprotocol:a b,{token}", "letters, digits"),
        ("subprotocol:,{token}", "letters, digits"),
    ],
)
def test_a_way_that_is_none_is_refused_in_one_sentence(transport: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_transport("--token-transport", transport)
    assert says in str(refusal.value) and "--token-transport" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("transport", "value"), [("cookie", "hid;den"), ("subprotocol:{token}", "hid/den")])
def test_a_token_that_cannot_go_that_way_is_refused_unseen(transport: str, value: str) -> None:
    with pytest.raises(HarnessError, match="A token holds a character that no") as refusal:
        credentials_by(transport, Echo(), Token(value))
    assert "hid" not in str(refusal.value)
