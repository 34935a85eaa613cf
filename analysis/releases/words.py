"""A comparison of two runs as sentences and a table of plain text."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

from analysis.releases.differences import Comparison, Difference

NONE: Final = "–"
SECTION: Final = "Against the last release"  # of the report
_STATE: Final = {"worse": "worse", "not_worse": "not worse", "undecided": "cannot tell"}
_KINDS: Final = ("worse", "better", "not different", "not worse", "cannot tell")


def state_word(state: str) -> str:
    """`not_worse` as people write it."""
    return _STATE.get(state, state)


def answer(found: Comparison) -> str:
    """Whether the new run is worse, by how much, and how sure that is: one sentence or two."""
    margin = f"the margin of {100 * found.margin:.2f} points"
    if found.void:
        return f"It cannot be told whether this run is worse than the last release: {' '.join(found.void)}"
    if found.state == "worse":
        worse = [f"{one.name} by {_bare(one)}" for one in found.levels if one.state == "worse"]
        return f"Worse than the last release, beyond {margin}: {'; '.join(worse)}."
    if found.state == "not_worse":
        return f"Not worse than the last release: no level rose beyond {margin} ({_each(found.levels)})."
    unknown = _each([one for one in found.levels if one.state == "undecided"])
    return f"It cannot be told whether this run is worse than the last release by more than {margin}: {unknown}."


def cautions(found: Comparison) -> list[str]:
    """What may not be concluded from the comparison, and why."""
    said = [
        "Two runs are two times of day: what else differed between them (other load on the server, another network) is "
        "in the difference, so it is not shown that the release made it.",
        f"Compared is what both runs have, {100 * found.kept:.1f} % of their attempts; of the others nothing is said.",
        *found.void,
        *(f"Besides the release, {one}" for one in found.differs),
        "A claim's difference comes from the two verdicts' intervals and decides nothing here.",
    ]
    if found.trends:
        said.append(
            "Worsening and slowdown are changes from the start to the end of one run: they grow with its length, and "
            f"each run's worst kind of attempts may be another. None is compared. {' '.join(found.trends)}"
        )
    return said


def sentence(one: Difference) -> str:
    """`timeouts: worse by 0.80 points (0.30 to 1.30)`, or why there is no number."""
    if one.estimate is None:
        return f"{one.name}: cannot tell, the runs have nothing to compare it by"
    if one.low is None or one.high is None:
        return f"{one.name}: cannot tell, a run has too few sessions or minutes for an interval"
    return f"{one.name}: {_STATE[one.state]}, {difference_text(one, unit=' points')}"


def text(found: Comparison) -> str:
    """All that the command shows, and the log of a run."""
    ending = f"Against the base: {_STATE[found.state]} (margin {100 * found.margin:.2f} points)."
    lines = [ending, *found.void, *(f"  {sentence(level)}" for level in found.levels)]
    lines.append(f"Compared within what both runs have: {100 * found.kept:.1f} % of their attempts.")
    lines += [f"Besides the release, {one}" for one in found.differs]
    lines += [f"{one} Not compared: each run has its own length and worst kind." for one in found.trends]
    lines.append(f"{'claim':<20} {'base':<11} {'new':<11} difference in points")
    lines += [f"{claim.name:<20} {claim.was:<11} {claim.now:<11} {difference_text(claim)}" for claim in found.claims]
    return "\n".join(line.rstrip() for line in lines)


def brief(found: Comparison, *, columns: int = 80) -> str:
    """What a terminal shows below the ending of a run: four lines of 80 columns; the report has the rest."""
    lines = [f"Against the base: {_STATE[found.state]} (margin {100 * found.margin:.2f} points)."]
    if found.void:
        lines += textwrap.wrap(found.void[0], columns, initial_indent="  ", subsequent_indent="  ")
    else:
        kinds = Counter(_kind(one, found.margin) for one in found.levels)
        counts = ", ".join(f"{kinds[kind]} {kind}" for kind in _KINDS if kinds[kind])
        changed = sum(one.was != one.now for one in found.claims)
        lines.append(f"  Levels: {counts}. Claims changed: {changed} of {len(found.claims)}.")
        lines.append(f"  Largest: {_largest(found.levels)}")
    more = len(found.differs)
    besides = f", and {more} other difference{'s' if more > 1 else ''}" if more else ""
    lines.append(f'  The rest{besides}: "{SECTION}" in the report.')
    return "\n".join(lines)


def _kind(one: Difference, margin: float) -> str:
    if one.state != "not_worse" or one.low is None or one.high is None:
        return _STATE[one.state]
    return "better" if one.high < -margin else "not different" if one.low >= -margin else "not worse"


def _largest(levels: Sequence[Difference]) -> str:
    known = [one for one in levels if difference_text(one) != NONE]
    if not known:
        return "unknown, there are too few sessions or minutes."
    one = max(known, key=lambda one: abs(one.estimate or 0.0))
    return f"{one.name} {difference_text(one, unit=' points')}."


def difference_text(one: Difference, *, unit: str = "") -> str:
    """`+0.80 (+0.30 to +1.30)` in points; a dash where there is no difference or no interval."""
    if one.estimate is None or one.low is None or one.high is None:
        return NONE
    return f"{100 * one.estimate:+.2f}{unit} ({100 * one.low:+.2f} to {100 * one.high:+.2f})"


def share_text(share: float | None) -> str:
    """A share in percent; a dash where it was not measured."""
    return NONE if share is None else f"{100 * share:.2f} %"


def _bare(one: Difference) -> str:
    """`0.80 points, 0.30 to 1.30`, of a difference that has an interval."""
    assert one.estimate is not None and one.low is not None and one.high is not None
    return f"{100 * one.estimate:.2f} points, {100 * one.low:.2f} to {100 * one.high:.2f}"


def _each(levels: Sequence[Difference]) -> str:
    return "; ".join(
        sentence(one) if difference_text(one) == NONE else f"{one.name} {difference_text(one, unit=' points')}"
        for one in levels
    )
