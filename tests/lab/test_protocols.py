"""The table of protocols: whole, written where it belongs, and its class of fifteen lines a class that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab import protocols
from lab.judge import Seen
from lab.protocols import PAGE, TABLE, Spoken, line, lines_of, own_class, soaks, written
from scenarios.clients import run_connection
from scenarios.options import OPTIONS
from scenarios.plan import Token
from scenarios.protocols.load import PROTOCOLS
from tests.kit.servers import MAKERS, SPEAKERS, served
from tests.scenarios.clients.rows import Rows, plan_of, target_of

MOST_LINES = 15
EVERY_MAKER = {**MAKERS, **SPEAKERS}


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_every_protocol_that_is_shipped_has_a_paragraph_and_a_row_but_for_the_stand_ins() -> None:
    text = page()
    assert not [name for name in PROTOCOLS if f"| `{name}` |" not in text or f"**`{name}`**" not in text]
    assert {spoken.protocol for spoken in TABLE} >= set(PROTOCOLS) - {"staging"}


@pytest.mark.parametrize("spoken", TABLE, ids=lambda one: one.name)
def test_a_row_names_modes_and_options_that_there_are(spoken: Spoken) -> None:
    assert set(spoken.modes) <= EVERY_MAKER[spoken.maker].modes
    flags = {word for row in soaks(spoken) for word in row.load if word.startswith("--")}
    assert flags <= {"--users", "--run-time"} | {option.flag for option in OPTIONS}


def test_the_table_on_the_page_is_of_these_rows_and_all_are_right() -> None:
    rows = [row for row in page().partition(protocols.BEGIN)[2].splitlines() if row.startswith("| ")][1:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [spoken.server for spoken in TABLE], (
        "run: python -m lab.protocols --write docs/protocols.md"
    )
    assert all(row.endswith("| ok |") for row in rows)


def test_a_row_says_what_is_wrong_with_it() -> None:
    healthy = Seen(frozenset(), "", exchanges=1234)
    silent = Seen(frozenset({"format"}), "it never answers news")
    spoken = TABLE[1]
    assert line(spoken, 0, healthy, silent).endswith("| 1,234 | nothing | news | format | ok |\n")
    assert "silent: format is missing" in line(spoken, 0, healthy, healthy)
    assert "healthy: format is not so" in line(spoken, 0, silent, silent)


def test_the_table_is_put_in_its_place_and_the_rest_stays() -> None:
    text = f"before\n{protocols.BEGIN}old\n{protocols.END}\nbehind\n"
    assert written(text, "new\n") == text.replace("old\n", "new\n")


def test_a_part_of_the_table_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        protocols.main(["--only", "json", "--write", "page.md"])
    assert "--write makes the whole table" in capsys.readouterr().err


def test_the_class_of_the_page_has_fifteen_lines_and_holds_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = own_class(page())
    assert lines_of(code) <= MOST_LINES
    if reason := SPEAKERS["sockjs"].why_missing():
        pytest.skip(reason)
    (tmp_path / "docs_sockjs.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = Rows()
    with served("sockjs", "healthy", tmp_path) as port:
        target = target_of(port, path="/chat/0/0/websocket", protocol="docs_sockjs:SockJS")
        run_connection(plan_of(rows, "websocket-client", token=Token("a.b.c")), target, rows.services)
    assert [(row.kind, row.outcome) for row in rows.written] == [
        ("connect", "ok"),
        ("exchange", "ok"),
        ("hold", "ok"),
        ("close", "ok"),
    ]
    sys.modules.pop("docs_sockjs")


@pytest.mark.parametrize("broken", [b"a[", b'a["{"]', b"a[1]", b'a["{}"]', b"h", b"c[3000]", b""])
def test_the_class_of_the_page_raises_nothing(broken: bytes) -> None:
    names: dict[str, object] = {}
    exec(own_class(page()), names)
    made = names["SockJS"]
    assert isinstance(made, type)
    assert made().read_all(broken)
