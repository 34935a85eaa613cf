"""`python -m windows.lock`: write wheels.txt anew after requirements-worker.txt or requirements-dev.txt changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

from windows.errors import BuildError
from windows.pins import windows_pins, with_hashes
from windows.places import ROOT

WHEELS = Path(__file__).with_name("wheels.txt")
HEADER = "# Written by `python -m windows.lock`: the wheels that the Windows side installs.\n"
# --platform makes pip choose Windows wheels on any machine; it then insists on --only-binary and --target.
FOR_WINDOWS = ("--only-binary=:all:", "--platform=win_amd64", "--python-version=3.11", "--implementation=cp")


def wheel_hashes(pins: list[str]) -> dict[str, str]:
    """sha256 by package name of the Windows wheels that the configured index offers for `pins`."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed", "--no-deps"]
    command += [*FOR_WINDOWS, "--target=unused", "--report=-", *pins]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise BuildError(f"pip found no Windows wheel for some of the {len(pins)} pins: see its message above.")
    return {
        canonicalize_name(item["metadata"]["name"]): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in json.loads(done.stdout)["install"]
    }


def main() -> int:
    """Write wheels.txt."""
    pins = windows_pins((ROOT / "requirements-worker.txt").read_text(), (ROOT / "requirements-dev.txt").read_text())
    try:
        WHEELS.write_text(HEADER + with_hashes(pins, wheel_hashes(pins)))
    except BuildError as error:
        print(f"windows.lock: {error}", file=sys.stderr)
        return 1
    print(f"windows.lock: {len(pins)} Windows wheels in {WHEELS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
