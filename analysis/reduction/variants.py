"""The ways to count failures in comparisons: what carries its own explanation is left out, or put back.

Silence that the peer's side proved, the server's own words, and what the way lost leave a comparison, unless somebody
was spared them: then each of the three is put back by itself.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final

# Comparisons are about all failures but the generator's own, whatever explains them.
EVERYTHING: Final = "everything"


def variant_of(*, silence: bool, answers: bool, way: bool) -> str:
    """The name of the way to count that puts back these three."""
    returned = [name for name, there in (("silence", silence), ("answers", answers), ("way", way)) if there]
    return "_".join(returned) or "unexplained"


VARIANTS: Final = (
    *(
        variant_of(silence=silence, answers=answers, way=way)
        for silence, answers, way in product((False, True), repeat=3)
    ),
    EVERYTHING,
)
OF_THE_TARGET: Final = variant_of(silence=True, answers=True, way=True)


def failures(residual: Any, *, silence: Any, answers: Any, way: Any, others: Any) -> dict[str, Any]:
    """Failures counted in each of the ways, by its name; of numbers, arrays, or expressions.

    Args:
        residual: Failures that no cause explains.
        silence: Of these, those that the peer's side had and left unanswered.
        answers: The server's own words.
        way: Of the residual ones, those lost on the way.
        others: Refused credentials and messages misread.
    """
    unexplained = residual - silence - way
    found: dict[str, Any] = {EVERYTHING: residual + answers + others}
    for with_silence, with_answers, with_way in product((False, True), repeat=3):
        name = variant_of(silence=with_silence, answers=with_answers, way=with_way)
        parts = ((with_silence, silence), (with_answers, answers), (with_way, way))
        found[name] = sum((part for there, part in parts if there), start=unexplained)
    return found
