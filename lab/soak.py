"""A soak before a row's part, as its users run it, and what its verdict said."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lab.judge import Seen
from lab.parts import SECRET, started
from lab.rows import Row
from tests.kit.children import ROOT, NotStarted
from tests.kit.echo_server import CARRIES_TOKEN

BUDGETS = ("--connect-budget-s", "3", "--exchange-budget-s", "2", "--close-budget-s", "1", "--peer-check-s", "1")
# A soak is made again where the machine was too busy to tell, so often in all.
TRIES = 3
# So much of a token is a leak: servers cut what they repeat. The start of a JWT is the same for all.
LEAK = 20


def seen(row: Row, folder: Path) -> Seen:
    """Soak the row's part and read the verdict; again where the machine was too busy to tell.

    A part that does not start, and a soak that leaves no verdict, are void with the reason.
    """
    for number in range(TRIES):
        try:
            found = _seen_once(row, folder / str(number))
        except NotStarted as problem:
            return Seen(frozenset(), "", void=str(problem))
        if not found.impaired or row.expected.is_generators:
            break
    return found


def all_seen(rows: Sequence[Row], folder: Path, pool: ThreadPoolExecutor) -> list[Future[Seen]]:
    """For each row what its verdict said, as soon as the pool has got to it; each has a folder of its name."""
    return [pool.submit(seen, row, folder / row.name) for row in rows]


def _seen_once(row: Row, folder: Path) -> Seen:
    folder.mkdir(parents=True)
    reports = folder / "reports"
    with started(row.setup, folder) as place:
        command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--host", place.url]
        command += ["--reports-dir", str(reports), "--protocol", "echo", "--spawn-rate", "24", "--stop-timeout", "10"]
        command += [*BUDGETS, *place.options, *row.load]  # of options that are given twice the last one holds
        if place.host is not None:
            command = place.host.command(*command)
        variables = {**os.environ, "SOAK_ALLOWED_HOSTS": place.address, "SOAK_JWT_SECRET": SECRET}
        done = subprocess.run(
            command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    (folder / "screen.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    runs = [path.parent for path in reports.glob("*/verdict.json")]
    if not runs:
        void = f"The soak left no verdict (exit status {done.returncode}): {done.stderr}"
        return Seen(frozenset(), done.stdout, void=void)
    if missed := place.schedule.why_not_done():
        return Seen(frozenset(), done.stdout, void=missed)
    leaks = [*leaks_in_text("the terminal", done.stdout + done.stderr, shown(place.tokens))]
    leaks += leaks_in_run(runs[0], shown(place.tokens))
    # Where the report is says nothing, and has numbers in it.
    screen = "\n".join(line for line in done.stdout.strip().splitlines() if not line.startswith("Report: "))
    verdict = json.loads((runs[0] / "verdict.json").read_text(encoding="utf-8"))
    found = read(verdict, screen, tuple(leaks))
    return found._replace(lost=lost_by_client(runs[0]), exchanges=exchanges_in(runs[0]))


def read(verdict: dict[str, Any], screen: str, leaks: tuple[str, ...] = ()) -> Seen:
    """What a `verdict.json` says, beside what was on the screen."""
    confirmed = {name: claim for name, claim in verdict["claims"].items() if claim["state"] == "confirmed"}
    generator = verdict["generator"]
    impaired = generator["why"] if generator["state"] == "impaired" else ""
    void = verdict["slo"]["state"] == "void" and not impaired
    return Seen(
        confirmed=frozenset(confirmed),
        screen=screen,
        evidence=" ".join(claim["evidence"] for claim in confirmed.values()),
        leaks=leaks,
        impaired=impaired,
        void=(" ".join(verdict["data_quality"]) or "the service levels say so") if void else "",
    )


def lost_by_client(run: Path) -> dict[str, Counter[str]]:
    """For each client and loop how many of its sessions' waits ran out, by where they were lost."""
    lost: dict[str, Counter[str]] = {}
    rows = pq.read_table(
        sorted(run.glob("attempts/*.parquet")), columns=["client", "event_loop", "kind", "outcome", "lost_at"]
    )
    for row in rows.to_pylist():
        if row["kind"] == "probe":
            continue
        counts = lost.setdefault(f"{row['client']}/{row['event_loop']}", Counter())
        if row["outcome"] == "timeout":
            counts[row["lost_at"] or "not asked"] += 1
    return lost


def exchanges_in(run: Path) -> int:
    """How many requests of a run had an answer in time."""
    answered = [("kind", "=", "exchange"), ("outcome", "=", "ok")]
    return sum(pq.read_table(path, columns=[], filters=answered).num_rows for path in run.glob("attempts/*.parquet"))


def shown(tokens: Path) -> frozenset[str]:
    """The credentials that the server was shown."""
    if not tokens.is_file():
        return frozenset()
    return frozenset(tokens.read_text(encoding="ascii").split())


def leaks_in_run(run: Path, tokens: frozenset[str]) -> Iterator[str]:
    """The files of a run folder in which a part of a token stands, by name."""
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        yield from leaks_in_text(path.name, _text_of(path), tokens)


def leaks_in_text(name: str, text: str, tokens: frozenset[str]) -> Iterator[str]:
    """The name, if a part of a token stands in the text: its start, its end, or either as base64."""
    if any(whole[:LEAK] in text or whole[-LEAK:] in text for token in tokens for whole in _writings(token)):
        yield name


def _writings(token: str) -> tuple[str, str]:
    """A token as it is, and as base64 (RFC 4648, section 5), in which form it travels as a subprotocol."""
    if token.startswith(CARRIES_TOKEN):
        encoded = token.removeprefix(CARRIES_TOKEN)
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode(), encoded
    return token, base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _text_of(path: Path) -> str:
    """All that can be read in a file; Parquet's columns are compressed."""
    if path.suffix != ".parquet":
        return path.read_bytes().decode("utf-8", errors="replace")
    table = pq.read_table(path)
    texts: list[str] = []
    for name in table.schema.names:
        column = table.column(name)
        if str(column.type) in ("string", "large_string", "dictionary<values=string, indices=int32, ordered=0>"):
            texts += [value for value in column.unique().to_pylist() if value is not None]
    return "\n".join(texts)
