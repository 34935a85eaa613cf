import gzip
from pathlib import Path

import pytest

from analysis.server_log.__main__ import main
from tests.analysis.server_log.test_read import LIFE


def test_a_log_is_tried_by_its_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "server.log"
    log.write_bytes(b"\n".join([*LIFE, b"plain"]))
    assert main([str(log)]) == 0
    said = "json; of the first 7 lines 1 cannot be read; 1 accepted, 4 authenticated, 1 established."
    assert capsys.readouterr().out == f"{log}: {said}\n"


def test_of_what_cannot_be_told_no_format_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("empty", b"\n"), ("picture", b"PNG\x00\n"), ("cut", gzip.compress(LIFE[0])[:-8])):
        (tmp_path / name).write_bytes(content)
        assert main([str(tmp_path / name)]) == 0
    said = capsys.readouterr().out.replace(f"{tmp_path}/", "").splitlines()
    assert said == [
        "empty: it is empty.",
        "picture: no known format fits (--format takes one of your own: docs/server-log.md); of the first 1 lines 1 "
        "cannot be read; nothing of any connection.",
        "cut: json; of the first 1 lines 0 cannot be read; 1 accepted. What is behind it is not known: cut cannot be "
        "read (Compressed file ended before the end-of-stream marker was reached): name files of log lines that are "
        "whole.",
    ]


def test_what_cannot_be_used_is_one_sentence_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere.log")]) == 2
    assert main([str(tmp_path / "nowhere.log"), "--format", "apache"]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{tmp_path}/nowhere.log cannot be read (No such file or directory)",
        "The log format 'apache' is not known",
    ]
