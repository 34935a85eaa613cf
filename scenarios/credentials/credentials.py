"""Leases a test user and its token to each session of a process."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from scenarios.credentials.cache import TokenCache
from scenarios.credentials.endpoint import HttpTokens, get_over_gevent
from scenarios.credentials.file import FileTokens
from scenarios.credentials.jwt import BAD_TOKENS, Minter, forged, load_key
from scenarios.credentials.subjects import SubjectPool, subject_names
from scenarios.options import Settings
from scenarios.plan import Token

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
        tokens: Good tokens, by subject.
        minter: Makes the broken tokens; None where tokens are made elsewhere.
        probe_subject: As whom the control probes connect.
        wall_s: Epoch seconds: what claims are made and compared with.
    """

    def __init__(
        self,
        pool: SubjectPool,
        tokens: TokenCache,
        minter: Minter | None,
        *,
        probe_subject: str = PROBE_SUBJECT,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.pool = pool
        self.probe_subject = probe_subject
        self._tokens = tokens
        self._minter = minter
        self._wall_s = wall_s

    def token_for(self, subject: str) -> Token:
        """A token of this subject that is valid now.

        Raises:
            TokenUnavailable: If its source has none.
        """
        return self._tokens.token_for(subject, self._wall_s())

    def bad_token(self, subject: str, rng: random.Random) -> BadToken:
        """A token that must be refused, broken in a random one of the ways that are possible here.

        Where tokens are made elsewhere they can only be left out or forged.

        Raises:
            TokenUnavailable: If there is none to forge.
        """
        if self._minter is not None:
            kind = rng.choice(BAD_TOKENS)
            return BadToken(kind, self._minter.bad_token(kind, subject, self._wall_s()))
        if rng.random() < 0.5:
            return BadToken("forged", forged(self.token_for(subject)))
        return BadToken("missing", None)


def credentials_for(
    settings: Settings,
    jwt_key_file: str | None,
    *,
    share: tuple[int, int] = (0, 1),
    environment: Mapping[str, str] = os.environ,
) -> CredentialPool:
    """The credentials that the options ask for: `mint`, `file:PATH`, or an http(s) URL.

    Args:
        settings: The options.
        jwt_key_file: The stand-in's key on this machine; None = as the options say.
        share: This worker's number, and how many there are: each has subjects of its own, since the target counts
            the connections of all of them.
        environment: Where secrets are.

    Raises:
        ConfigError: If the key, the file (all of its tokens have expired) or the URL cannot serve.
    """
    source = settings.token_source
    limit = settings.connections_per_subject
    first, step = share
    if source.startswith("file:"):
        file = FileTokens(source.removeprefix("file:"))
        file.refuse_expired(time.time())
        pool = SubjectPool(file.subjects[first::step], max_connections=limit)
        return CredentialPool(pool, TokenCache(file), None, probe_subject=file.subjects[0])
    pool = SubjectPool(subject_names(settings.subjects)[first::step], max_connections=limit)
    if source != "mint":
        endpoint = HttpTokens(source, environment=environment, get=get_over_gevent)
        return CredentialPool(pool, TokenCache(endpoint), None)
    key_file = jwt_key_file or settings.jwt_key_file
    key = load_key(settings.jwt_algorithm, key_file=key_file, environment=environment)
    minter = Minter(key, issuer=settings.jwt_issuer, audience=settings.jwt_audience, ttl_s=settings.token_ttl_s)
    return CredentialPool(pool, TokenCache(minter), minter)
