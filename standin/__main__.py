"""`python -m standin`: read the options, listen, tell so on one line, serve until told to end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence

import orjson

from standin.evidence.jsonlines import WriteError
from standin.faults import describe
from standin.identity.secret import SecretError
from standin.options import OptionError, read_options
from standin.serve import Ready, serve, verification_keys
from standin.server import LostPortError, Server


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit status: 0 after an orderly end, 1 when it cannot go on, 2 for a wrong wish."""
    try:
        options = read_options(arguments)
        if options.list_faults:
            print(describe())
            return 0
        keys = verification_keys(options, environment, make_secret=not options.check)
        if options.check:
            return 0

        def announce(server: Server, ready: Ready) -> None:
            print(orjson.dumps(ready).decode(), flush=True)
            if options.exit_with_stdin:
                threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()

        serve(options, keys, on_ready=announce)
    except (OptionError, SecretError) as error:
        print(f"standin: {error}", file=sys.stderr)
        return 2
    except (WriteError, LostPortError) as error:
        print(f"standin: {error}", file=sys.stderr)
        return 1
    return 0


def _stop_at_end_of_input(server: Server) -> None:
    # os.read, not sys.stdin: a thread inside a buffered reader would crash the interpreter's own end.
    while os.read(0, 4096):
        pass
    server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
