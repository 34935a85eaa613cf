"""Leases a test user and its token to each session of a process."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from scenarios.credentials.ask import ask_over_gevent
from scenarios.credentials.cache import TokenCache, TokenNotNow
from scenarios.credentials.endpoint import CLIENT_SECRET_VARIABLE, Grant, HttpTokens
from scenarios.credentials.file import FileTokens
from scenarios.credentials.jwt import BAD_TOKENS, Minter, forged, load_key
from scenarios.credentials.secret_values import headers_of, value_of
from scenarios.credentials.subjects import SubjectPool, subject_names
from scenarios.errors import ConfigError
from scenarios.options import Settings
from scenarios.options.parsers import MINT, NONE
from scenarios.plan import Header, Token

# A user that finds every subject taken looks again after so long, and so notices a stop.
LEASE_WAIT_S: Final = 1.0
# The control probes' idle socket has a user of its own, whose quota nobody else uses up.
PROBE_SUBJECT: Final = "soak-probe"


class BadToken(NamedTuple):
    """A token that must be refused.

    Attributes:
        kind: How it was broken, one of `tokens.BAD_TOKENS`.
        token: None = it is left out.
    """

    kind: str
    token: Token | None


class CredentialPool:
    """All that a process needs to come as somebody.

    Args:
        pool: The subjects; lease one for each connection.
        tokens: Good tokens, by subject; None = sessions come without.
        minter: Makes the broken tokens; None where tokens are made elsewhere.
        headers: Further headers of every upgrade request.
        probe_subject: As whom the control probes connect.
        wall_s: Epoch seconds: what claims are made and compared with.
    """

    def __init__(
        self,
        pool: SubjectPool,
        tokens: TokenCache | None,
        minter: Minter | None,
        *,
        headers: tuple[Header, ...] = (),
        probe_subject: str = PROBE_SUBJECT,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.pool = pool
        self.headers = headers
        self.probe_subject = probe_subject
        self._tokens = tokens
        self._minter = minter
        self._wall_s = wall_s

    def token_for(self, subject: str) -> Token | None:
        """A token of this subject that is valid now; None = sessions come without one.

        Raises:
            TokenNotNow: If its source has none yet.
            TokenUnavailable: If it has none.
        """
        return None if self._tokens is None else self._tokens.token_for(subject, self._wall_s())

    def has_token(self, subject: str) -> bool:
        """Whether `token_for` would give one now, or there is none to wait for.

        Raises:
            TokenUnavailable: If its source has none, and will have none.
        """
        try:
            self.token_for(subject)
        except TokenNotNow:
            return False
        return True

    def bad_token(self, subject: str, rng: random.Random) -> BadToken:
        """A token that must be refused, broken in a random one of the ways that are possible here.

        Where tokens are made elsewhere they can only be left out or forged; where there are none, left out.

        Raises:
            TokenNotNow: If there is none to forge yet.
            TokenUnavailable: If there is none to forge.
        """
        if self._minter is not None:
            kind = rng.choice(BAD_TOKENS)
            return BadToken(kind, self._minter.bad_token(kind, subject, self._wall_s()))
        if rng.random() < 0.5:
            good = self.token_for(subject)
            if good is not None:
                return BadToken("forged", forged(good))
        return BadToken("missing", None)


def credentials_for(
    settings: Settings,
    jwt_key_file: str | None,
    *,
    share: tuple[int, int] = (0, 1),
    environment: Mapping[str, str] = os.environ,
    wall_s: Callable[[], float] = time.time,
) -> CredentialPool:
    """The credentials that the options ask for: `mint`, `file:PATH`, an http(s) URL, or `none`.

    Args:
        settings: The options.
        jwt_key_file: The stand-in's key on this machine; None = as the options say.
        share: This worker's number, and how many there are: each has subjects of its own, since the target counts
            the connections of all of them.
        environment: Where secrets are.
        wall_s: Epoch seconds: what claims are made and compared with.

    Raises:
        ConfigError: If the key, the file (all of its tokens have expired) or the URL cannot serve.
    """
    source = settings.token_source
    limit = settings.connections_per_subject
    first, step = share
    headers = headers_of("--header", settings.header, environment)
    if source.startswith("file:"):
        file = FileTokens(source.removeprefix("file:"))
        file.refuse_expired(wall_s())
        pool = SubjectPool(file.subjects[first::step], max_connections=limit)
        return CredentialPool(
            pool, TokenCache(file), None, headers=headers, probe_subject=file.subjects[0], wall_s=wall_s
        )
    pool = SubjectPool(subject_names(settings.subjects)[first::step], max_connections=limit)
    if source == NONE:
        return CredentialPool(pool, None, None, headers=headers, wall_s=wall_s)
    if source != MINT:
        ask = partial(ask_over_gevent, ca_file=settings.ca_file or None)
        endpoint = HttpTokens(source, environment=environment, ask=ask, grant=_grant(settings, environment))
        tokens = TokenCache(endpoint, is_by_subject=endpoint.is_by_subject)
        return CredentialPool(pool, tokens, None, headers=headers, wall_s=wall_s)
    key_file = jwt_key_file or settings.jwt_key_file
    key = load_key(settings.jwt_algorithm, key_file=key_file, environment=environment)
    minter = Minter(key, issuer=settings.jwt_issuer, audience=settings.jwt_audience, ttl_s=settings.token_ttl_s)
    return CredentialPool(pool, TokenCache(minter), minter, headers=headers, wall_s=wall_s)


def _grant(settings: Settings, environment: Mapping[str, str]) -> Grant | None:
    """What the options ask of a token endpoint by POST; None = it is asked by GET."""
    client_id = settings.token_client_id
    if not client_id and not settings.token_form:
        return None
    secret = environment.get(CLIENT_SECRET_VARIABLE, "").strip()
    if client_id and not secret:
        raise ConfigError(
            f"--token-client-id {client_id!r} needs its secret in the variable {CLIENT_SECRET_VARIABLE}; a client that "
            "has none is a field of --token-form, client_id=..."
        )
    fields = tuple((field.name, value_of("--token-form", field, environment)) for field in settings.token_form)
    is_in_body = settings.token_client_auth == "body"
    return Grant(client_id=client_id, client_secret=secret, is_in_body=is_in_body, fields=fields)
