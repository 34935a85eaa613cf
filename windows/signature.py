"""Reads who signed the Windows binaries (Authenticode) with `osslsigncode verify`.

The package that carries them is another author's, so the pinned digest alone only says that nothing changed since it
was pinned; the signature says that the Python Software Foundation built it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from windows.errors import BuildError

EXPECTED_SIGNER = "Python Software Foundation"
# vcruntime140*.dll come with every CPython but are Microsoft's, whose root is not among the certificates that Linux
# distributions trust: of these two files only the pinned digest of the package is known.
MICROSOFTS_OWN = "vcruntime140"
SIGNED_SUFFIXES = frozenset({".exe", ".dll", ".pyd"})

_ORGANIZATION = re.compile(r"Signer's certificate:.*?Subject:[^\n]*?/O=([^/\n]+)", re.DOTALL)


def signer(report: str) -> str | None:
    """The organization that signed, as `osslsigncode verify` reports it, or None if no signature was found good.

    Args:
        report: All that the command printed.
    """
    found = _ORGANIZATION.search(report)
    is_good = re.search(r"^Signature verification: ok\s*$", report, re.MULTILINE) is not None
    return found.group(1) if found and is_good else None


def check_signatures(folder: Path) -> int:
    """Verify every binary of CPython in `folder`; return how many there were.

    Revocation is not asked: it needs the certificate authority's server, which a closed network does not reach. The
    digest, the chain to a trusted root and the time stamp are checked.

    Raises:
        BuildError: If a binary is unsigned, altered, or signed by somebody else.
    """
    binaries = sorted(
        path for path in folder.iterdir() if path.suffix in SIGNED_SUFFIXES and not path.name.startswith(MICROSOFTS_OWN)
    )
    for path in binaries:
        command = ["osslsigncode", "verify", *_without_revocation(), "-in", str(path)]
        done = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace")
        who = signer(done.stdout + done.stderr) if done.returncode == 0 else None
        if who != EXPECTED_SIGNER:
            raise BuildError(
                f"{path.name} is signed by {who or 'nobody whose signature holds'}, not by "
                f"{EXPECTED_SIGNER}: it is not used. `{' '.join(command)}` shows why."
            )
    return len(binaries)


def _without_revocation() -> list[str]:
    """The option that skips revocation lists, where this osslsigncode has it (2.5 asks for none by itself)."""
    usage = subprocess.run(["osslsigncode", "--help"], capture_output=True, check=False, text=True)
    return ["-ignore-crl"] if "-ignore-crl" in usage.stdout + usage.stderr else []
