"""docs/attribution.md: the table of the lab with what was seen last."""

from __future__ import annotations

from lab.judge import Expected, Seen, misses
from lab.rows import Row

MOST_WORDS = 240
HEAD = """# Attribution: real parts, known faults

Made by `make lab`. Each row is a soak of about half a minute from one host before a real part, on the same machine or
on another behind a router; the truth about it was written down before. A row is right if the claims that must be
confirmed are, no others are (*intermittent* may be wherever some attempts fail and some do not), the words are on the
screen, and no token is in any file of the run. In a control nothing is wrong, and nothing may be confirmed.

"""


def page(rows: list[tuple[Row, Seen | str]]) -> str:
    """The page.

    Args:
        rows: Each with what was seen, or with the reason why it was skipped.
    """
    lines = [
        "| row | part | fault | must be confirmed | must be said | confirmed | said | |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(row, found) for row, found in rows),
    ]
    return HEAD + "\n".join(lines) + "\n"


def result(row: Row, found: Seen | str) -> str:
    """`ok`, what is wrong, or why the row was skipped."""
    if isinstance(found, str):
        return f"skipped: {found}"
    return "; ".join(misses(row.expected, found)) or "ok"


def told(row: Row) -> tuple[str, ...]:
    """A row's cells that are known before any soak: a row of the page begins with them."""
    right = ", ".join(sorted(row.expected.right)) or "nothing"
    return (row.name, row.part, row.fault or "none (control)", right, _words(row.expected))


def _words(expected: Expected) -> str:
    said = [" or ".join(f"“{choice}”" for choice in word.split("|")) for word in expected.words]
    said += [f"not “{word}”" for word in expected.never]
    if expected.rungs:
        said.append(f"lost by each client: {' or '.join(expected.rungs)}")
    return ", ".join(said) or "–"


def _line(row: Row, found: Seen | str) -> str:
    if isinstance(found, str):
        seen = ("–", "–")
    else:
        seen = (", ".join(sorted(found.confirmed)) or "nothing", _first_words(found.screen))
    return "| " + " | ".join(_cell(cell) for cell in (*told(row), *seen, result(row, found))) + " |"


def _first_words(screen: str) -> str:
    """The sentences about the service levels and about what was found, as long as there is room."""
    text = " ".join(screen.splitlines()[:2])
    return text if len(text) <= MOST_WORDS else text[:MOST_WORDS].rsplit(" ", 1)[0] + " ..."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
