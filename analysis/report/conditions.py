"""A claim's conditions, under the direction that rests on them: to confirm it, to rule it out, or both."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.claims.server import CLAIM as SERVER
from analysis.comparison.rule import joined_words
from analysis.model import Check, Finding, Part


@dataclass(frozen=True, kw_only=True)
class Direction:
    """A direction in which a claim can be decided, and what that rests on.

    Attributes:
        heading: The direction: "To confirm it".
        words: What is asked in this direction, and how it stands.
        ways: Ways of telling, any one of which suffices, with what they show.
        failing: Conditions that do not hold, or are not known.
        holding: Those that hold.
    """

    heading: str
    words: str
    ways: dict[str, Part] = field(default_factory=dict)
    failing: tuple[Check, ...] = ()
    holding: tuple[Check, ...] = ()


def directions(name: str, finding: Finding) -> tuple[Direction, ...]:
    """What a claim rests on, direction by direction.

    Args:
        name: The claim's.
        finding: What the data say of it.
    """
    failing = tuple(check for check in finding.checks if check.ok is not True)
    holding = tuple(check for check in finding.checks if check.ok is True)
    if name == SERVER.name:
        return (_by_any_way(finding), _server_ruled_out(finding, failing, holding))
    if finding.ceiling:
        bound = Direction(
            heading="To rule it out",
            words="Every group's own risk is below the margin: that rests on no condition.",
        )
        return (bound, Direction(heading="To confirm it", words=_stand(failing), failing=failing, holding=holding))
    both = "To confirm it and to rule it out"
    confirmed = [way for way, part in finding.parts.items() if part.state == "confirmed"]
    if finding.state == "confirmed" and failing and confirmed:
        words = f"Confirmed by {joined_words(confirmed)}, which does not rest on these. {_stand(failing)}"
        return (Direction(heading=both, words=words, failing=failing, holding=holding),)
    return (Direction(heading=both, words=_stand(failing), failing=failing, holding=holding),)


def _by_any_way(finding: Finding) -> Direction:
    """The server's side is shown by any one way of telling, whatever the conditions of its being ruled out."""
    shown = [way for way, part in finding.parts.items() if part.state == "confirmed"]
    words = "Any one of these ways of telling suffices, and none of them rests on the conditions below."
    if finding.state == "confirmed" and shown:
        words = f"Confirmed by {joined_words(shown)}. {words}"
    return Direction(heading="To confirm it", words=words, ways=finding.parts)


def _server_ruled_out(finding: Finding, failing: tuple[Check, ...], holding: tuple[Check, ...]) -> Direction:
    words = f"Every way of telling must stay below the margin, and all of these must hold. {_stand(failing)}"
    if finding.state == "confirmed":
        words = "It is confirmed, so there is nothing to rule out: these are shown to be looked at."
    return Direction(heading="To rule it out", words=words, failing=failing, holding=holding)


def _stand(failing: tuple[Check, ...]) -> str:
    if not failing:
        return "All hold."
    return f"{len(failing)} {'does not hold or is' if len(failing) == 1 else 'do not hold or are'} unknown:"
