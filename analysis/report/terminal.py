"""The end of an analysis on a terminal: the answer, a small table, and what stands beside it, on one screen.

A log gets every sentence, each on its line (`summary.screen`). A terminal has a width and a height: there the answer
comes first, commands can be pasted, and what only the report needs is left to the report.
"""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from analysis.report.wording import checked, failed, headline, server_log
from analysis.verdict.answer import answer_of
from analysis.verdict.cohort_words import Table, by_cohort, by_kind, table_lines
from analysis.verdict.service_levels import Slo
from attempts.printable import one_line, printable

COLUMNS: Final = 80  # of a terminal that does not say how wide it is
_MOST_COLUMNS: Final = 100  # longer lines are hard to read
_FEWEST_COLUMNS: Final = 40
_MOST_LEADS: Final = 2
_STYLES: Final[Mapping[str, str]] = {"met": "green", "breached": "red", "void": "yellow"}


class Look(NamedTuple):
    """How a terminal shows text.

    Attributes:
        columns: How wide a line may be.
        is_rich: Whether it may have colours.
    """

    columns: int
    is_rich: bool


def look_of(environ: Mapping[str, str], *, is_terminal: bool, columns: int) -> Look | None:
    """How text looks on what we write to; None: it is no terminal, but a file, a pipe or the log of a CI job.

    Args:
        environ: NO_COLOR, CI and TERM=dumb mean plain text. FORCE_COLOR: whoever reads us shows it on a terminal, which
            has COLUMNS.
        is_terminal: Whether we write to one ourselves.
        columns: How wide that is; 0: it does not say.
    """
    if environ.get("CI") or not (is_terminal or environ.get("FORCE_COLOR")):
        return None
    told = environ.get("COLUMNS", "")
    width = columns if is_terminal else int(told) if told.isdecimal() else 0
    # A Windows console of old shows escape sequences as they are.
    is_old = os.name == "nt" and "WT_SESSION" not in environ
    is_plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or is_old
    return Look(max(_FEWEST_COLUMNS, min(width or COLUMNS, _MOST_COLUMNS)), not is_plain)


class Screen(NamedTuple):
    """What is shown.

    Attributes:
        lines: The answer's three lines, each with its label.
        command: The next run, to paste; empty: there is none.
        levels: Are the service levels met?
        beside: What else a reader should know at once.
        report: Where the rest is.
    """

    lines: tuple[tuple[str, str], ...]
    command: str
    table: Table
    levels: str
    beside: tuple[str, ...]
    report: str


def text(verdict: Mapping[str, Any], slo: Slo, report: Path, look: Look) -> str:
    """The screen of a verdict, as it looks on this terminal; nothing that a target said can change how it looks."""
    screen = screen_of(verdict, slo, report)
    return _rich(screen, slo, look.columns) if look.is_rich else _plain(screen, look.columns)


def screen_of(verdict: Mapping[str, Any], slo: Slo, report: Path) -> Screen:
    """What of a verdict stands on one screen."""
    answer = answer_of(verdict)
    table = by_cohort(verdict["rates"])
    table = table if table.rows else by_kind(verdict["rates"])
    beside = (
        checked(verdict),
        failed(verdict),
        server_log(verdict),
        *(f"Stands out: {lead}" for lead in answer.leads[:_MOST_LEADS]),
        _titles("Undecided", answer.undecided),
        _titles("Not tested by this plan", answer.not_tested),
        answer.counts,
    )
    return Screen(
        lines=tuple((label, one_line(words)) for label, words in answer.lines()),
        command=one_line(answer.command),
        table=Table(table.head, tuple(tuple(map(one_line, row)) for row in table.rows), table.left_out),
        levels=one_line(headline(verdict, slo)),
        beside=tuple(one_line(words) for words in beside if words),
        report=printable(f"Report: {report}"),
    )


def pasted(command: str, columns: int) -> list[str]:
    """A command in lines that a shell reads as one, none wider than the terminal where its words allow that."""
    lines: list[str] = []
    for word in _shell_words(command):
        if lines and len(lines[-1]) + 1 + len(word) <= columns - len("    \\"):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    last = len(lines) - 1
    return [("  " if at == 0 else "    ") + line + (" \\" if at < last else "") for at, line in enumerate(lines)]


def _shell_words(command: str) -> list[str]:
    """Its words as they are written, quotes and all; the whole where a shell would not read it."""
    try:
        lexer = shlex.shlex(command, posix=False)
        lexer.whitespace_split, lexer.commenters = True, ""
        return list(lexer)
    except ValueError:
        return [command]


def _titles(label: str, titles: Sequence[str]) -> str:
    return f"{label}: {', '.join(title.lower() for title in titles)}." if titles else ""


def _plain(screen: Screen, columns: int) -> str:
    def wrapped(words: str) -> list[str]:
        return textwrap.wrap(words, columns, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)

    lines = [line for label, words in screen.lines for line in wrapped(f"{label} {words}")]
    lines += pasted(screen.command, columns) if screen.command else []
    table = table_lines(screen.table)
    if max(map(len, table), default=0) > columns:
        table = [line for words in _rows_in_words(screen.table) for line in wrapped(words)]
    lines += table
    for sentence in (screen.levels, *screen.beside):
        lines += wrapped(sentence)
    return "\n".join([*lines, screen.report])


def _rows_in_words(table: Table) -> list[str]:
    """The table for a terminal that is too narrow for it: a number that is cut would be another number."""
    rows = [f"{', '.join(row[:-3])}: {row[-3]} attempts, {row[-2]} failed, {row[-1].strip()}" for row in table.rows]
    return [*rows, *([table.left_out] if table.left_out else [])]


def _rich(screen: Screen, slo: Slo, columns: int) -> str:
    # Seldom needed, and an import of a tenth of a second.
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    out = StringIO()
    console = Console(
        file=out, width=columns, force_terminal=True, color_system="standard", legacy_windows=False, highlight=False
    )
    # Text, and never markup: what a target said must not be read as such.
    for label, words in screen.lines:
        console.print(Text.assemble((label, "bold cyan"), " ", words))
    for line in pasted(screen.command, columns) if screen.command else []:
        console.print(Text(line, style="bold"), soft_wrap=True)
    if screen.table.rows:
        shown = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        numbers = len(screen.table.head) - 3
        for at, name in enumerate(screen.table.head):
            shown.add_column(name, justify="left" if at < numbers else "right", overflow="fold", no_wrap=at >= numbers)
        for row in screen.table.rows:
            shown.add_row(*(Text(cell, style=_cell_style(at, row)) for at, cell in enumerate(row)))
        console.print(Padding(shown, (0, 0, 0, 2), expand=False))
        if screen.table.left_out:
            console.print(Text(f"  {screen.table.left_out}", style="dim"))
    console.print(Text(screen.levels, style=_STYLES.get(slo.state, "")))
    for sentence in screen.beside:
        label, colon, rest = sentence.partition(": ")
        console.print(Text.assemble((label + colon, "bold"), rest) if colon else Text(sentence))
    console.print(Text.assemble(("Report: ", "bold"), screen.report.removeprefix("Report: ")), soft_wrap=True)
    return out.getvalue().rstrip("\n")


def _cell_style(at: int, row: tuple[str, ...]) -> str:
    """Failures stand out, none of them does not."""
    is_count = at == len(row) - 2
    return "red" if is_count and row[at] != "0" else ""
