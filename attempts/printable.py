"""Text from elsewhere as a terminal may show it: nothing in it moves a cursor, sets a colour or forges a line.

A worker's name, a sentence and a traceback come over the network, and an escape sequence in one of them would be obeyed
by the terminal of whoever watches the run.
"""

from __future__ import annotations

import re
from typing import Any, Final

# C0 without tab and line feed, DEL, C1; line and paragraph separators; marks that turn the order of what is read
# around; halves of surrogate pairs, which no encoder takes.
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LINES: Final = re.compile("[\t\n]")


def printable(text: str) -> str:
    """The text with each control character written out by its number; its lines stay lines."""
    return _CONTROLS.sub(_written_out, text)


def one_line(text: str) -> str:
    """The same, and on one line."""
    return _LINES.sub(" ", printable(text))


def is_name(text: object) -> bool:
    """Whether something can be the name of a machine or a message: short, and of characters that can be seen."""
    return isinstance(text, str) and 0 < len(text) <= 256 and text.isprintable()


def printable_throughout(value: Any) -> Any:
    """Lists and dicts with each text in them printable; everything else as it is."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_throughout(key): printable_throughout(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_throughout(one) for one in value]
    return value


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
