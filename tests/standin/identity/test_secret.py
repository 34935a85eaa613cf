"""The HS256 secret: environment, file, and what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from standin.identity.secret import SecretError, jwt_secret, write_private


def test_the_environment_wins(tmp_path: Path) -> None:
    assert jwt_secret({"STANDIN_JWT_SECRET": "e" * 32}, tmp_path / "state") == "e" * 32
    assert not (tmp_path / "state").exists()


def test_a_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    made = jwt_secret({}, tmp_path / "state")
    assert len(made) >= 32 and made == jwt_secret({}, tmp_path / "state")
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["jwt-secret"]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "state" / "jwt-secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_short_secret_is_refused_without_showing_it(tmp_path: Path, where: str) -> None:
    (tmp_path / "jwt-secret").write_text("short")
    with pytest.raises(SecretError, match="shorter than 32 bytes") as refused:
        jwt_secret({"STANDIN_JWT_SECRET": "short"} if where == "environment" else {}, tmp_path)
    assert "'short'" not in str(refused.value)


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretError, match="cannot be made"):
        jwt_secret({}, tmp_path / "file")


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    write_private(tmp_path / "f", b"first")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "f", b"second")
    assert (tmp_path / "f").read_bytes() == b"first"
