"""Where a run's tokens and test users come from: minted here, read from a file, or asked from an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scenarios.subjects import subject_names
from scenarios.token_cache import TokenCache
from scenarios.token_endpoint import HttpTokens, get_over_gevent
from scenarios.token_file import FileTokens
from scenarios.tokens import Minter, load_key


class Credentials(NamedTuple):
    """All that a process needs to come as somebody.

    Attributes:
        tokens: Good tokens, by subject.
        subjects: Who there is.
        minter: Makes the auth probe's broken tokens; None where tokens are made elsewhere, and then only
            `missing` and `forged` ones can be offered.
    """

    tokens: TokenCache
    subjects: tuple[str, ...]
    minter: Minter | None


def credentials_from(
    token_source: str,
    *,
    algorithm: str,
    key_file: str,
    issuer: str,
    audience: str,
    ttl_s: float,
    subjects: int,
    environment: Mapping[str, str],
) -> Credentials:
    """The credentials that the options ask for: `mint`, `file:PATH`, or an http(s) URL.

    Raises:
        ConfigError: If the key, the file or the URL cannot serve.
    """
    if token_source.startswith("file:"):
        file = FileTokens(token_source.removeprefix("file:"))
        return Credentials(TokenCache(file), file.subjects, None)
    names = subject_names(subjects)
    if token_source == "mint":
        key = load_key(algorithm, key_file=key_file, environment=environment)
        minter = Minter(key, issuer=issuer, audience=audience, ttl_s=ttl_s)
        return Credentials(TokenCache(minter), names, minter)
    endpoint = HttpTokens(token_source, environment=environment, get=get_over_gevent)
    return Credentials(TokenCache(endpoint), names, None)
