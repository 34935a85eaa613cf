"""Where the programs of others are on this machine."""

from __future__ import annotations

import os
import shutil

# Debian keeps those of the administrator where an ordinary user's PATH does not look.
SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"


def found(program: str) -> str:
    """Its path; empty: it is not installed."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM}") or ""
