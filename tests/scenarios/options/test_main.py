"""The command that explains options, as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.options.__main__ import main
from scenarios.options.help import help_text, page

ROOT = Path(__file__).parents[3]


def test_the_command_prints_the_help_the_page_or_the_options_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == help_text()
    assert main(["--markdown"]) == 0
    assert capsys.readouterr().out == page()
    assert main(["--seed"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("  --seed ")


def test_an_unknown_name_is_one_sentence_and_wrong_usage() -> None:
    command = [sys.executable, "-m", "scenarios.options", "pase-s"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    (sentence,) = ended.stderr.splitlines()
    assert "did you mean --pace-s" in sentence


def test_the_command_loads_neither_locust_nor_what_is_heavy() -> None:
    code = (
        "import runpy, sys\n"
        "sys.argv = ['options']\n"
        "try: runpy.run_module('scenarios.options', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'gevent', 'locust', 'numpy', 'pandas', 'pyarrow', 'scenarios'} & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "['scenarios']"
