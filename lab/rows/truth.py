"""What is true of several rows."""

from __future__ import annotations

from lab.judge import Expected

NOTHING = Expected(also=frozenset())
SERVER = frozenset({"server"})
AUTH = frozenset({"auth"})
NETWORK = frozenset({"network"})
NO_AGE = ("age limit",)


def server(*words: str, never: tuple[str, ...] = ()) -> Expected:
    """The server's side is at fault."""
    return Expected(right=SERVER, words=words, never=never)


def auth(*words: str) -> Expected:
    """Credentials are refused."""
    return Expected(right=AUTH, words=words, never=NO_AGE)


def network(*words: str) -> Expected:
    """What was sent was lost between the two machines, and this machine's kernel knows it."""
    return Expected(right=NETWORK, words=words, never=NO_AGE)


def residual(*words: str, never: tuple[str, ...] = ()) -> Expected:
    """What nobody on this side can lay at anybody's door: only that some attempts fail and some do not."""
    return Expected(words=words, never=never)


def no_road(*words: str) -> Expected:
    """No connect gets through, and the answer says why: none of the claims, but the words."""
    return Expected(also=frozenset(), words=words)
