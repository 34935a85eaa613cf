"""A comparison looked at again in every part of the run, so that nothing is diluted below the margin.

Connects that fail at 300 ms vanish among forty exchanges a connect; a message type that is asked for now and then
vanishes among the others. So a claim that the whole run rules out must be ruled out in each operation, arm and host
that has enough attempts to say it, and with all failures in it as well as without those that something explains. A
part that could not have told no effect at all from the margin has too few; it is named, unless its own estimate lies
beyond the margin, or near it by some failures. And a claim that one part shows beyond the margin is confirmed, at its
share of the error rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.comparison.rated import MOST_NAMED, are_few, few_words
from analysis.comparison.rule import effect_words, joined_words
from analysis.comparison.view import View, narrowed, with_everything
from analysis.model import Finding, Part, State
from analysis.stats.detectable import smallest_difference
from analysis.stats.needs import about

Judge = Callable[[View], Finding]

# Of an interval of 95 %.
LEVEL: Final = 0.05
# The whole run keeps most of a claim's error rate; its parts share the rest.
WHOLE_SHARE: Final = 0.8
# An estimate that so many failures put so near the margin, or beyond it, may well be beyond it.
SOME_FAILURES: Final = 3
NEAR: Final = 0.75


@dataclass(frozen=True, kw_only=True)
class Look:
    """One part of the run.

    Attributes:
        name: In words, as in "in connects".
        view: The run without the rest.
        confirms: What it shows beyond the margin confirms the claim; else it only keeps it from being ruled out.
        crosses: Two ways to part the run at once, so that what is struck in both is not diluted in each.
    """

    name: str
    view: View
    confirms: bool = True
    crosses: bool = False


@dataclass(frozen=True, kw_only=True)
class PartFinding:
    """What a claim says in one part of the run.

    Attributes:
        look: Which.
        finding: What is said there.
        few: Too few attempts to bound anything.
    """

    look: Look
    finding: Finding
    few: bool

    def is_beyond(self, margin: float) -> bool:
        """Whether the effect is surely beyond the margin, on the side that the claim speaks of."""
        effect = self.finding.effect
        if effect is None or effect.low is None or effect.high is None or effect.reversed:
            return False
        return effect.low > margin or effect.high < -margin


def undiluted(view: View, claim: Judge, finding: Finding, looks: Sequence[Look]) -> Finding:
    """The finding, held against all failures and against each part of the run.

    Args:
        view: The whole run.
        claim: The comparison.
        finding: What it says of the whole.
        looks: Parts of the run, each a comparison of its own.
    """
    if finding.precision is not None and any(look.confirms for look in looks):
        finding = replace(finding, precision=finding.precision.shared(WHOLE_SHARE))
    is_out = finding.state == "ruled_out"
    if not is_out and (finding.p_value is None or any(check.ok is not True for check in finding.checks)):
        return finding
    if not with_everything(view).compared.unexplained.any():
        return finding
    seen = [_seen(look, claim) for look in looks]
    parts = {f"in {one.look.name}": _part(one, view.margin) for one in seen}
    joined = replace(finding, parts={**finding.parts, **parts})
    if finding.state != "ruled_out":
        return _with_the_clearest(joined, seen, view.settings.alpha)
    beyond = [one for one in seen if one.is_beyond(view.margin)]
    clearest = _with_the_clearest(joined, seen, view.settings.alpha)
    if clearest.state == "confirmed":
        return clearest
    still_open = [one for one in seen if one.finding.state != "ruled_out" and not one.few and one not in beyond]
    if beyond or still_open:
        return _held_open(joined, beyond or still_open, is_beyond=bool(beyond))
    again = claim(with_everything(view))
    if again.state != "ruled_out":
        effect = f" ({effect_words(again.effect)})" if again.effect is not None else ""
        words = (
            f"Within the margin only without the failures that something explains; with all of them it is not{effect}."
        )
        return replace(joined, state="undecided", evidence=words, needs=again.needs or _ONE_SIDED, ceiling=False)
    few = [one.look.name for one in seen if one.few]
    words = few_words(few)
    return replace(joined, evidence=finding.evidence + words)


_ONE_SIDED: Final = "The server's log: who is spared the failures that the server explains?"


def _with_the_clearest(finding: Finding, seen: Sequence[PartFinding], alpha: float) -> Finding:
    """The finding with the price of having looked at parts, or what the clearest part shows if that is enough."""
    looks = [one for one in seen if one.look.confirms]
    if not looks:
        return finding
    tested = [one for one in looks if one.finding.state == "confirmed" and one.finding.p_value is not None]
    whole = None if finding.p_value is None else min(1.0, finding.p_value / WHOLE_SHARE)
    if finding.state == "confirmed" and whole is not None and whole <= alpha:
        return replace(finding, p_value=whole)
    best = min(tested, key=lambda one: (one.finding.p_value or 0.0, one.look.name), default=None)
    if best is not None:
        p_value = min(1.0, (best.finding.p_value or 0.0) * len(looks) / (1 - WHOLE_SHARE))
        if p_value <= alpha:
            words = f"In {best.look.name}: {best.finding.evidence}"
            known = best.finding.precision
            return replace(
                finding,
                state="confirmed",
                effect=best.finding.effect,
                p_value=p_value,
                evidence=words,
                needs="",
                ceiling=False,
                precision=known.shared((1 - WHOLE_SHARE) / len(looks)) if known is not None else None,
            )
    if finding.state != "confirmed":
        return replace(finding, p_value=whole)
    return replace(
        finding,
        state="undecided",
        p_value=whole,
        needs="About a third more data: the parts of the run are looked at, too, and share the error rate.",
    )


def _held_open(finding: Finding, ones: Sequence[PartFinding], *, is_beyond: bool) -> Finding:
    """Not ruled out: some parts of the run are beyond the margin, or may be."""
    named = [
        f"{one.look.name} ({effect_words(one.finding.effect)})" if one.finding.effect else one.look.name
        for one in ones[:MOST_NAMED]
    ]
    word = "beyond it" if is_beyond else "across it"
    words = f"Inside the margin as a whole, but {word} in {joined_words(named)}."
    needs = " ".join(_more(one) for one in ones[:MOST_NAMED])
    return replace(finding, state="undecided", evidence=words, needs=needs, ceiling=False)


def _more(one: PartFinding) -> str:
    """What would settle one part of the run."""
    if one.finding.state == "undecided" and one.finding.needs:
        return f"In {one.look.name}: {one.finding.needs[0].lower()}{one.finding.needs[1:]}"
    more = f"about {about(one.finding.n / 3)}" if one.finding.n else "a third"
    return f"In {one.look.name}: {more} more attempts, with the same plan."


def _seen(look: Look, claim: Judge) -> PartFinding:
    finding, margin = claim(look.view), look.view.margin
    known = _is_suspicious(look, finding) or (
        not are_few(look.view.trials, margin)
        and (_is_beyond_by_estimate(look, finding) or _could_tell(finding, margin))
    )
    return PartFinding(look=look, finding=finding, few=finding.state != "ruled_out" and not known)


def _is_suspicious(look: Look, finding: Finding) -> bool:
    """Whether some failures, however few the attempts are, put the estimate near the margin or beyond it."""
    if not (look.confirms or look.crosses) or finding.effect is None:
        return False
    are_some = int(look.view.compared.unexplained.sum()) >= SOME_FAILURES
    return are_some and abs(finding.effect.estimate or 0.0) > NEAR * look.view.margin


def _is_beyond_by_estimate(look: Look, finding: Finding) -> bool:
    """Whether the estimate itself, for all that it may be off, lies beyond the margin.

    Of parts that are not what the claim speaks of, which are many, it must differ from none besides (95 %).
    """
    effect = finding.effect
    if effect is None or abs(effect.estimate or 0.0) <= look.view.margin:
        return False
    is_told = effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)
    return look.confirms or is_told


def _could_tell(finding: Finding, margin: float) -> bool:
    """Whether an effect as large as the margin would have been told from none (80 % power)."""
    precision = finding.precision
    if precision is None or precision.unknown or not precision.estimates:
        return False
    return all(smallest_difference(one, level=LEVEL, directed=False) <= margin for one in precision.estimates)


def _part(one: PartFinding, margin: float) -> Part:
    state: State = "confirmed" if one.is_beyond(margin) else "undecided"
    if one.finding.state == "ruled_out":
        state = "ruled_out"
    evidence = "Too few attempts to say." if one.few else ""
    return Part(state=state, effect=one.finding.effect, n=one.finding.n, p_value=one.finding.p_value, evidence=evidence)


def by_operation(view: View) -> list[Look]:
    """Each operation by itself, connects among them; none where there is one only."""
    cells = view.cells
    codes = np.unique(cells.operation[cells.n > 0])
    if len(codes) < 2:
        return []
    return [Look(name=_plural(view.operations[o]), view=narrowed(view, cells.operation == o)) for o in codes.tolist()]


def by_arm(view: View) -> list[Look]:
    """Each higher delay beside the lowest one; none where there are two arms only."""
    cells = view.cells
    arms = np.unique(cells.delay)
    if len(arms) < 3:
        return []
    return [
        Look(
            name=f"the arm of {view.delays_us[d] / 1000:g} ms",
            view=narrowed(view, (cells.delay == arms[0]) | (cells.delay == d)),
        )
        for d in arms[1:].tolist()
    ]


def by_operation_and_arm(view: View) -> list[Look]:
    """Each operation in each arm between the lowest and the highest; none where there is no such arm.

    An operation by itself compares the highest arm with the lowest one, and an arm by itself all operations: what
    strikes one operation in one arm between them is diluted in both.
    """
    cells = view.cells
    arms = np.unique(cells.delay).tolist()
    return [
        Look(
            name=f"{_plural(view.operations[o])} in the arm of {view.delays_us[d] / 1000:g} ms",
            view=narrowed(view, (cells.operation == o) & ((cells.delay == arms[0]) | (cells.delay == d))),
            confirms=False,
            crosses=True,
        )
        for d in arms[1:-1]
        for o in np.unique(cells.operation[cells.n > 0]).tolist()
    ]


def by_delay(view: View) -> list[Look]:
    """Each delay by itself; none where there is one only."""
    cells = view.cells
    arms = np.unique(cells.delay)
    if len(arms) < 2:
        return []
    return [
        Look(name=f"attempts with {view.delays_us[d] / 1000:g} ms added", view=narrowed(view, cells.delay == d))
        for d in arms.tolist()
    ]


def by_client(view: View) -> list[Look]:
    """Each library on its family of loops by itself, of claims that are not about clients; none where there is one."""
    cells = view.cells
    families = np.unique(cells.family)
    if len(families) < 2:
        return []
    return [
        Look(name=f"attempts of {view.families[f]}", view=narrowed(view, cells.family == f), confirms=False)
        for f in families.tolist()
    ]


def by_host(view: View) -> list[Look]:
    """Each host by itself, which is no platform; none where there is one only."""
    cells = view.cells
    if len(view.hosts) < 2:
        return []
    return [
        Look(name=f"host {view.hosts[h][0]} ({view.hosts[h][1]})", view=narrowed(view, cells.host == h), confirms=False)
        for h in np.unique(cells.host).tolist()
    ]


def _plural(operation: str) -> str:
    return "connects" if operation == "connect" else f"{operation} exchanges"
