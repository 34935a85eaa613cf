"""The import rules of the rooms, read from the sources themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = frozenset({"analysis", "attempts", "bench", "lab", "scenarios", "standin", "tests"})
MAY_IMPORT = {
    "attempts": frozenset({"attempts"}),
    "scenarios": frozenset({"scenarios", "attempts"}),
    "standin": frozenset({"standin"}),
    "analysis": frozenset({"analysis", "attempts.locks", "attempts.schema"}),
    "locustfile.py": frozenset({"scenarios", "attempts"}),
    # Real parts know nothing of us, and the lab knows a soak as its users do: a command, and the files that it leaves.
    "tests/kit": frozenset({"tests.kit"}),
    "lab": frozenset({"lab", "tests.kit"}),
}
HEAVY = ("numpy", "pandas", "pyarrow")


def sources(room: str) -> list[Path]:
    place = ROOT / room
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({f"{node.module}.{alias.name}" for alias in node.names} | {node.module})
    return names


def is_within(name: str, allowed: frozenset[str]) -> bool:
    return any(name == a or name.startswith(a + ".") or a.startswith(name + ".") for a in allowed)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_the_architecture_allows(room: str) -> None:
    allowed = MAY_IMPORT[room]
    wrong = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sources(room)
        for name in imported_modules(path)
        if name.split(".")[0] in OURS and not is_within(name, allowed)
    }
    assert not wrong


def test_every_room_has_sources_so_that_the_rule_can_fail() -> None:
    for room in MAY_IMPORT:
        assert sources(room), room


@pytest.mark.parametrize(
    "module", ["locustfile", "scenarios.load.users", "scenarios.clients.on_gevent.websocket_client"]
)
def test_a_worker_loads_no_numpy_pandas_or_pyarrow(module: str) -> None:
    code = f"import locust, sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_locust_comes_first_where_it_is_imported() -> None:
    for path in [*sources("scenarios"), *sources("locustfile.py")]:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        roots = [
            n.module.split(".")[0] if isinstance(n, ast.ImportFrom) and n.module else n.names[0].name.split(".")[0]
            for n in imports
        ]
        roots = [r for r in roots if r != "__future__"]
        if "locust" in roots:
            assert roots[0] == "locust", path
