"""The whole road with real parts: a server or a proxy of others, a soak, and the verdict that must be right.

`make lab` runs the rest of the table, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lab.__main__ import JOBS, main
from lab.judge import Seen, misses
from lab.parts import why_not
from lab.rows import BY_NAME, IN_CI
from lab.soak import all_seen


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Seen]]]:
    """Of the rows whose parts are here, some at a time."""
    rows = [BY_NAME[name] for name in IN_CI if not why_not(BY_NAME[name].setup)]
    with ThreadPoolExecutor(JOBS) as pool:
        coming = all_seen(rows, tmp_path_factory.mktemp("lab"), pool)
        yield {row.name: future for row, future in zip(rows, coming, strict=True)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", IN_CI)
def test_the_verdict_is_right_about_a_real_part(name: str, verdicts: dict[str, Future[Seen]]) -> None:
    row = BY_NAME[name]
    if reason := why_not(row.setup):
        pytest.skip(reason)
    found = verdicts[name].result()
    if found.impaired:
        pytest.skip(f"this machine is too busy to tell: {found.impaired}")
    assert misses(row.expected, found) == [], found.screen


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--only", "nginx-502"]) == 0
    assert capsys.readouterr().out == "nginx-502                nginx: the server is down\n"


def test_a_part_of_the_table_is_not_written_as_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "nginx", "--write", "page.md"])
    assert "--write makes the whole page" in capsys.readouterr().err
