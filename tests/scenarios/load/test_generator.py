"""A load-generating process: that it cannot begin, and what it knows of its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenarios.clock import Clock
from scenarios.errors import HarnessError
from scenarios.load.generator import LoadGenerator, step_words
from scenarios.options import settings_from
from scenarios.plan import Target
from scenarios.run_file import ClockEntry
from scenarios.run_order import RunOrder
from tests.attempts.recording import connection_facts, exchange, read_all
from tests.typed import known

TARGET = Target(scheme="ws", host="127.0.0.1", port=9)
CLOCK = Clock(1_764_072_000_000_000, time.perf_counter())


def generator_in(folder: Path, **options: Any) -> LoadGenerator:
    order = RunOrder(run_id="a", target=TARGET, jwt_key_file=None, clock=CLOCK, workers=1, users=1, storm_at=None)
    return LoadGenerator(
        order,
        settings_from(options),
        spool_folder=folder,
        target=TARGET,
        on_attempt=lambda _: None,
        clock=CLOCK,
        clock_found=ClockEntry(offset_s=60.0, uncertainty_s=0.001),
    )


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadGenerator]:
    """One that mints tokens, and connects nowhere by itself."""
    monkeypatch.setenv("SOAK_JWT_SECRET", "a-secret-of-this-test-that-is-long-enough-for-hs256")
    made = generator_in(tmp_path / "spool", probes=False)
    yield made
    made.finish()


def test_a_folder_for_rows_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match=r"cannot be kept in .*file/spool \(Not a directory\): name another folder"):
        generator_in(tmp_path / "file" / "spool")


def test_a_machine_that_slept_goes_on_where_the_master_is_and_its_segments_say_so(
    generator: LoadGenerator, tmp_path: Path
) -> None:
    before_s = generator.epoch_s()
    now = time.perf_counter()
    generator.time_was_told(now - 0.001, CLOCK.micros(now) + 900_000_000, now)
    assert generator.epoch_s() - before_s == pytest.approx(900.0, abs=5.0)
    recorder: Any = generator.services.recorder
    recorder.write(exchange(recorder.connection(connection_facts())))
    (entry,) = generator.finish().workers
    assert entry.clock_offset_s == entry.clock.offset_s == 60.0
    assert entry.clock.drift_s == pytest.approx(-900.0, abs=0.1)
    assert entry.clock.corrections == 1
    (segment,) = read_all(tmp_path / "spool")
    assert [knot.offset for knot in segment.clock] == [pytest.approx(-900_000_000, abs=100_000)]


def refused(generator: LoadGenerator, *, must_be: bool = False) -> None:
    """One connect is refused for its token."""
    row = exchange(0, kind="connect", operation="connect", outcome="failed", cause="auth_rejected", phase="upgrade")
    plan: Any = SimpleNamespace(expect_refusal=must_be)
    known(generator.services.on_attempt)(plan, row)


def targets_clock_is(generator: LoadGenerator, behind_s: float) -> None:
    """An answer of the target, whose clock is so far behind the run's."""
    now = time.perf_counter()
    date = formatdate(CLOCK.micros(now) / 1e6 - behind_s, usegmt=True)
    generator.services.heard(f"HTTP/1.1 401 Unauthorized\r\nDate: {date}".encode(), now, now)


def test_tokens_from_the_targets_future_that_are_refused_make_the_run_void(generator: LoadGenerator) -> None:
    targets_clock_is(generator, 60.0)
    refused(generator)
    report = generator.finish()
    assert [problem for problem in report.problems if "1 refusals of tokens that are made here may be" in problem]
    low_s, high_s = known(report.workers[0].clock.ahead_of_target_s)
    assert low_s <= 60.0 <= high_s


@pytest.mark.parametrize("behind_s", [0.0, -60.0])
def test_refusals_by_a_target_that_is_not_behind_are_the_targets(generator: LoadGenerator, behind_s: float) -> None:
    targets_clock_is(generator, behind_s)
    refused(generator)
    assert generator.finish().problems == []


def test_refusals_that_were_asked_for_and_none_at_all_are_no_matter_of_clocks(generator: LoadGenerator) -> None:
    targets_clock_is(generator, 60.0)
    refused(generator, must_be=True)
    assert generator.finish().problems == []


@pytest.mark.parametrize(("step_s", "said"), [(70.0, "set forward by 70.0 s"), (-0.7, "set back by 0.7 s")])
def test_a_clock_that_was_set_is_said_with_what_it_means(step_s: float, said: str) -> None:
    assert said in step_words(step_s)
