"""The command line of the analysis: arguments in, files and three sentences out, an exit status back.

Exit status: 0 the service levels are met; 1 breached; 2 wrong usage; 3 void, nothing may be concluded.
What is imported is imported when it is needed: a verdict on a short run should not wait for Python.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from analysis.exit_codes import BREACHED, MET, USAGE, VOID
from analysis.runs.manifest import FILE_NAME as RUN_FILE
from attempts.printable import one_line, printable

if TYPE_CHECKING:
    from analysis.pipeline import Analysis
    from analysis.releases.differences import Comparison
    from analysis.report.junit import Ran
    from analysis.runs.dataset import Dataset
    from analysis.server_log.read import LogFiles

# Subcommands that live in modules of their own: `module.main(arguments) -> exit status`.
_SUBCOMMANDS: Final = {
    "compare": "analysis.releases.compare",
    "simulate": "analysis.simulation.simulate",
    "calibrate": "analysis.calibration.calibrate",
    "plan": "analysis.planning.power",
}


# So often it is said how much of a log was read.
PROGRESS_S: Final = 5.0
# A log that is shorter is read before anybody wonders.
LONG_BYTES: Final = 50_000_000


class UsageError(Exception):
    """One sentence that names the value, the rule and the way out."""


class OutputError(Exception):
    """The verdict could not be written: one sentence with the file, the reason and the way out."""


def main(arguments: Sequence[str], *, told: Callable[[Mapping[str, Any]], None] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        arguments: Without the program's name.
        told: Is given the verdict's document once it is written, before the report is drawn.
    """
    try:
        if arguments and arguments[0] in _SUBCOMMANDS:
            return _subcommand(_SUBCOMMANDS[arguments[0]], arguments[1:])
        return _analyse(parser().parse_args(arguments), told)
    except UsageError as error:
        print(printable(str(error)), file=sys.stderr)
        return USAGE
    except OutputError as error:
        print(printable(str(error)), file=sys.stderr)
        return VOID
    except BrokenPipeError:
        # Not all was read, whatever it would have said.
        _leave_pipe()
        return VOID
    except KeyboardInterrupt:
        print("Interrupted: what was not written yet is not concluded.", file=sys.stderr)
        return VOID
    except Exception:
        # Python's own exit status for this, 1, means "breached": a fault of wsoak must not pass for a finding.
        traceback.print_exc()
        print("The analysis itself failed: nothing may be concluded. Please report the lines above.", file=sys.stderr)
        return VOID


def _subcommand(module: str, arguments: Sequence[str]) -> int:
    import importlib

    subcommand: Callable[[Sequence[str]], int] = importlib.import_module(module).main
    return subcommand(arguments)


def parser() -> argparse.ArgumentParser:
    """The arguments; service levels default to what the run itself was started with."""
    result = _Parser(
        prog="python -m analysis",
        description="Decide what the attempts of one or more runs say, and write verdict.json, report.html, "
        "summary.md and junit.xml.",
        epilog="Subcommands: compare (a run against an earlier one), simulate (a run with known effects), "
        "calibrate (how often the verdict errs), plan (how many hosts and hours an effect needs). "
        "Exit status: 0 the service levels are met, 1 breached, 2 wrong usage, 3 void.",
    )
    result.add_argument("runs", nargs="+", type=Path, metavar="reports/<run_id>", help="run folders, taken together")
    result.add_argument("--margin", type=float, help="equivalence margin, an absolute risk (0.005)")
    result.add_argument("--alpha", type=float, help="error rate of all claims together (0.05)")
    result.add_argument("--slo-success-ratio", type=float, help="least share of attempts that succeed (0.95)")
    result.add_argument("--slo-max-duration-s", type=float, help="no attempt lasts longer (30)")
    result.add_argument("--slo-timeouts", type=int, help="at most so many timeouts (0)")
    result.add_argument("--slo-worsening-ratio", type=float, help="most rise of the share of bad attempts (0.01)")
    result.add_argument("--slo-slowdown-ratio", type=float, help="most relative rise of the typical duration (0.5)")
    result.add_argument("--rehearsal", action="store_true", help="platforms may be labels put on (simulated rows)")
    result.add_argument(
        "--allow-less-load", action="store_true", help="judge a run although fewer users ran than were planned"
    )
    result.add_argument("--engine", choices=("duckdb", "spark"), default="duckdb", help="what scans the rows")
    result.add_argument(
        "--server-log", type=Path, nargs="+", default=(), metavar="FILE", help="the server's log (docs/server-log.md)"
    )
    result.add_argument(
        "--server-log-format", nargs="+", default=(), metavar="FORMAT", help="its format, or a TOML file (found out)"
    )
    result.add_argument(
        "--annotate",
        nargs=2,
        action="append",
        default=[],
        metavar=("TIME", "TEXT"),
        help="mark a moment in figures over time, kept in the run: 14:05 (UTC) or 2026-01-31T14:05:00Z (repeatable)",
    )
    result.add_argument(
        "--baseline", type=Path, metavar="DIR", help="an earlier run, analysed: is this one worse? (comparison.json)"
    )
    result.add_argument("--out", type=Path, metavar="DIR", help="where to write; the run folder if one is named")
    return result


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (python -m analysis --help says what can be given).")


def _analyse(options: argparse.Namespace, told: Callable[[Mapping[str, Any]], None] | None) -> int:
    from analysis.pipeline import analyse
    from analysis.report import junit, summary, terminal
    from analysis.report.html import report_html
    from analysis.runs.engine import EngineError
    from analysis.runs.parquet_files import DatasetError
    from analysis.settings import SettingsError, settings_for
    from analysis.verdict import document as verdict_json

    log = _server_log(options.server_log, options.server_log_format)
    runs = _runs_among(options.runs)
    if options.baseline is not None:
        _check_baseline(options.baseline, runs)
    try:
        settings, levels = settings_for(runs, vars(options))
        analysis = analyse(
            runs, settings=settings, levels=levels, engine=options.engine, log=log, advance=_progress(log)
        )
    except (DatasetError, SettingsError, EngineError) as error:
        raise UsageError(str(error)) from error
    _annotate(analysis, options.annotate)
    out = output_folder(analysis.dataset, options.out)
    # The verdict first: a later failure, of a disk or of a figure, must not cost it.
    with _written(out / "verdict.json"):
        verdict_json.write(out / "verdict.json", analysis.verdict)
    if told is not None:
        told(analysis.verdict)
    against = None if options.baseline is None else _against(options.baseline, runs[0], analysis.verdict)
    _write(out / "junit.xml", junit.junit_xml(analysis.verdict, analysis.slo, _ran(analysis)))
    _write(out / "summary.md", summary.summary_md(analysis.verdict, analysis.slo, analysis.suites, against))
    _write(out / "report.html", report_html(analysis, against))
    look = terminal.look_of(os.environ, is_terminal=sys.stdout.isatty(), columns=_columns())
    if look is None:
        _say(summary.screen(analysis.verdict, analysis.slo, out / "report.html"))
    else:
        _show(terminal.text(analysis.verdict, analysis.slo, out / "report.html", look))
    status = verdict_json.exit_status(analysis.slo.state)
    if options.baseline is None:
        return status
    worse = _against_status(against, out / "comparison.json", is_brief=look is not None)
    return status or worse


def _check_baseline(base: Path, runs: Sequence[Path]) -> None:
    """Refuse what cannot be compared before anything is analysed."""
    from analysis.releases.compare import CompareError, check

    if len(runs) != 1:
        raise UsageError(f"--baseline {base} is held against one run, and {len(runs)} are named: name one.")
    if base.resolve() == runs[0].resolve():
        raise UsageError(f"--baseline {base} is the run itself: name an earlier one.")
    try:
        check(base)
    except CompareError as error:
        raise UsageError(f"--baseline: {error}") from error


def _against(base: Path, new: Path, verdict: Mapping[str, Any]) -> Comparison | None:
    """How the run compares with an earlier one; None, and a sentence, where that cannot be told any more."""
    from analysis.releases.compare import CompareError, compare

    try:
        return compare(base, new, verdict=verdict)
    except CompareError as error:
        print(printable(f"Not compared: --baseline: {error}"), file=sys.stderr)
        return None


def _against_status(found: Comparison | None, path: Path, *, is_brief: bool) -> int:
    """Say and write the comparison; a level that is worse counts as a breach, none at all as void."""
    from analysis.releases.compare import as_json
    from analysis.releases.words import brief, text

    if found is None:
        return VOID
    _write(path, as_json(found))
    _say(brief(found) if is_brief else text(found))
    return BREACHED if found.state == "worse" else MET


def _ran(analysis: Analysis) -> Ran:
    """When and where the runs ran."""
    from analysis.report.junit import Ran

    hosts = tuple(sorted({str(host) for host in analysis.overview.workers["host"].dropna()}))
    return Ran(start=analysis.overview.start, end=analysis.overview.end, hosts=hosts)


def _annotate(analysis: Analysis, given: Sequence[Sequence[str]]) -> None:
    """Keep the annotations in each of the runs, all or none of them."""
    from analysis.runs.marks import FILE_NAME, AnnotationError, keep, parsed

    if not given:
        return
    start, end = analysis.overview.start, analysis.overview.end
    if start is None or end is None:
        raise UsageError(f"--annotate {given[0][0]}: the run has no attempts, so no time to mark; leave it out.")
    try:
        marks = [parsed(when, text, start, end) for when, text in given]
    except AnnotationError as error:
        raise UsageError(str(error)) from error
    for run in analysis.dataset.runs:
        with _written(run.folder / FILE_NAME):
            keep(run.folder, marks)


def _runs_among(paths: Sequence[Path]) -> Sequence[Path]:
    """The paths without what `reports/*` names besides runs: files, and the results of runs taken together."""
    runs = [path for path in paths if not path.is_file() and not _is_result(path)]
    for path in paths if runs else ():
        if path not in runs:
            print(f"{one_line(str(path))} is no run: left out.", file=sys.stderr)
    return runs or paths


def _is_result(path: Path) -> bool:
    return (path / "verdict.json").is_file() and not (path / RUN_FILE).exists() and not (path / "attempts").is_dir()


def _server_log(paths: Sequence[Path], forms: Sequence[str]) -> LogFiles | None:
    """The log files, each with its format; None where none was named."""
    from analysis.server_log.lines import FormatError, LogError
    from analysis.server_log.read import open_logs

    if not paths:
        if forms:
            raise UsageError(f"--server-log-format {forms[0]} is of no log: name the files with --server-log.")
        return None
    try:
        return open_logs(paths, forms)
    except FormatError as error:
        raise UsageError(str(error)) from error
    except LogError as error:
        raise UsageError(f"--server-log {error}") from error


def _progress(log: LogFiles | None) -> Callable[[int], None] | None:
    """Says every few seconds how much of a long log was read."""
    if log is None or log.bytes < LONG_BYTES:
        return None
    total = log.bytes
    done, said_s = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, said_s
        done += count
        if time.monotonic() - said_s >= PROGRESS_S:
            said_s = time.monotonic()
            said = f"Server log: {done / 1e6:,.0f} MB read; it has {total / 1e6:,.0f}, and is read twice at most."
            print(said, file=sys.stderr, flush=True)

    return advance


def _columns() -> int:
    """How wide the terminal is that we write to; 0: it does not say, or is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return 0


def _say(text: str) -> None:
    _show(printable(text))


def _show(text: str) -> None:
    """Print what is fit for a terminal already."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The verdict is written, and its exit status is still owed.
        _leave_pipe()


def _leave_pipe() -> None:
    """The reader went away (`| head`): Python would flush once more at its end, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(path: Path, text: str) -> None:
    with _written(path):
        path.write_text(text, encoding="utf-8")


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """A file is being written here.

    Raises:
        OutputError: It cannot be.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): name another folder with --out, or make room."
        ) from error


def output_folder(dataset: Dataset, wanted: Path | None) -> Path:
    """Where the results go: `wanted`, else the run's own folder, else a folder beside the first run.

    Several runs taken together overwrite none of the runs' own verdicts.
    """
    folders = [run.folder for run in dataset.runs]
    if wanted is None and len(folders) == 1:
        return folders[0]
    if wanted is None:
        digest = hashlib.sha256("\n".join(sorted(run.run_id for run in dataset.runs)).encode()).hexdigest()
        wanted = folders[0].resolve().parent / f"together-{digest[:12]}"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {wanted} cannot be made ({error.strerror}): name a folder that can.") from error
    return wanted
