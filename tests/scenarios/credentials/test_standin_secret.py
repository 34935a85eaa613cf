"""The stand-in's secret: from a named file, the environment, or a file of our own; and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.credentials.standin_secret import standin_secret
from scenarios.errors import ConfigError

NAMED = "the-secret-of-a-named-file-of-32-bytes-or-more"
VARIABLE = {"SOAK_JWT_SECRET": "the-secret-of-the-environment-of-32-bytes-or-more"}


def test_a_named_file_goes_before_the_environment_as_it_does_for_every_target(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text(f"{NAMED}\n")
    assert standin_secret(VARIABLE, key_file=str(named), file=tmp_path / "own") == (NAMED, named)
    assert not (tmp_path / "own").exists()


def test_the_environment_goes_before_a_file_of_our_own(tmp_path: Path) -> None:
    assert standin_secret(VARIABLE, file=tmp_path / "own") == (VARIABLE["SOAK_JWT_SECRET"], None)
    assert not (tmp_path / "own").exists()


def test_our_own_file_is_made_once_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "own"
    made = standin_secret({}, file=file)
    assert standin_secret({}, file=file) == made == (file.read_text(), file)


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("", "no key"), ("short", "32 bytes")])
def test_a_named_file_that_cannot_serve_is_refused_without_its_secret(
    tmp_path: Path, text: str | None, says: str
) -> None:
    named = tmp_path / "named"
    if text is not None:
        named.write_text(text)
    with pytest.raises(ConfigError, match=says) as refusal:
        standin_secret(VARIABLE, key_file=str(named))
    assert named.parent.name in str(refusal.value) and "short'" not in str(refusal.value)


def test_a_variable_that_is_too_short_for_the_stand_in_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="SOAK_JWT_SECRET.* 32 bytes") as refusal:
        standin_secret({"SOAK_JWT_SECRET": "hidden"})
    assert "hidden" not in str(refusal.value)


def test_a_secret_that_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for file in (tmp_path / "file" / "secret", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be kept in .* or give SOAK_JWT_SECRET"):
            standin_secret({}, file=file)
