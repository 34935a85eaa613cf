"""How a token travels in the upgrade request, whatever the target's language: --token-transport. Pure.

    protocol                     as the protocol class has it (its own subprotocols, header or opening message)
    header[:NAME[=TEMPLATE]]     Authorization: Bearer TOKEN; under another name the bare token
    query[:NAME]                 ?token=TOKEN
    cookie[:NAME]                Cookie: token=TOKEN
    subprotocol[:NAME,NAME...]   offers jwt-auth and jwt.<base64url of the token>; or the names that are given
    message                      in the protocol class's opening message

In a template and in the names of subprotocols, `{token}` stands for the token, `{token_base64url}` for its base64url.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from scenarios.errors import ConfigError, HarnessError, unknown_name
from scenarios.http_fields import is_of_the_upgrade, is_token, is_value
from scenarios.plan import Token
from scenarios.protocols.shape import Credentials, TargetProtocol

PROTOCOL: Final = "protocol"
HEADER: Final = "header"
QUERY: Final = "query"
COOKIE: Final = "cookie"
SUBPROTOCOL: Final = "subprotocol"
MESSAGE: Final = "message"
KINDS: Final = (PROTOCOL, HEADER, QUERY, COOKIE, SUBPROTOCOL, MESSAGE)

_TOKEN: Final = "{token}"
_BASE64URL: Final = "{token_base64url}"
_AUTHORIZATION: Final = "Authorization"
_BEARER: Final = f"Bearer {_TOKEN}"
_OFFERED: Final = f"jwt-auth,jwt.{_BASE64URL}"
_NAME: Final = "token"
# What a cookie's value may not hold (RFC 6265, section 4.1.1), of what a token may.
_NOT_IN_COOKIES: Final = frozenset(';,\\"')


class Transport(NamedTuple):
    """One way for a token.

    Attributes:
        kind: One of `KINDS`.
        name: Of the header, the cookie or the parameter.
        templates: Of the header's value, or of each offered subprotocol.
    """

    kind: str
    name: str = ""
    templates: tuple[str, ...] = ()


@lru_cache(maxsize=32)
def read_transport(flag: str, text: str) -> Transport:
    """What --token-transport says.

    Raises:
        ConfigError: It names no way for a token.
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise unknown_name(flag, kind, KINDS)
    if kind in (PROTOCOL, MESSAGE):
        if rest:
            raise ConfigError(f"{flag} is {text!r}, but {kind} takes no name: leave out what follows it.")
        return Transport(kind)
    if kind == SUBPROTOCOL:
        return Transport(kind, templates=_offered(flag, text, rest or _OFFERED))
    name, _, template = rest.partition("=")
    if kind == HEADER:
        return _header(flag, text, name or _AUTHORIZATION, template)
    if template or not is_token(name or _NAME):
        raise ConfigError(
            f"{flag} is {text!r}, but what follows {kind} must be a plain name, as in {kind}:access_token."
        )
    return Transport(kind, name or _NAME)


def credentials_by(transport: str, protocol: TargetProtocol, token: Token | None) -> Credentials:
    """What the upgrade carries: the token by its way, beside what the protocol class asks for without one.

    Raises:
        HarnessError: The token has a character that cannot go that way.
    """
    way = read_transport("--token-transport", transport)
    if way.kind == PROTOCOL:
        return protocol.credentials(token, transport=SUBPROTOCOL)
    of_class = protocol.credentials(None, transport=way.kind)
    if token is None or way.kind == MESSAGE:
        return of_class
    if way.kind == QUERY:
        query = f"{quote(way.name, safe='')}={quote(token.value, safe='')}"
        return of_class._replace(query="&".join(part for part in (of_class.query, query) if part))
    if way.kind == SUBPROTOCOL:
        return _by_subprotocol(way, of_class, token)
    if way.kind == COOKIE:
        if _NOT_IN_COOKIES & set(token.value):
            raise HarnessError(
                "A token holds a character that no cookie may: use another --token-transport, such as header."
            )
        return of_class._replace(headers=(*of_class.headers, ("Cookie", f"{way.name}={token.value}")))
    return of_class._replace(headers=(*of_class.headers, (way.name, _filled(way.templates[0], token))))


def _offered(flag: str, text: str, names: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in names.split(","))
    probe = Token(_NAME)
    if not any(_has_token(name) for name in found) or not all(is_token(_filled(name, probe)) for name in found):
        raise ConfigError(
            f"{flag} is {text!r}, but the names of subprotocols are letters, digits and -._ with commas between, and "
            f"one holds {_TOKEN} or {_BASE64URL}: {SUBPROTOCOL}:{_OFFERED}."
        )
    return found


def _header(flag: str, text: str, name: str, template: str) -> Transport:
    if not is_token(name) or is_of_the_upgrade(name):
        raise ConfigError(
            f"{flag} is {text!r}, but {name!r} is no header that can carry a token: try header:X-Api-Key."
        )
    template = template or (_BEARER if name.lower() == _AUTHORIZATION.lower() else _TOKEN)
    if not _has_token(template) or not is_value(template):
        raise ConfigError(
            f"{flag} is {text!r}, but what follows '=' must hold {_TOKEN} or {_BASE64URL} and printable ASCII, as in "
            f"{HEADER}:{name}=Token {_TOKEN}."
        )
    return Transport(HEADER, name, (template,))


def _by_subprotocol(way: Transport, of_class: Credentials, token: Token) -> Credentials:
    """The server must choose what the class expects, else the first name without the token, else the one with it."""
    names = [(_filled(template, token), _has_token(template)) for template in way.templates]
    if not all(is_token(name) for name, _ in names):
        raise HarnessError(
            "A token holds a character that no subprotocol may: give it as {token_base64url}, or use another "
            "--token-transport."
        )
    plain = next((name for name, has_token in names if not has_token), names[0][0])
    return of_class._replace(
        subprotocols=tuple(dict.fromkeys((*(name for name, _ in names), *of_class.subprotocols))),
        expected_subprotocol=of_class.expected_subprotocol or plain,
    )


def _has_token(template: str) -> bool:
    return _TOKEN in template or _BASE64URL in template


def _filled(template: str, token: Token) -> str:
    encoded = base64.urlsafe_b64encode(token.value.encode()).decode().rstrip("=")
    return template.replace(_BASE64URL, encoded).replace(_TOKEN, token.value)
