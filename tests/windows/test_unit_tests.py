from __future__ import annotations

from windows.unit_tests import UnitTests, from_junit, joined

REPORT = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
<testcase classname="tests.attempts.test_spool" name="test_a" time="0.1" />
<testcase classname="tests.attempts.test_spool" name="test_b">
<skipped type="pytest.skip" message="RLIMIT is POSIX" /></testcase>
<testcase classname="tests.attempts.test_spool" name="test_c"><failure message="assert 1 == 2" /></testcase>
<testcase classname="tests.attempts.test_spool" name="test_c"><error message="at teardown" /></testcase>
</testsuite></testsuites>"""


def test_a_test_that_fails_and_whose_teardown_fails_counts_once() -> None:
    result = from_junit(REPORT)
    assert (result.passed, result.failed) == (1, ("tests.attempts.test_spool::test_c",))


def test_skips_are_counted_by_their_reason() -> None:
    assert from_junit(REPORT).skipped == {"RLIMIT is POSIX": 1}


def test_one_part_that_crashed_spoils_the_whole_and_loses_nothing_of_the_others() -> None:
    whole = joined([from_junit(REPORT), UnitTests(ended=False, output="page fault")])
    assert (whole.passed, whole.failed, whole.ended) == (1, ("tests.attempts.test_spool::test_c",), False)
    assert whole.skipped == {"RLIMIT is POSIX": 1}
    assert whole.output == "page fault"
