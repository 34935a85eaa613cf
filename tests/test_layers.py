"""The import rules of the rooms, read from the sources themselves: who may import whom, and which libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[1]
OURS: Final = frozenset({"analysis", "attempts", "bench", "lab", "scenarios", "standin", "tests", "windows"})

# A room (the longest name that fits a module) and what it imports of ours besides itself. A name stands for all that
# is in it; CONTRIBUTING.md says what each room holds.
ROOMS: Final[dict[str, str]] = {
    "analysis": "analysis",
    "analysis.exit_codes": "",
    "analysis.cli": (
        "analysis.exit_codes analysis.pipeline analysis.releases analysis.report analysis.runs analysis.server_log "
        "analysis.settings analysis.verdict attempts.printable"
    ),
    "analysis.settings": "analysis.model analysis.runs.manifest analysis.verdict.service_levels",
    "analysis.pipeline": "analysis.model analysis.reduction analysis.runs analysis.server_log analysis.verdict",
    "analysis.model": "analysis.stats",
    "analysis.runs": "attempts.checksums attempts.locks attempts.printable attempts.run_folder attempts.schema",
    "analysis.reduction": "analysis.runs.parquet_files attempts.p1_checks attempts.schema",
    "analysis.stats": "",
    "analysis.comparison": "analysis.model analysis.reduction analysis.stats",
    "analysis.claims": "analysis.comparison analysis.model analysis.reduction analysis.stats",
    "analysis.verdict": (
        "analysis.claims analysis.comparison analysis.exit_codes analysis.model analysis.reduction analysis.stats "
        "attempts.p1_checks"
    ),
    "analysis.report": (
        "analysis.claims analysis.comparison analysis.model analysis.pipeline analysis.reduction "
        "analysis.releases analysis.runs analysis.server_log analysis.stats analysis.verdict attempts.p1_checks "
        "attempts.printable"
    ),
    "analysis.notebook": (
        "analysis.claims.registry analysis.comparison analysis.model analysis.pipeline analysis.reduction "
        "analysis.report analysis.runs analysis.settings analysis.stats analysis.verdict attempts.printable "
        "attempts.schema"
    ),
    "analysis.releases": (
        "analysis.exit_codes analysis.reduction analysis.runs analysis.settings analysis.stats attempts.printable"
    ),
    "analysis.live": (
        "analysis.claims.registry analysis.cli analysis.exit_codes analysis.pipeline analysis.reduction analysis.runs "
        "analysis.settings analysis.verdict.answer attempts.locks attempts.printable"
    ),
    "analysis.server_log": (
        "analysis.claims.registry analysis.comparison.words analysis.exit_codes analysis.model "
        "analysis.reduction.explain analysis.stats"
    ),
    "analysis.simulation": (
        "analysis.claims.registry analysis.model analysis.reduction analysis.runs.manifest attempts.checksums "
        "attempts.schema"
    ),
    "analysis.calibration": (
        "analysis.claims analysis.model analysis.reduction analysis.runs analysis.simulation analysis.stats "
        "analysis.verdict"
    ),
    "analysis.planning": (
        "analysis.claims analysis.comparison analysis.model analysis.reduction analysis.simulation analysis.stats"
    ),
    "attempts": "attempts",
    "attempts.checker": "",
    "attempts.checksums": "",
    "attempts.intervals": "",
    "attempts.exit_codes": "",
    "attempts.locks": "",
    "attempts.manifest": "attempts.printable",
    "attempts.p1_checks": "",
    "attempts.printable": "",
    "attempts.run_folder": "",
    "attempts.schema": "attempts.checker",
    "attempts.accounting": "attempts.intervals",
    "attempts.settling": "attempts.accounting",
    "attempts.spool": "attempts.intervals attempts.locks attempts.schema",
    "attempts.store": (
        "attempts.accounting attempts.checksums attempts.exit_codes attempts.intervals attempts.locks "
        "attempts.manifest attempts.run_folder attempts.schema attempts.settling attempts.spool"
    ),
    "attempts.collect": "attempts.exit_codes attempts.locks attempts.manifest attempts.spool",
    "scenarios": "scenarios attempts.p1_checks attempts.schema",
    "scenarios.errors": "",
    "scenarios.clock": "",
    "scenarios.signals": "",
    "scenarios.redact": "",
    "scenarios.os_errors": "",
    "scenarios.addresses": "",
    "scenarios.authority": "",
    "scenarios.child_environment": "",
    "scenarios.version": "",
    "scenarios.exit_codes": "",
    "scenarios.exit_words": "",
    "scenarios.http_fields": "",
    "scenarios.http_head": "",
    "scenarios.rfc6455": "",
    "scenarios.plan": "scenarios.authority scenarios.redact attempts.schema",
    "scenarios.options": (
        "scenarios.authority scenarios.checks.suites scenarios.clients scenarios.errors scenarios.exit_codes "
        "scenarios.http_fields scenarios.protocols.transport scenarios.session.scripts"
    ),
    "scenarios.run_file": "scenarios.machine scenarios.version",
    "scenarios.run_order": "scenarios.clock scenarios.plan scenarios.run_file",
    "scenarios.protocol": "scenarios.protocols",
    "scenarios.protocols": "scenarios.errors scenarios.http_fields scenarios.plan",
    # The command `python -m scenarios.protocols`, under the name that its users look for.
    "scenarios.protocols.__main__": "scenarios.first_look",
    "scenarios.first_look": (
        "scenarios.clients scenarios.clock scenarios.control scenarios.credentials scenarios.errors "
        "scenarios.exit_codes scenarios.load scenarios.machine scenarios.options scenarios.plan scenarios.protocols "
        "scenarios.redact scenarios.rfc6455 scenarios.session attempts.schema"
    ),
    "scenarios.experiment": "scenarios.errors scenarios.plan",
    "scenarios.session": (
        "scenarios.clock scenarios.errors scenarios.evidence scenarios.experiment scenarios.plan scenarios.protocols "
        "scenarios.redact scenarios.rfc6455 attempts.schema"
    ),
    "scenarios.credentials": "scenarios.errors scenarios.options scenarios.plan scenarios.redact",
    # Asked from within all event loops, so it knows none of them.
    "scenarios.evidence": "",
    "scenarios.machine": "scenarios.errors scenarios.version attempts.schema",
    "scenarios.relay": (
        "scenarios.addresses scenarios.authority scenarios.errors scenarios.evidence scenarios.exit_codes "
        "scenarios.http_head scenarios.machine scenarios.os_errors"
    ),
    "scenarios.clients": (
        "scenarios.addresses scenarios.authority scenarios.clock scenarios.errors scenarios.evidence "
        "scenarios.http_fields scenarios.http_head scenarios.machine scenarios.os_errors scenarios.plan "
        "scenarios.protocols scenarios.redact scenarios.relay scenarios.rfc6455 scenarios.session scenarios.signals "
        "attempts.schema"
    ),
    "scenarios.clients.on_gevent": (
        "scenarios.addresses scenarios.clients scenarios.evidence scenarios.plan scenarios.relay scenarios.rfc6455 "
        "scenarios.session"
    ),
    "scenarios.clients.on_asyncio": (
        "scenarios.addresses scenarios.child_environment scenarios.clients scenarios.clock scenarios.errors "
        "scenarios.evidence scenarios.exit_words scenarios.http_head scenarios.machine scenarios.plan "
        "scenarios.protocols scenarios.relay scenarios.rfc6455 scenarios.session attempts.schema"
    ),
    "scenarios.probes": (
        "scenarios.addresses scenarios.authority scenarios.clients scenarios.errors scenarios.evidence "
        "scenarios.experiment scenarios.plan scenarios.protocols scenarios.redact scenarios.rfc6455 scenarios.session "
        "attempts.schema attempts.spool"
    ),
    "scenarios.checks": (
        "scenarios.authority scenarios.clients scenarios.evidence scenarios.plan scenarios.protocols scenarios.redact "
        "scenarios.rfc6455 scenarios.session attempts.p1_checks"
    ),
    "scenarios.load": (
        "scenarios.checks scenarios.clients scenarios.clock scenarios.credentials scenarios.errors "
        "scenarios.experiment scenarios.machine scenarios.options scenarios.plan scenarios.probes scenarios.protocols "
        "scenarios.redact scenarios.run_file scenarios.run_order scenarios.screens.voice scenarios.session "
        "attempts.p1_checks attempts.schema attempts.spool"
    ),
    "scenarios.screens": "scenarios.errors scenarios.options scenarios.plan attempts.schema",
    "scenarios.control": (
        "scenarios attempts.accounting attempts.locks attempts.printable attempts.schema attempts.settling "
        "attempts.spool"
    ),
    "standin": "standin",
    "standin.clock": "",
    "standin.frames": "",
    "standin.faults": "standin.frames",
    "standin.identity": "",
    "standin.evidence": "standin.clock standin.faults standin.frames",
    "standin.settings": "standin.faults",
    "standin.world": "standin.clock standin.evidence standin.faults standin.identity standin.settings",
    "standin.session": "standin.faults standin.frames standin.identity standin.world",
    "locustfile": "scenarios",
    "windows": "windows",
    # Real parts know nothing of us, and the lab knows a soak as its users do: a command, and the files that it leaves.
    "tests.kit": "",
    "lab": "lab tests.kit",
    "bench": "bench analysis attempts scenarios tests.scenarios.kit",
}


class Library(NamedTuple):
    """Libraries that may be imported in some rooms only, or must not be in some."""

    names: frozenset[str]
    only_in: tuple[str, ...] = ()
    not_in: tuple[str, ...] = ()


OUTSIDE: Final = frozenset({"asyncio", "gevent", "locust", "os", "select", "selectors", "socket", "ssl", "time"})
LIBRARIES: Final = (
    # What decides is a pure function, or an object that is given `now`.
    Library(
        OUTSIDE,
        not_in=(
            *(
                "scenarios.session",
                "scenarios.experiment",
                "scenarios.protocols",
                "analysis.stats",
                "attempts.p1_checks",
            ),
            *("analysis.comparison", "analysis.claims", "analysis.verdict", "attempts.checker", "attempts.intervals"),
        ),
    ),
    Library(
        frozenset({"locust"}),
        only_in=("locustfile", "scenarios.control", "scenarios.load", "scenarios.screens", "bench"),
    ),
    Library(
        frozenset({"gevent"}),
        not_in=("analysis", "attempts", "standin", "scenarios.evidence", "scenarios.relay", "lab"),
    ),
    Library(
        frozenset({"asyncio"}),
        not_in=("analysis", "scenarios.clients.on_gevent", "scenarios.evidence", "scenarios.load"),
    ),
    Library(
        frozenset({"numpy", "pandas", "pyarrow", "scipy"}),
        not_in=(
            *("scenarios", "standin", "locustfile", "attempts.spool", "attempts.accounting", "attempts.checker"),
            *("attempts.checksums", "attempts.collect", "attempts.intervals", "attempts.locks", "attempts.schema"),
        ),
    ),
    Library(
        frozenset({"ibis", "duckdb", "pyspark"}),
        only_in=("analysis.runs", "analysis.reduction", "analysis.server_log", "analysis.notebook", "bench"),
    ),
    Library(frozenset({"prometheus_client", "opentelemetry"}), only_in=("attempts.store",)),
    Library(frozenset({"plotly", "jinja2", "matplotlib", "PIL", "rich"}), only_in=("analysis.report",)),
)
HEAVY: Final = ("numpy", "pandas", "pyarrow")


class Import(NamedTuple):
    """One import: by which module, of what, and in which line."""

    by: str
    of: str
    line: int


def modules() -> dict[str, Path]:
    """Every module of the rooms by its dotted name."""
    files = [ROOT / "locustfile.py", *(ROOT / "tests" / "kit").rglob("*.py")]
    for package in OURS - {"tests"}:
        files += (ROOT / package).rglob("*.py")
    return {named(path): path for path in sorted(files)}


def named(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(name: str, source: str, *, is_package: bool = False) -> Iterator[Import]:
    """Every import of a module, wherever it stands: in functions, relative ones, and by `import_module`."""
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                yield Import(name, f"{module}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(name, first.value, node.lineno)


def _is_import_call(called: ast.expr) -> bool:
    word = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return word in ("import_module", "__import__")


@cache
def room_of(name: str) -> str | None:
    """The room that a module stands in: the longest name that fits."""
    fitting = [room for room in ROOMS if is_in(name, (room,))]
    return max(fitting, key=len, default=None)


def is_in(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these rooms, or stands in one."""
    return any(name == room or name.startswith(room + ".") for room in rooms)


def breaks_a_room(one: Import) -> bool:
    """Whether a module imports something of ours that its room may not."""
    room = room_of(one.by)
    if one.of.split(".")[0] not in OURS or room is None:
        return False
    # `from analysis.runs import dataset` names a module, `from analysis.runs.dataset import Run` something in it; of a
    # package above, `from analysis import cli`, only the module counts.
    return not is_in(one.of, (room, *ROOMS[room].split()))


def breaks_a_library(one: Import) -> bool:
    """Whether a module imports a library that its room may not."""
    top = one.of.split(".")[0]
    return any(
        top in rule.names and ((rule.only_in and not is_in(one.by, rule.only_in)) or is_in(one.by, rule.not_in))
        for rule in LIBRARIES
    )


@cache
def all_imports() -> tuple[Import, ...]:
    """Every import of every module; read when it is first asked for, for each process of the suite loads this file."""
    return tuple(
        one
        for name, path in modules().items()
        for one in imports_of(name, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")
    )


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_its_line_allows(room: str) -> None:
    wrong = [one for one in all_imports() if room_of(one.by) == room and breaks_a_room(one)]
    assert not wrong


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_has_modules_and_its_line_no_room_that_it_does_not_import(room: str) -> None:
    mine = [name for name in modules() if room_of(name) == room or is_in(name, (room,))]
    assert mine
    used = [one.of for one in all_imports() if is_in(one.by, (room,))]
    for allowed in ROOMS[room].split():
        assert any(is_in(of, (allowed,)) for of in used), f"{room} may import {allowed}, and does not"


def test_a_library_is_imported_only_where_its_line_allows() -> None:
    assert not [one for one in all_imports() if breaks_a_library(one)]


def test_contributing_has_a_line_for_every_room_that_is_a_package() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## To add a")[0]
    packages = {name for name, path in modules().items() if path.name == "__init__.py"}
    rooms = {room for room in ROOMS if room in packages} | {f"standin.{name}" for name in ("session", "faults")}
    assert not {room for room in rooms if f"`{room.split('.')[-1]}/`" not in table and f"`{room}" not in table}


def test_every_module_stands_in_a_room() -> None:
    assert not [name for name in modules() if room_of(name) is None]


def test_mypy_reads_every_package_of_ours() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert set(settings["packages"]) == OURS


def test_no_room_imports_another_that_imports_it_in_turn() -> None:
    wanted = {
        room: {room_of(one.of) for one in all_imports() if room_of(one.by) == room} - {room, None} for room in ROOMS
    }
    left = {room: set(of) for room, of in wanted.items()}
    while free := [room for room, of in left.items() if not of]:
        for room in free:
            del left[room]
        for of in left.values():
            of -= set(free)
    assert not left


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import analysis.cli", "analysis.cli"),
        ("def f():\n    from analysis import cli", "analysis.cli"),
        ("from . import cli", "analysis.stats.cli"),
        ("from .. import cli", "analysis.cli"),
        ("from ..report import html", "analysis.report.html"),
        ("import importlib\nimportlib.import_module('analysis.cli')", "analysis.cli"),
    ],
)
def test_an_import_is_seen_however_it_is_written(source: str, found: str) -> None:
    seen = list(imports_of("analysis.stats.rates", source))
    assert found in {one.of for one in seen}
    assert any(breaks_a_room(one) for one in seen) == (not found.startswith("analysis.stats"))


def test_a_library_that_a_room_may_not_import_is_found() -> None:
    assert breaks_a_library(Import("scenarios.session.ledger", "socket", 1))
    assert breaks_a_library(Import("analysis.claims.auth", "os.path", 1))
    assert breaks_a_library(Import("scenarios.machine.lag", "locust", 1))
    assert not breaks_a_library(Import("scenarios.control.hooks", "locust.event", 1))


@pytest.mark.parametrize(
    "module", ["locustfile", "scenarios.load.users", "scenarios.clients.on_gevent.websocket_client"]
)
def test_a_worker_loads_no_numpy_pandas_or_pyarrow(module: str) -> None:
    code = f"import locust, sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_what_a_script_imports_to_open_a_run_loads_nothing_heavy_until_it_does() -> None:
    code = f"import sys, analysis; print([m for m in {(*HEAVY, 'ibis', 'plotly', 'matplotlib')!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_what_every_analysis_imports_leaves_out_what_takes_long_and_few_need() -> None:
    code = "import sys, analysis.pipeline; print([m for m in ('scipy.stats', 'scipy.optimize') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_locust_comes_first_where_it_is_imported() -> None:
    for name, path in modules().items():
        if not is_in(name, ("scenarios", "locustfile")):
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        roots = [
            n.module.split(".")[0] if isinstance(n, ast.ImportFrom) and n.module else n.names[0].name.split(".")[0]
            for n in imports
        ]
        roots = [r for r in roots if r != "__future__"]
        if "locust" in roots:
            assert roots[0] == "locust", path
