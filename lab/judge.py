"""Compares what a verdict said of a row with what it must say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

INTERMITTENT = frozenset({"intermittent"})
# So much of what a client's timeouts were lost by must be at the rung that is right.
MOST_RATIO = 0.9


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The truth about a row. A claim that is in neither set must not be confirmed.

    Attributes:
        right: Claims that must be confirmed.
        also: Claims that are true of it, too, and may be confirmed.
        words: What must be on the screen; `a|b` = one of them is enough. Upper and lower case are the same.
        never: What must be neither on the screen nor in the evidence of a claim that is confirmed.
        rungs: Where each client must have lost its waits (`lost_at`), nearly all of them; empty = anywhere.
        is_generators: The fault is the load generator's own: the run must be void for it, and say so.
    """

    right: frozenset[str] = frozenset()
    also: frozenset[str] = INTERMITTENT
    words: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    rungs: tuple[str, ...] = ()
    is_generators: bool = False


class Seen(NamedTuple):
    """What a soak's verdict said.

    Attributes:
        confirmed: The claims that it confirmed.
        screen: What it said on the terminal, all of it.
        evidence: The evidence of the claims that it confirmed.
        leaks: Files in which a token stood, in words.
        impaired: Why the load generator was not fit to measure; empty: it was. Such a run can tell nothing.
        void: Why nothing could be concluded though the generator was fit; empty: something could.
        lost: For each client how many of its waits ran out, by where they were lost.
        exchanges: How many requests had an answer in time.
    """

    confirmed: frozenset[str]
    screen: str
    evidence: str = ""
    leaks: tuple[str, ...] = ()
    impaired: str = ""
    void: str = ""
    lost: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    exchanges: int = 0


def misses(expected: Expected, seen: Seen) -> list[str]:
    """What is wrong with a verdict, a sentence each; empty: nothing."""
    wrong = [f"{place} holds a token" for place in seen.leaks]
    if seen.void or (seen.impaired and not expected.is_generators):
        return [f"void: {seen.impaired or seen.void}", *wrong]
    if expected.is_generators and not seen.impaired:
        wrong.append("the generator is not said to be impaired")
    wrong = [f"{claim} is missing" for claim in sorted(expected.right - seen.confirmed)] + wrong
    wrong += [f"{claim} is not so" for claim in sorted(seen.confirmed - expected.right - expected.also)]
    for word in expected.words:
        if not any(is_said(choice, seen.screen) for choice in word.split("|")):
            wrong.append(f"“{word.replace('|', '” or “')}” is not said")
    wrong += [f"“{word}” is said" for word in expected.never if is_said(word, f"{seen.screen} {seen.evidence}")]
    if expected.rungs:
        wrong += _misplaced(expected.rungs, seen.lost)
    return wrong


def _misplaced(rungs: tuple[str, ...], lost: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A sentence for each client whose waits were not lost there."""
    for client, counts in sorted(lost.items()):
        n = sum(counts.values())
        if sum(counts.get(rung, 0) for rung in rungs) < max(1, MOST_RATIO * n):
            found = ", ".join(f"{count} {rung}" for rung, count in sorted(counts.items())) or "nothing"
            yield f"{client} lost {found}"


def is_said(word: str, text: str) -> bool:
    """Whether it stands in the text, in upper or lower case; a number only as a whole (404 is not in 1,404)."""
    pattern = re.escape(word)
    if word[0].isdigit():
        pattern = rf"(?<![\d.,]){pattern}(?![\d]|[.,]\d)"
    return re.search(pattern, text, re.IGNORECASE) is not None
