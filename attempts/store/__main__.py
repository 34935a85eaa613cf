"""From spool segments to Parquet, in a process of its own: `python -m attempts.store reports/<run>`.

Stores what is in the spool and ends; `--follow` goes on as segments arrive, until standard input closes
or the file `spool/END` appears. It may be killed at any moment and run again any number of times: no row
is stored twice, and a segment is removed only after its rows were read back from Parquet.

With `--follow`, `--prometheus HOST:PORT` serves what it has stored to Prometheus, and `--otel` exports it as
OpenTelemetry's variables say.

Prints one line of JSON at the end: {"rows_stored", "health_rows", "dropped_bytes", "missing_rows",
"gaps": [{"worker", "first", "last"}], "outcomes", "workers": {worker: {"rows_stored", "rows_written", "tally",
"is_whole"}}, "last_at", "truth_rows", "notes": [sentences], "problems": [sentences]}. Without `--follow`, and where
nobody leads the run any more, `run.json` is held against what was counted (`attempts.settling`). Exit status: 0
everything is there; 2 no run folder, or another store is at work in it; 3 rows are missing, or it cannot be told
whether they are (see `problems`).
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from attempts.exit_codes import EXIT_MISSING, EXIT_OK, EXIT_USAGE
from attempts.locks import is_held, leader_lock, only_process, store_lock
from attempts.manifest import read_manifest, write_manifest
from attempts.run_folder import why_no_run_folder
from attempts.settling import rewritten, settle
from attempts.store.part_folder import StoreError
from attempts.store.segment_store import OnStored, Store, moment

END_FILE: Final = "END"
_POLL_S: Final = 0.2  # how soon the end of the run is noticed
_NICENESS: Final = 10  # the users beside us are measured to the millisecond: they go first


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m attempts.store", description="Spool segments to Parquet.")
    parser.add_argument("run", type=Path, help="the run folder, reports/<run_id>")
    parser.add_argument("--follow", action="store_true", help="go on until stdin closes or spool/END appears")
    parser.add_argument("--every-s", type=_interval, help="with --follow: store so often (3, growing with the run)")
    parser.add_argument("--prometheus", type=_address, metavar="HOST:PORT", help="with --follow: serve metrics there")
    parser.add_argument("--otel", action="store_true", help="with --follow: export metrics by OpenTelemetry")
    arguments = parser.parse_args(argv)
    run: Path = arguments.run
    if reason := why_no_run_folder(run):
        return _usage(reason)
    # One thread each: the cores belong to the users, and what is saved here would be lost in their numbers.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    # The system's allocator gives back what it does not need; Arrow's own keeps half of it.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        (run / "spool").mkdir(exist_ok=True)
        with only_process(store_lock(run)) as is_mine:
            if not is_mine:
                return _usage(f"Another store is at work in {run}: wait until it has ended.")
            with contextlib.ExitStack() as at_the_end:
                try:
                    told = _metrics(arguments.prometheus, at_the_end, has_otel=arguments.otel)
                except MetricsRefused as refusal:
                    return _usage(str(refusal))
                return _store(run, told, follow=arguments.follow, every_s=arguments.every_s)
    except OSError as error:
        return _usage(f"{run} cannot be written to ({error.strerror}): the rows are stored in the run's own folder.")
    except KeyboardInterrupt:
        print("Interrupted: no row was removed; run it again.", file=sys.stderr)
        return EXIT_MISSING


def pass_interval_s(elapsed_s: float) -> float:
    """Seconds until --follow stores again, `elapsed_s` after its start.

    A few seconds at first, then a sixtieth of the run so far, at most two minutes: a view that is never
    later than that. What they leave is joined by the hour (`compaction`): days are hundreds of files, not thousands.
    """
    return min(max(3.0, elapsed_s / 60), 120.0)


class MetricsRefused(Exception):
    """Metrics cannot go where they are to go; the text is one sentence."""


def _metrics(address: tuple[str, int] | None, at_the_end: contextlib.ExitStack, *, has_otel: bool) -> OnStored | None:
    """What is to be told of stored rows; None = nobody asks for metrics.

    Raises:
        MetricsRefused: The port is taken, or an exporter is missing.
    """
    # Whoever asks for no metrics need not have their libraries.
    listening: list[OnStored] = []
    if address is not None:
        from attempts.store.exposition import Exposition

        host, port = address
        exposition = Exposition()
        try:
            exposition.serve(host, port)
        except OSError as error:
            at = f"{host}:{port}"
            raise MetricsRefused(
                f"--prometheus {at} cannot be listened on ({error.strerror}): name another port."
            ) from None
        listening.append(exposition.add)
    if has_otel:
        from attempts.store.telemetry import NoExporter, exporting

        try:
            telemetry = exporting()
        except NoExporter as missing:
            raise MetricsRefused(str(missing)) from None
        at_the_end.callback(telemetry.close)
        listening.append(telemetry.add)
    if not listening:
        return None

    def tell(attempts: pa.Table | None, health: pa.Table | None) -> None:
        for told in listening:
            told(attempts, health)

    return tell


def _store(run: Path, on_stored: OnStored | None, *, follow: bool, every_s: float | None) -> int:
    summary: dict[str, object] = {}
    try:
        store = Store(run, on_stored)
        if follow:
            _follow(store, every_s=every_s, is_over=_end_of_run(run / "spool" / END_FILE))
            (run / "spool" / END_FILE).unlink(missing_ok=True)
        store.store_segments(final=True)
        summary = store.finish()
        # Who followed a run was started by its leader, who writes run.json himself.
        if not follow and not is_held(leader_lock(run)):
            settle_run_file(run, summary)
    except (StoreError, OSError) as problem:
        summary = {"problems": [f"The store stopped: {problem}. Put that right and run it again; no row was removed."]}
    try:
        print(msgspec.json.encode(summary).decode(), flush=True)
    except BrokenPipeError:  # whoever started it has left; Python would flush once more at its end, and fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_MISSING if summary["problems"] else EXIT_OK


def settle_run_file(run: Path, summary: Mapping[str, Any]) -> None:
    """Hold `run.json` against what is stored, and write what is left of its problems; nothing where there is none.

    Raises:
        OSError: The disk refused.
    """
    manifest = read_manifest(run)
    if manifest:
        settled = settle(manifest, summary)
        write_manifest(run, rewritten(manifest, settled, stored=summary, now=moment(time.time_ns() // 1000)))


def _follow(store: Store, *, every_s: float | None, is_over: Callable[[float], bool]) -> None:
    started = time.monotonic()
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    while not is_over(every_s or pass_interval_s(time.monotonic() - started)):
        store.store_segments(final=False)
        store.compact(time.monotonic())
        # The passes grow with the run: what one took would otherwise stay with us until the next, for days.
        pa.default_memory_pool().release_unused()


def _end_of_run(end_file: Path) -> Callable[[float], bool]:
    """A function that waits up to so many seconds for the end of the run, and says whether it has come."""
    told = threading.Event()

    def watch_stdin() -> None:
        # os.read and not sys.stdin: a thread inside a buffered reader would abort the interpreter's exit.
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        told.set()

    # Ctrl-C reaches every process of the terminal: the run then ends in order, and tells us when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    threading.Thread(target=watch_stdin, daemon=True).start()

    def is_over(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not end_file.exists():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if told.wait(min(left, _POLL_S)):
                return True
        return True

    return is_over


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def _usage(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
