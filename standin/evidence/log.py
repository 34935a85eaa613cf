"""The server's log: JSON lines in the platform's format, redacted as there."""

from __future__ import annotations

import re
import sys
from typing import Final

from standin.clock import Clock
from standin.evidence.jsonlines import JsonLines
from standin.frames import iso

_WORD: Final = re.compile(r"(auth|token|secret|pass|jwt|bearer)[\s:=]+(?!-\s)\S+", re.IGNORECASE)
"""The original's filter: the word after one of these is replaced, also in harmless sentences. A dash is no word:
`NO_TOKEN - Token=...` keeps its code."""
_WORDS: Final = ("auth", "token", "secret", "pass", "jwt", "bearer")
_COMPACT_JWT: Final = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]+")
_EMAIL: Final = re.compile(r"[\w.+-]+@(?=[\w-]+\.)")


def redact(text: str) -> str:
    """The message without secrets, and mangled as the original mangles it."""
    lower = text.lower()
    # Most lines hold none of the words, and looking is ten times cheaper than the expression.
    if any(word in lower for word in _WORDS):
        text = _WORD.sub(r"\1=REDACTED", text)
    if "." in text:
        text = _COMPACT_JWT.sub("REDACTED", text)
    return _EMAIL.sub("***@", text) if "@" in text else text


class Log:
    """Writes log lines; with no file it does nothing, and `enabled` lets callers skip the formatting."""

    def __init__(self, lines: JsonLines | None, clock: Clock) -> None:
        self.enabled = lines is not None
        self._lines = lines
        self._clock = clock

    def say(self, message: str, severity: str = "INFO", *, instance: str = "", trace: str = "") -> None:
        """Write one line; its labels name the calling function."""
        if self._lines is None:
            return
        caller = sys._getframe(1)
        labels = {
            "module": caller.f_globals["__name__"],
            "function": caller.f_code.co_name,
            "line": str(caller.f_lineno),
        }
        if instance:
            labels["instance"] = instance
        line = {
            "severity": severity,
            "message": redact(message.replace("\n", " ")),
            "timestamp": iso(self._clock.wall_s()),
            "labels": labels,
        }
        if trace:
            line["trace"] = trace
        self._lines.add(line)
