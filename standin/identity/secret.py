"""The HS256 secret: from the environment, or from a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from standin.identity.tokens import MIN_SECRET_BYTES

VARIABLE: Final = "STANDIN_JWT_SECRET"
FILE: Final = "jwt-secret"


class SecretError(ValueError):
    """The secret cannot be used; the text is one sentence and does not hold it."""


def jwt_secret(environment: Mapping[str, str], state_dir: Path) -> str:
    """The secret from `STANDIN_JWT_SECRET`, else from `<state_dir>/jwt-secret`, which is made if missing.

    Raises:
        SecretError: It is too short, or the file cannot be read or made.
    """
    if value := environment.get(VARIABLE):
        return _checked(value, f"the environment variable {VARIABLE}")
    path = state_dir / FILE
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            write_private(path, secrets.token_urlsafe(48).encode())
    except OSError as error:
        raise SecretError(f"The secret file {path} cannot be made: {error.strerror}.") from None
    try:
        return _checked(path.read_text(encoding="utf-8").strip(), f"the file {path}")
    except (OSError, UnicodeDecodeError):
        raise SecretError(f"The secret file {path} cannot be read.") from None


def write_private(path: Path, content: bytes) -> None:
    """Make a new file with mode 0600 and all its content at once, also for another process that looks.

    Raises:
        FileExistsError: It is there already; it is left as it is.
        OSError: The folder cannot be written.
    """
    if path.exists():
        raise FileExistsError(path)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # A link, unlike a rename, does not replace what another process has made meanwhile.
        os.link(scratch, path)
    finally:
        scratch.unlink()


def _checked(secret: str, where: str) -> str:
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise SecretError(f"The secret in {where} is shorter than {MIN_SECRET_BYTES} bytes, the least for HS256.")
    return secret
