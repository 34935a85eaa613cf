"""The key that signs tokens for the embedded stand-in: from a named file, the environment, else a file of our own.

Workers that Locust starts on this machine find the same file; workers elsewhere need the variable.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scenarios.credentials.jwt import KEY_VARIABLE, load_key, text_of_key_file
from scenarios.errors import ConfigError

SECRET_FILE: Final = Path(".standin") / "soak-secret"
# The stand-in takes no less: RFC 7518, section 3.2.
MIN_SECRET_BYTES: Final = 32


def standin_secret(
    environment: Mapping[str, str], *, key_file: str = "", file: Path = SECRET_FILE
) -> tuple[str, Path | None]:
    """The HS256 secret for the stand-in, and the file that holds it (None: the environment does).

    Args:
        environment: Where `SOAK_JWT_SECRET` may be.
        key_file: As in --jwt-key-file; "" = none was named.
        file: Made on first use where neither says the secret, readable by its owner only.

    Raises:
        ConfigError: If the named file cannot be read, or the secret is too short. It never holds the secret.
    """
    if key_file:
        load_key("HS256", key_file=key_file, environment=environment)  # for its refusals
        text = text_of_key_file(key_file)
        return _long_enough(text.strip(), f"--jwt-key-file {key_file!r}"), Path(key_file)
    given = environment.get(KEY_VARIABLE, "").strip()
    if given:
        return _long_enough(given, KEY_VARIABLE), None
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip(), file
    secret = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret)
    return secret, file


def _long_enough(secret: str, source: str) -> str:
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ConfigError(
            f"The secret in {source} is shorter than {MIN_SECRET_BYTES} bytes, the least that the embedded stand-in "
            "takes for HS256: use a longer one, or none."
        )
    return secret
