"""`python -m windows.run ARGUMENTS`: the Windows `python.exe`, with its output passed on and its exit status kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from windows import wine
from windows.places import ROOT, Places


def start(
    places: Places, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the Windows CPython in the project's folder; both outputs come through the returned process's pipe."""
    return subprocess.Popen(
        wine.python_command(places, arguments),
        cwd=ROOT,
        env=wine.environment(places, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def main() -> int:
    """Run it in the foreground."""
    places = Places()
    if not places.stamp.exists():
        print("windows.run: there is no Windows CPython yet; `make windows` builds it.", file=sys.stderr)
        return 2
    process = start(places, sys.argv[1:])
    assert process.stdout is not None
    try:
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        process.terminate()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
