"""The limit on open files, which is the limit on sockets."""

from __future__ import annotations

import sys


def raise_descriptor_limit() -> int | None:
    """Raise the soft limit on open files to the hard one (POSIX lets every user); the limit now.

    None where the platform has no such limit (Windows counts handles, 16 million of them).
    """
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            # macOS reports "unlimited" and then refuses it.
            return soft
    return hard
