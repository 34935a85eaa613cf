"""Values from a variable or a file, and what is said where they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.credentials.secret_values import headers_of, value_of
from scenarios.errors import ConfigError
from scenarios.options.secret_values import Named
from scenarios.plan import Header


def test_a_value_is_read_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbfhidden\r\n")
    named = (Named("Origin", "https://a"), Named("X-A", "env:A"), Named("X-B", f"file:{file}"))
    assert headers_of("--header", named, {"A": "hidden-too\n"}) == (
        Header("Origin", "https://a"),
        Header("X-A", "hidden-too", is_secret=True),
        Header("X-B", "hidden", is_secret=True),
    )


def test_a_value_that_is_not_there_is_refused_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\x80\x81")
    for written, says in (
        ("env:A", "the variable 'A' is empty or not set"),
        (f"file:{tmp_path / 'missing'}", r"missing' cannot be read \(No such file"),
        (f"file:{tmp_path / 'empty'}", "holds no text"),
        (f"file:{tmp_path / 'binary'}", "holds no text"),
    ):
        with pytest.raises(ConfigError, match=f"^--header 'X-A': .*{says}"):
            value_of("--header", Named("X-A", written), {})


@pytest.mark.parametrize("value", ["hidden\r\nEvil: x", "hidd\u00e9n"])
def test_a_value_that_no_header_may_have_is_refused_unseen(value: str) -> None:
    with pytest.raises(ConfigError, match="^--header 'X-A' holds a") as refusal:
        headers_of("--header", (Named("X-A", "env:A"),), {"A": value})
    assert "hidd" not in str(refusal.value)
