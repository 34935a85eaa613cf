from __future__ import annotations

from scenarios.control.roster import Roster
from scenarios.run_file import WorkerEntry
from scenarios.run_order import GeneratorReport

SILENT_S = 30.0


def entry(name: str) -> WorkerEntry:
    return WorkerEntry(worker=name, host="h", platform="Linux")


def report(name: str) -> GeneratorReport:
    return GeneratorReport(workers=[entry(name)], tally={})


def with_hellos(*names: str) -> Roster:
    roster = Roster()
    for name in names:
        roster.told_to_start(name)
        roster.hello(name, entry(name))
        roster.heard(name, 0.0)
    return roster


def test_nobody_is_missing_once_all_have_reported() -> None:
    roster = with_hellos("a", "b")
    roster.reported("a", report("a"))
    assert roster.missing == {"b"}
    roster.reported("b", report("b"))
    assert roster.missing == set()
    assert roster.problems() == []
    assert roster.lost == []


def test_one_that_leaves_in_mid_run_with_all_its_rows_is_not_lost() -> None:
    roster = with_hellos("a", "b")
    roster.reported("a", report("a"))
    assert roster.news(1000.0, silent_s=2000.0) == []
    assert [lost.worker for lost in roster.lost] == ["b"]


def test_one_that_was_told_to_start_and_never_said_hello_is_a_problem_with_its_name() -> None:
    roster = with_hellos("a")
    roster.told_to_start("host_1f2e")
    roster.reported("a", report("a"))
    assert roster.missing == {"host_1f2e"}
    assert [problem.sentence for problem in roster.problems()] == [
        "Worker 'host_1f2e' was told to start and never took part in the run."
    ]


def test_one_that_gave_up_owes_no_hello_but_one_that_had_begun_owes_its_report() -> None:
    roster = with_hellos("a")
    roster.told_to_start("b")
    roster.gave_up("b")
    roster.gave_up("a")
    assert roster.missing == {"a"}


def test_one_whose_hello_was_lost_but_whose_report_came_is_not_missing() -> None:
    roster = Roster()
    roster.told_to_start("a")
    roster.reported("a", report("a"))
    assert roster.missing == set()


def test_one_that_never_reported_is_lost_and_keeps_what_it_told_of_itself() -> None:
    roster = with_hellos("a")
    assert [problem.sentence for problem in roster.problems()] == ["Worker a (Linux, host h) was lost."]
    assert roster.lost == [WorkerEntry(worker="a", host="h", platform="Linux", lost=True)]


def test_silence_and_its_end_are_news_once_each() -> None:
    roster = with_hellos("a", "b")
    roster.heard("b", SILENT_S)
    (said,) = roster.news(SILENT_S, silent_s=SILENT_S)
    assert said.startswith("Worker a (Linux, host h) has not been heard for 30 s")
    assert roster.news(SILENT_S + 1, silent_s=SILENT_S) == []
    roster.heard("a", SILENT_S + 2)
    assert roster.news(SILENT_S + 2, silent_s=SILENT_S) == ["Worker a (Linux, host h) is heard again."]


def test_a_run_is_deserted_when_none_of_its_workers_is_heard_any_more() -> None:
    roster = with_hellos("a", "b")
    assert not roster.is_deserted(599.0, alone_s=600.0)
    assert roster.is_deserted(600.0, alone_s=600.0)
    roster.heard("b", 10.0)
    assert not roster.is_deserted(600.0, alone_s=600.0)


def test_a_run_in_which_nobody_takes_part_yet_is_not_deserted() -> None:
    assert not Roster().is_deserted(1e9, alone_s=600.0)


def test_when_a_worker_was_heard_is_known_in_the_next_run_too() -> None:
    first = with_hellos("a")
    first.heard("a", 100.0)
    assert Roster(first).silence_s("a", 101.0) == 1.0
    assert Roster(first).missing == set()
