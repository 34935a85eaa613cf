"""Which clients are the same on different platforms: one library on one family of event loop.

An event loop belongs to its platform. gevent runs on libuv on Windows and on libev elsewhere; asyncio takes the
Proactor there and a selector elsewhere; uvloop is not on Windows. Held to one name, a fleet of Windows hosts and
one of Linux hosts would have no client in common. So what a platform takes by default is part of the platform,
and two defaults of one kind are one family. What runs beside the default is an arm of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

# The kind of each loop that some platform takes by default. A loop that is none's default is its own family.
KINDS: Final = {
    "gevent-libev": "gevent",
    "gevent-libuv": "gevent",
    "asyncio-proactor": "asyncio",
    "asyncio-selector": "asyncio",
}
# Default loops of one platform that another one has beside its own default.
BESIDE: Final = frozenset({("asyncio-selector", "Windows")})
# The loops that only one platform takes by default: where it is held against others, they are named.
OF_ONE_PLATFORM: Final = {"asyncio-proactor": "the Proactor", "gevent-libuv": "libuv"}
# The arms that let one loop run on every platform.
EQUAL_LOOP_ARMS: Final = "--client websockets-asyncio,websockets-selector"


def family(event_loop: str, platform: str) -> str:
    """The family of a loop on a platform: "gevent" and "asyncio" for the defaults, else the loop's own name.

    The selector is asyncio's default on Linux and macOS, and a loop of its own on Windows.
    """
    return event_loop if (event_loop, platform) in BESIDE else KINDS.get(event_loop, event_loop)


def families(arms: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], str]:
    """The family of each arm's loop, given what else ran beside it.

    Where a platform ran a library on a loop that is not its default, and never on its default, that loop is
    what the library is compared by: hosts of Windows and Linux that all run the selector run the same client.

    Args:
        arms: (library, event loop, platform) of all rows.
    """
    listed = list(arms)
    own = {(library, platform, family(loop, platform)) for library, loop, platform in listed}
    found = {}
    for library, loop, platform in listed:
        usual = KINDS.get(loop, loop)
        stands_in = (library, platform, usual) not in own
        found[library, loop, platform] = usual if stands_in else family(loop, platform)
    return found


def own_loops(loops: Collection[str], others: Collection[str]) -> str:
    """What a platform's loops are called beside those of others: "whose asyncio loop is the Proactor"; "" if alike.

    Args:
        loops: The loops of a platform, in what is compared.
        others: Those of the platforms that it is held against.
    """
    named = sorted((set(loops) - set(others)) & set(OF_ONE_PLATFORM))
    return " and ".join(f"whose {KINDS[loop]} loop is {OF_ONE_PLATFORM[loop]}" for loop in named)
