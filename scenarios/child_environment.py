"""The environment of a child process: what this one has, without what is none of the child's business.

Secrets are given by the environment, and every process that has them is one more that shows them in a core, a debugger
or `/proc`. So a child gets those that it needs by name, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

# wsoak's own variables, and whatever calls itself a secret: a CI job's tokens are in the environment, too.
_OURS: Final = ("SOAK_", "STANDIN_")
_TELLING: Final = re.compile(
    r"(?i)secret|token|passw|passphrase|credential|authorization|(?:^|_)(?:api)?key(?:_|$)|jwt"
)


def child_environment(
    environ: Mapping[str, str], *, keep: Collection[str] = (), named: Collection[str] = (), has_foreign: bool = False
) -> dict[str, str]:
    """The variables that a child gets.

    Args:
        environ: This process's.
        keep: Secrets that this child needs.
        named: Variables that options say hold secrets (`env:NAME`), whatever they are called.
        has_foreign: It gets the secrets that are not wsoak's, since it runs code of the user's.
    """

    def is_kept(name: str) -> bool:
        if name in keep:
            return True
        if name in named or name.upper().startswith(_OURS):
            return False
        return has_foreign or _TELLING.search(name) is None

    return {name: value for name, value in environ.items() if is_kept(name)}
