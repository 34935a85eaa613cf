"""A protocol object by its name on the command line, with the faults of a user's class made sentences."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from scenarios.errors import ConfigError, ProtocolFault, unknown_name
from scenarios.plan import USUAL_FIELDS, MessageFields
from scenarios.protocols.echo import Echo
from scenarios.protocols.graphql import SUBPROTOCOL, GraphQLTransportWS
from scenarios.protocols.json_messages import JsonMessages
from scenarios.protocols.jsonrpc import JsonRpc
from scenarios.protocols.shape import Credentials, Message, Opening, Refusal, Request, TargetProtocol
from scenarios.protocols.socketio import SocketIO
from scenarios.protocols.staging import Staging

PROTOCOLS: Final[dict[str, Callable[[MessageFields], TargetProtocol]]] = {
    "staging": lambda fields: Staging(),
    "echo": lambda fields: Echo(),
    "json": JsonMessages,
    "jsonrpc": lambda fields: JsonRpc(),
    SUBPROTOCOL: lambda fields: GraphQLTransportWS(),
    "socketio": lambda fields: SocketIO(),
}


def guard(protocol: Any, name: str) -> None:
    """Make the faults of a user's protocol object sentences: what its methods raise, and what they should not return.

    What is raised may hold what the target sent, a token too: the sentence names the place and not the text.
    """
    for method, returned in _RETURNS.items():
        call = getattr(protocol, method, None)
        if callable(call):
            made = _guarded(call, f"--protocol {name!r}: {method}", returned, _ITEMS.get(method))
            with contextlib.suppress(AttributeError):  # a class with slots keeps its methods as they are
                setattr(protocol, method, made)


def _guarded(call: Callable[..., Any], what: str, returned: tuple[type, ...], items: type | None) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            found = call(*args, **kwargs)
        except Exception as error:
            raise ProtocolFault(
                f"{what} raised {type(error).__name__}{_place_of(error)}; "
                "a protocol class never raises for what the target sends."
            ) from None
        if not isinstance(found, returned):
            words = " or ".join("None" if kind is type(None) else kind.__name__ for kind in returned)
            raise ProtocolFault(f"{what} returned a {type(found).__name__}, but it must return {words}.")
        if items is not None and not _holds_only(found, items):
            raise ProtocolFault(f"{what} returned something else than {items.__name__} objects in its list.")
        return found

    return guarded


def _holds_only(found: Any, kind: type) -> bool:
    return all(isinstance(item, kind) for item in found)


def _place_of(error: Exception) -> str:
    """In which file and line it was raised, as far as its frames say."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f" ({Path(last[0].filename).name}, line {last[0].lineno})" if last else ""


_RETURNS: Final[dict[str, tuple[type, ...]]] = {
    "read": (Message,),
    "read_all": (list, tuple),
    "read_binary": (Message,),
    "openings": (list, tuple),
    "request": (Request,),
    "pong": (bytes, type(None)),
    "credentials": (Credentials,),
    "refusal_of_close": (Refusal, type(None)),
    "refusal_of_status": (Refusal, type(None)),
}
_ITEMS: Final[dict[str, type]] = {"read_all": Message, "openings": Opening}


@lru_cache(maxsize=8)
def load_protocol(name: str, fields: MessageFields = USUAL_FIELDS) -> TargetProtocol:
    """The one protocol object for a name in `PROTOCOLS`, or for `package.module:Class`.

    Args:
        name: As for `--protocol`.
        fields: What `json` must know.

    Raises:
        ConfigError: If there is none of that name, or it lacks a part.
    """
    if ":" not in name:
        if name not in PROTOCOLS:
            raise unknown_name("--protocol", name, [*PROTOCOLS, "package.module:Class"])
        return PROTOCOLS[name](fields)
    module_name, _, class_name = name.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), class_name)()
    except Exception as error:  # of somebody else's module: whatever it raises
        raise ConfigError(
            f"--protocol {name!r} cannot be loaded ({type(error).__name__}: {error}): "
            "name a class without arguments in a module that can be imported from here."
        ) from error
    missing = [part for part in _PARTS if not hasattr(made, part)]
    if hasattr(made, "read_all") and "read" in missing:
        missing.remove("read")
    if missing:
        raise ConfigError(
            f"--protocol {name!r} lacks {', '.join(missing)}: "
            "a protocol class has all that scenarios.protocol.TargetProtocol names."
        )
    guard(made, name)
    protocol: TargetProtocol = made
    return protocol


def usual_of(protocol: TargetProtocol) -> Mapping[str, float] | None:
    """The requests that a protocol class asks where none are named, with weights; None = it does not say."""
    named: Mapping[str, float] | None = getattr(protocol, "usual", None)
    return named


def operations_of(protocol: TargetProtocol) -> frozenset[str] | None:
    """The requests that a protocol class names in `operations`; None = any word (a class may have none)."""
    named: frozenset[str] | None = getattr(protocol, "operations", None)
    return named


_PARTS: Final = (
    *("welcomes_with_frame", "round_trips", "identified", "sequences"),
    *("read", "request", "pong", "credentials"),
)
