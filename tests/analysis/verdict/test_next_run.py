"""The next run as a command to paste."""

from __future__ import annotations

import pytest

from analysis.stats.needs import FAR_TOO_SMALL, OPEN_END
from analysis.verdict.next_run import PLAN, next_run, repeated
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, verdict

BAD = Slo(state="breached", checks=(BREACHED,), why=BREACHED.why)
RUN = ["locust", "--headless", "--users", "60", "--run-time", "5m"]


@pytest.mark.parametrize(
    ("needs", "command"),
    [
        ("A run of at least 20 minutes.", "locust --headless --users 60 --run-time 20m"),
        ("A run of at least 2 minutes.", "locust --headless --users 60 --run-time 5m"),
        ("About 2.5 times as much data: beyond the margin.", "locust --headless --users 60 --run-time 13m"),
        ("About 1.5 times as many attempts: 8 minutes more.", "locust --headless --users 60 --run-time 8m"),
        ("More users, or a wider --margin.", "locust --headless --users 60 --run-time 5m"),
        ("About 740 more attempts.", "locust --headless --users 60 --run-time 10m"),
        (
            "Delay arms (for example --delay-ms 0,80,160,320), drawn for each connection.",
            "locust --headless --users 60 --run-time 5m --delay-ms 0,80,160,320",
        ),
        (
            "A ping after each silent timeout (--peer-check-s above 0): it tells a server that keeps silent.",
            "locust --headless --users 60 --run-time 5m --peer-check-s 1",
        ),
    ],
)
def test_a_need_changes_the_command_of_the_run(needs: str, command: str) -> None:
    assert repeated(RUN, needs) == command


def test_an_option_that_is_there_is_changed_in_the_form_that_it_has() -> None:
    needs = "Delay arms (--delay-ms 0,80)."
    assert repeated(["locust", "--delay-ms", "40", "--run-time=90s"], needs) == "locust --delay-ms 0,80 --run-time=90s"
    assert repeated(["locust", "--delay-ms=40"], needs) == "locust --delay-ms=0,80"
    assert repeated(["locust", "--allow-less-load"], "Or --allow-less-load") == "locust --allow-less-load"
    assert repeated(["locust", "--run-time=90s"], "At least more: at least 3 minutes.") == "locust --run-time=3m"


@pytest.mark.parametrize(("word", "seconds"), [("90", "180s"), ("1h30m", "180m"), ("45s", "10m")])
def test_every_way_to_name_a_time_is_read(word: str, seconds: str) -> None:
    expected = "10m" if word == "90" else seconds
    assert repeated(["locust", "-t", word], "", longer=True) == f"locust -t {expected}"


def test_a_command_is_what_a_user_types_and_one_that_is_no_soak_has_no_next() -> None:
    assert repeated(["/usr/lib/locust/__main__.py", "--headless"], "") == "locust --headless"
    assert repeated([], "more attempts") == ""
    assert repeated(["python", "-m", "analysis", "simulate"], "") == ""
    assert repeated(["locust", "--header", "a b"], "") == "locust --header 'a b'"


def test_another_host_is_the_dearest_need_and_is_planned_first() -> None:
    open_one = {**verdict(BAD), "hypothesis": {"state": "undecided", "because": []}}
    words, command = next_run(open_one, subject="")
    assert words == "For platform x latency: three hosts of each platform."
    assert command == PLAN


def test_nothing_that_failed_needs_a_failure() -> None:
    clean = verdict(Slo(state="met", checks=(MET,), why=""), failures=[])
    words, command = next_run(clean, subject="")
    assert words.startswith("A failure") and command.endswith("--run-time 10m")


def test_where_the_server_is_confirmed_its_log_comes_next_and_only_once() -> None:
    given = verdict(BAD)
    assert next_run(given, subject="server")[1] == "python -m analysis reports/run-1 --server-log FILE"
    assert next_run({**given, "server_log": {}}, subject="server")[1].startswith("locust ")


@pytest.mark.parametrize("words", [["--reports-dir", "/srv/our runs"], ["--reports-dir=/srv/our runs/"]])
def test_the_log_is_read_beside_the_run_where_its_reports_went(words: list[str]) -> None:
    given = {**verdict(BAD), "command": [*RUN, *words]}
    assert next_run(given, subject="server")[1] == "python -m analysis '/srv/our runs/run-1' --server-log FILE"


def test_several_runs_whose_commands_are_not_known_have_a_log_each() -> None:
    given = {**verdict(BAD), "runs": ["a", "b"], "command": []}
    assert next_run(given, subject="server")[1] == "python -m analysis reports/a reports/b --server-log FILE"
    assert next_run({**given, "server_log": {}}, subject="server")[1] == ""


@pytest.mark.parametrize("attempts", [0, 40])
def test_a_run_that_was_ended_early_needs_its_end_and_no_other_command(attempts: int) -> None:
    early = Slo(state="void", checks=(), why="The run ended after 2 s of 5 min (--accept-early judges it).")
    words, command = next_run({**verdict(early), "attempts": attempts}, subject="")
    assert words == "A run that goes on to its planned end."
    assert command == "locust --headless --users 60 --run-time 5m"


@pytest.mark.parametrize("need", [OPEN_END, f"In chat exchanges: {FAR_TOO_SMALL[:1].lower()}{FAR_TOO_SMALL[1:]}"])
def test_what_no_run_like_this_one_settles_has_no_command_and_is_asked_for_last(need: str) -> None:
    far = verdict(BAD)
    far["hypothesis"] = {"state": "undecided", "because": []}
    for claim in far["claims"].values():
        claim.update(state="undecided", needs=need)
    assert next_run(far, subject="")[1] == ""
    far["claims"]["format"]["needs"] = "Three hosts."
    assert next_run(far, subject="") == ("For format: three hosts.", PLAN)


def test_while_a_run_goes_on_its_end_is_waited_for_and_no_other_run_is_begun() -> None:
    going = verdict(BAD)
    going["hypothesis"] = {"state": "undecided", "because": []}
    for claim in going["claims"].values():
        claim.update(state="undecided", needs="The end of the run.")
    assert next_run(going, subject="") == ("For platform x latency: the end of the run.", "")


def test_too_few_attempts_for_a_level_need_a_longer_run() -> None:
    short = Slo(state="void", checks=(), why="40 attempts are too few to tell a success ratio of 0.95.")
    assert next_run(verdict(short), subject="") == (
        "More attempts, by a longer run.",
        "locust --headless --users 60 --run-time 10m",
    )
