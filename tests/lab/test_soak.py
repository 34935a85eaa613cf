"""What is read of a soak: its verdict, and tokens where none may be."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.claims import registry
from lab.rows import BY_NAME
from lab.soak import LEAK, leaks_in_run, read, seen, shown

TOKEN = jwt.encode({"sub": "anna"}, "k" * 40, algorithm="HS256")
ENCODED = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")


def test_a_part_that_does_not_start_is_void_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.kit.programs.SYSTEM", "")
    monkeypatch.setenv("PATH", "")
    assert seen(BY_NAME["nginx-502"], tmp_path).void == "nginx is not installed (Debian: apt-get install nginx)."


def verdict(**changes: Any) -> dict[str, Any]:
    claims = {name: {"state": "undecided", "evidence": f"Nothing of {name}."} for name in registry.names()}
    claims["auth"] = {"state": "confirmed", "evidence": "Refused: all."}
    plain = {"claims": claims, "generator": {"state": "healthy", "why": "-"}, "slo": {"state": "breached"}}
    return {**plain, "data_quality": [], **changes}


def test_the_confirmed_claims_are_read_with_their_evidence() -> None:
    found = read(verdict(), "Found.")
    assert (found.confirmed, found.screen, found.evidence) == (frozenset({"auth"}), "Found.", "Refused: all.")
    assert (found.impaired, found.void) == ("", "")


def test_a_run_that_can_tell_nothing_says_why() -> None:
    assert read(verdict(generator={"state": "impaired", "why": "A busy core."}), "").impaired == "A busy core."
    assert read(verdict(slo={"state": "void"}, data_quality=["Rows are missing."]), "").void == "Rows are missing."


@pytest.mark.parametrize("written", [TOKEN, TOKEN[:60], TOKEN[-LEAK:], ENCODED[:50], ENCODED[-LEAK:]])
@pytest.mark.parametrize("offered", [TOKEN, f"jwt.{ENCODED}"])
def test_a_token_or_a_part_of_it_is_found_in_text_and_in_parquet(tmp_path: Path, written: str, offered: str) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{offered}\n", encoding="ascii")
    run = tmp_path / "run"
    (run / "attempts").mkdir(parents=True)
    table = pa.table({"seq": [1, 2], "detail": pa.array([None, f"bad token {written}"]).dictionary_encode()})
    pq.write_table(table, run / "attempts" / "part-0.parquet")
    (run / "summary.md").write_text(f"# {written}", encoding="utf-8")
    (run / "run.json").write_text(json.dumps({"settings": {}}), encoding="utf-8")
    assert list(leaks_in_run(run, shown(tokens))) == ["part-0.parquet", "summary.md"]


def test_what_is_redacted_is_no_leak(tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("bad token <redacted>", encoding="utf-8")
    assert list(leaks_in_run(tmp_path, frozenset({TOKEN}))) == []
