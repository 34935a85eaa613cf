from __future__ import annotations

import sys
from pathlib import Path

import pytest

from windows.pytest_plugin import NOT_UNDER_WINE, SkipWhereHeavy, reason_to_skip

SCENARIO_TESTS = Path(__file__).parents[1] / "scenarios"


def test_a_test_that_stops_a_process_by_a_signal_is_not_for_windows() -> None:
    reason = "it sends, or names, a signal that only POSIX has"
    assert reason_to_skip("test_a", ["os.kill(pid, signal.SIGSTOP)"]) == reason
    assert reason_to_skip("test_a", ['assert said == "was killed by SIGKILL"']) == reason


def test_a_fixture_that_calls_openssl_is_enough() -> None:
    assert reason_to_skip("test_a", ["def test_a(): ...", 'command = "openssl req -x509"']) is not None


def test_a_reset_over_a_socket_is_not_for_wine() -> None:
    name = "test_one_event_is_one_row_in_every_client[websocket-client-reset before the welcome]"
    assert reason_to_skip(name, []) == "Wine sends no RST, whatever SO_LINGER says"


def test_what_only_speaks_of_a_reset_runs() -> None:
    assert reason_to_skip("test_why_it_failed[reset]", ["assert cause(error) == 'reset'"]) is None


def test_every_name_that_wine_excuses_is_still_some_tests_name() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SCENARIO_TESTS.rglob("test_*.py"))
    assert "def test_one_event_is_one_row_in_every_client" in sources
    assert "def test_a_fault_is_the_same_rows_in_every_client" in sources
    assert "def test_a_reports_folder_that_cannot_be_made" in sources
    assert "def test_a_folder_for_rows_that_cannot_be_made" in sources
    assert "def test_the_targets_end_for_a_client_that_was_reset" in sources
    assert len(NOT_UNDER_WINE) == 3


def test_importing_what_no_worker_imports_skips_and_anything_else_does_not() -> None:
    hook = SkipWhereHeavy()
    assert hook.find_spec("json") is None
    with pytest.raises(pytest.skip.Exception, match=r"needs pyarrow\.parquet, which no worker imports"):
        hook.find_spec("pyarrow.parquet")
    assert not any(isinstance(finder, SkipWhereHeavy) for finder in sys.meta_path), "only on Windows is it installed"
