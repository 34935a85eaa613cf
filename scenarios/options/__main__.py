"""`python -m scenarios.options [NAME ...]`: what wsoak's options mean (Locust's --help knows only its own)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scenarios.errors import ConfigError
from scenarios.exit_codes import EXIT_USAGE
from scenarios.options.help import entries, help_text, options_named, page


def main(arguments: Sequence[str]) -> int:
    """Print all options, those that are named, or (--markdown) docs/options.md; the exit status."""
    if list(arguments) == ["--markdown"]:
        print(page(), end="")
        return 0
    if not arguments or {"-h", "--help"} & set(arguments):
        print(help_text(), end="")
        return 0
    try:
        print(entries(options_named(arguments)), end="")
    except ConfigError as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
