"""`python -m lab.protocols --write docs/protocols.md`: each protocol on a server that is known for it, as a table.

Each row is two soaks: of the healthy server, of which nothing may be confirmed, and of the same one with an operation
that it never answers, which must be named.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from lab.judge import Expected, Seen, misses
from lab.parts import why_not
from lab.rows import Row, Setup
from lab.rows.truth import NOTHING
from lab.soak import all_seen

PAGE: Final = Path(__file__).parents[1] / "docs" / "protocols.md"
BEGIN: Final = "<!-- made by: python -m lab.protocols --write docs/protocols.md -->\n"
END: Final = "<!-- /made -->"
HEAD: Final = (
    "| server | `--protocol` | lines | exchanges | healthy: confirmed | silent operation | found | |\n"
    "|---|---|---|---|---|---|---|---|\n"
)
# The class that the page builds, under the name that it gives it.
OWN: Final = "sockjs_soak"
# Few enough connects for a machine that does other things besides; long enough for some hundred requests without an
# answer, which is what it takes to know of all of them.
LOAD: Final = (
    *("--scenario", "churn=2,steady=1", "--users", "24", "--arrival", "poisson:8", "--churn-exchanges", "4"),
    *("--pace-s", "0.5", "--run-time", "60s"),
)
_CODE: Final = re.compile(r"```python\n(.*?)```", re.DOTALL)
JOBS: Final = 1


class Spoken(NamedTuple):
    """A row of the table.

    Attributes:
        server: In words.
        protocol: As for `--protocol`.
        maker: In `tests.kit.servers`.
        options: Of the soak besides, without its requests.
        path: Of the URL.
        modes: Of the healthy server, and of the one with the silent operation.
        operations: One that is always answered, and the silent one.
    """

    server: str
    protocol: str
    maker: str
    options: tuple[str, ...] = ()
    path: str = "/ws"
    modes: tuple[str, str] = ("healthy", "silent")
    operations: tuple[str, str] = ("hello", "news")

    @property
    def name(self) -> str:
        """For `--only`."""
        return self.protocol.partition(":")[0]


KIND_AND_REF: Final = ("--message-type-field", "kind", "--message-id-field", "ref", "--welcome-type", "hello")
TABLE: Final = (
    Spoken("aiohttp", "echo", "aiohttp", modes=("echo", "silent_operation"), operations=("ping", "chat")),
    Spoken("JSON messages on npm's ws", "json", "json on ws", KIND_AND_REF),
    Spoken("npm's rpc-websockets", "jsonrpc", "rpc-websockets"),
    Spoken("npm's graphql-ws", "graphql-transport-ws", "graphql-ws"),
    Spoken("npm's socket.io", "socketio", "socket.io", path="/socket.io/"),
    Spoken("npm's sockjs", f"{OWN}:SockJS", "sockjs", path="/chat/0/0/websocket"),
)
BY_NAME: Final = {spoken.name: spoken for spoken in TABLE}


def own_class(page: str) -> str:
    """The class that the page builds."""
    found = _CODE.search(page)
    assert found is not None
    return found[1]


def lines_of(code: str) -> int:
    """How many lines a class has, without its imports and what is empty."""
    return sum(1 for line in code.partition("class ")[2].splitlines() if line.strip())


def soaks(spoken: Spoken) -> tuple[Row, Row]:
    """The two soaks of a row."""
    answered, silent = spoken.operations
    load = (
        *(*LOAD, "--protocol", spoken.protocol),
        *("--operations", f"{answered}=2,{silent}=1", *spoken.options),
    )
    healthy, faulty = (Setup(mode, maker=spoken.maker, path=spoken.path) for mode in spoken.modes)
    named = Expected(right=frozenset({"format"}), words=(silent,))
    return (
        Row(f"{spoken.name}-healthy", spoken.server, "", healthy, NOTHING, load),
        Row(f"{spoken.name}-silent", spoken.server, "silent", faulty, named, load, f"{spoken.name}-healthy"),
    )


def line(spoken: Spoken, lines: int, healthy: Seen, silent: Seen) -> str:
    """A row as Markdown."""
    wrong = [f"{what}: {miss}" for what, row, seen in _judged(spoken, healthy, silent) for miss in misses(row, seen)]
    cells = (
        spoken.server,
        f"`{spoken.protocol}`",
        str(lines),
        f"{healthy.exchanges:,}",
        ", ".join(sorted(healthy.confirmed)) or "nothing",
        spoken.operations[1],
        ", ".join(sorted(silent.confirmed)) or "nothing",
        "; ".join(wrong) or "ok",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def written(page: str, table: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    assert rest
    return before + BEGIN + table + END + rest.partition(END)[2]


def _judged(spoken: Spoken, healthy: Seen, silent: Seen) -> list[tuple[str, Expected, Seen]]:
    first, second = soaks(spoken)
    return [("healthy", first.expected, healthy), ("silent", second.expected, silent)]


def main(arguments: list[str] | None = None) -> int:
    """Run the rows that are asked for; the exit status says whether all are right."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.protocols", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", metavar="PROTOCOL", choices=BY_NAME, help="these rows; all if none is named"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep runs and logs there")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write makes the whole table, and --only asks for a part of it")
    table = [BY_NAME[name] for name in options.only] if options.only else list(TABLE)
    code = own_class(PAGE.read_text(encoding="utf-8"))
    missing = {reason for spoken in table if (reason := why_not(soaks(spoken)[0].setup))}
    if missing:
        print(*sorted(missing), sep="\n", file=sys.stderr)
        return 1
    made = HEAD
    with tempfile.TemporaryDirectory(prefix="wsoak-lab-") as temporary, ThreadPoolExecutor(JOBS) as pool:
        folder = options.keep.resolve() if options.keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{OWN}.py").write_text(code, encoding="utf-8")
        # A user has the module beside the locustfile; the soaks find it here.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
        coming = all_seen([row for spoken in table for row in soaks(spoken)], folder, pool)
        for spoken, healthy, silent in zip(table, coming[::2], coming[1::2], strict=True):
            lines = lines_of(code) if spoken.protocol.startswith(OWN) else 0
            row = line(spoken, lines, healthy.result(), silent.result())
            print(row, end="", flush=True)
            made += row
    if options.write:
        options.write.write_text(written(options.write.read_text(encoding="utf-8"), made), encoding="utf-8")
    return 0 if all(row.endswith("| ok |") for row in made.splitlines()[2:]) else 1


if __name__ == "__main__":
    sys.exit(main())
