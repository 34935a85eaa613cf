"""Everything that a user's own protocol class needs, under the name that it is imported by."""

from __future__ import annotations

from scenarios.protocols.basics import Basics
from scenarios.protocols.echo import Echo
from scenarios.protocols.load import PROTOCOLS, load_protocol
from scenarios.protocols.shape import (
    MALFORMED,
    NOISE,
    Credentials,
    Kind,
    Message,
    Opening,
    Refusal,
    RefusalRules,
    Request,
    TargetProtocol,
    Welcome,
)
from scenarios.protocols.staging import Staging

__all__ = [
    "MALFORMED",
    "NOISE",
    "PROTOCOLS",
    "Basics",
    "Credentials",
    "Echo",
    "Kind",
    "Message",
    "Opening",
    "Refusal",
    "RefusalRules",
    "Request",
    "Staging",
    "TargetProtocol",
    "Welcome",
    "load_protocol",
]
