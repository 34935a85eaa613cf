"""The key that signs tokens for the embedded stand-in: from the environment, else a file of our own.

Workers that Locust starts on this machine find the same file; workers elsewhere need the variable.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SECRET_VARIABLE: Final = "SOAK_JWT_SECRET"
SECRET_FILE: Final = Path(".standin") / "soak-secret"


def standin_secret(environment: Mapping[str, str], file: Path = SECRET_FILE) -> tuple[str, Path | None]:
    """The HS256 secret for the stand-in, and the file that holds it (None: the environment does).

    The file is made on first use, readable by its owner only.
    """
    given = environment.get(SECRET_VARIABLE)
    if given:
        return given, None
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip(), file
    secret = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret)
    return secret, file
