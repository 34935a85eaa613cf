"""A path of the claim `server`: one way in which a failure shows that it comes from the server's side."""

from __future__ import annotations

from dataclasses import dataclass, replace

from analysis.comparison.split import Bound
from analysis.model import Effect


@dataclass(frozen=True, kw_only=True)
class Path:
    """One path of the claim `server`.

    Attributes:
        name: What it is called in the parts.
        effect: Its size with its interval.
        p_value: Against "at most the margin"; 1 where a condition for confirming fails.
        below: Its upper limit lies below the margin (None: this path cannot say so, and need not).
        n: Attempts it rests on.
        evidence: One sentence, or two.
        need: What would tell, where this path cannot.
        spared: It is surely there, and somebody was surely spared it.
        few: Parts of the run with too few attempts to bound it in them alone.
    """

    name: str
    effect: Effect | None
    p_value: float
    below: bool | None
    n: int
    evidence: str
    need: str = ""
    spared: bool = False
    few: tuple[str, ...] = ()


def bounded(path: Path, parts: Bound, margin: float) -> Path:
    """The path, below the margin only if no part of the run may be beyond it."""
    if not path.below or not parts.beyond:
        return replace(path, few=parts.few)
    words = f"{path.evidence} {parts.words(margin)}"
    return replace(path, below=False, evidence=words, need=parts.needs(margin), few=parts.few)
