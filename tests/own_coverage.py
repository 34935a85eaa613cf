"""Print the branch coverage of each module by its own test file: `python -m tests.own_coverage [ROOM ...]`.

A module that only the tests of others run is not proved by anybody: what its file promises can change unnoticed. Each
row counts the lines and branches that `tests/<room>/test_<module>.py` runs by itself, next to what all tests of the
room run. Child processes are not followed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import coverage
import pytest

ROOT: Final = Path(__file__).parents[1]
# The rooms whose promises everything else is built on: each module there has a test file of its own.
ROOMS: Final = ("scenarios/session", "analysis/stats", "analysis/claims", "attempts")


class Row(NamedTuple):
    """One module: share of its lines and branches run by its own tests, and by all tests of the room, in percent."""

    module: str
    branches: int
    own: float
    room: float
    missing: str


def own_tests(module: Path) -> Path:
    """Where a module's own tests are: `attempts/spool/frames.py` -> `tests/attempts/spool/test_frames.py`."""
    return Path("tests") / module.parent / f"test_{module.stem.strip('_')}.py"


def modules(room: str) -> list[Path]:
    """The modules of a room and of those in it, as paths from the root; packages' own files hold no decisions."""
    found = (path.relative_to(ROOT) for path in sorted((ROOT / room).rglob("*.py")))
    return [path for path in found if path.name != "__init__.py"]


class _ByFile:
    """A pytest plugin: what is run during a test is noted under the name of the test's file."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.path.relative_to(ROOT).as_posix())
        result = yield
        self._measured.switch_context("")
        return result


def measure(rooms: list[str], *, slow: bool = False) -> list[Row]:
    """Run the rooms' tests in this process.

    Raises:
        SystemExit: A test failed; its status is pytest's.
    """
    paths = [path for room in rooms for path in modules(room)]
    measured = coverage.Coverage(data_file=None, branch=True, include=[str(ROOT / path) for path in paths])
    measured.start()
    chosen = [] if slow else ["-m", "not slow"]
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", *chosen, *(f"tests/{room}" for room in rooms)], plugins=[_ByFile(measured)]
    )
    measured.stop()
    if status != pytest.ExitCode.OK:
        raise SystemExit(int(status))
    everything = _report(measured, None)
    return [_row(path, _report(measured, own_tests(path).as_posix()), everything) for path in paths]


def _report(measured: coverage.Coverage, context: str | None) -> dict[str, Any]:
    """Coverage's report by module; with a context, of the lines run by it and by importing the module."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        contexts = None if context is None else ["^$", f"^{context}$"]
        measured.json_report(outfile=str(out), contexts=contexts, show_contexts=False)
        return {Path(name).as_posix(): found for name, found in json.loads(out.read_bytes())["files"].items()}


def _row(path: Path, own: dict[str, Any], room: dict[str, Any]) -> Row:
    name = path.as_posix()
    mine, everybody = own[name], room[name]
    return Row(
        name,
        mine["summary"]["num_branches"],
        mine["summary"]["percent_covered"],
        everybody["summary"]["percent_covered"],
        ", ".join(map(str, mine["missing_lines"][:8])) + (", ..." if len(mine["missing_lines"]) > 8 else ""),
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.own_coverage", description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"folders of code (default: {' '.join(ROOMS)})")
    parser.add_argument("--slow", action="store_true", help="with the tests that are marked slow")
    given = parser.parse_args(arguments)
    rooms = [room.strip("/") for room in given.rooms] or list(ROOMS)
    if unknown := [room for room in rooms if not (ROOT / "tests" / room).is_dir() or not modules(room)]:
        parser.error(f"{unknown[0]!r} has no modules or no tests: name a folder of code, like {ROOMS[0]}.")
    print(f"{'module':<44} {'branches':>8} {'own tests':>9} {'room':>6}  lines that its own tests never run")
    for row in measure(rooms, slow=given.slow):
        print(f"{row.module:<44} {row.branches:>8} {row.own:>8.0f}% {row.room:>5.0f}%  {row.missing}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
