"""The answer in three labelled lines: why attempts fail, how sure that is, and what would change it.

One function of the verdict alone (`answer_of`), so that terminal, report, job summary, live page and notebook say the
same. What is not confirmed stands apart, as do claims that this plan could not test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from analysis.claims import registry
from analysis.comparison.words import interval_words, points
from analysis.reduction import failures
from analysis.verdict.cohort_words import worst_beside
from analysis.verdict.next_run import next_run

LABELS: Final = ("Why do attempts time out?", "How sure?", "What would change it?")
HYPOTHESIS: Final = "The hypothesis (the client's platform under network latency, the server being fine)"
# Of the confirmed claims the first of these is the subject; that failures are intermittent is no cause.
_SUBJECTS: Final = (
    *("auth", "format", "server", "network", "client_loop"),
    *("platform_x_latency", "platform", "client", "latency"),
)
_COMPARED: Final = ("platform_x_latency", "platform", "client", "latency")
_STATES: Final = {"confirmed": "confirmed", "ruled_out": "ruled out", "undecided": "undecided"}
MOST_SENTENCES: Final = 2


@dataclass(frozen=True)
class Answer:
    """The three lines, and what stands apart from them.

    Attributes:
        why, how_sure, what_next: The lines, each under its label of `LABELS`.
        command: The next run, to paste; empty where none would change the answer.
        leads: What stands out and is not confirmed, in sentences.
        not_tested: Titles of the claims that this plan could not test.
        undecided: Titles of those that were tested and are undecided.
        counts: How the attempts that are judged come out of all that were recorded.
    """

    why: str
    how_sure: str
    what_next: str
    command: str
    leads: tuple[str, ...]
    not_tested: tuple[str, ...]
    undecided: tuple[str, ...]
    counts: str

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Each label with its line; the command is not among them."""
        return tuple(zip(LABELS, (self.why, self.how_sure, self.what_next), strict=True))


def answer_of(verdict: Mapping[str, Any]) -> Answer:
    """The answer that a verdict gives.

    Args:
        verdict: The document of `verdict.json` (`document.compose`).
    """
    titles, claims = registry.titles(), verdict["claims"]
    is_open = {name: claim for name, claim in claims.items() if claim["state"] == "undecided"}
    # Where nothing failed nothing is asked, and where no session began it was not the plan that left claims untested.
    is_asked = bool(verdict["attempts"] and verdict["failures"])
    what_next, command = next_run(verdict, subject=_subject(verdict))
    return Answer(
        why=_why(verdict),
        how_sure=_how_sure(verdict),
        what_next=what_next,
        command=command,
        leads=tuple(verdict["leads"]),
        not_tested=tuple(titles[name] for name, claim in is_open.items() if is_asked and not is_tested(claim)),
        undecided=tuple(titles[name] for name, claim in is_open.items() if is_asked and is_tested(claim)),
        counts=counts_line(verdict["counts"]),
    )


def counts_line(counts: Mapping[str, int]) -> str:
    """How the judged attempts come out of all: "1,000 judged = 1,060 in all - 50 control probes - 10 cut off"."""
    text = f"{counts['judged']:,} judged = {counts['all']:,} in all"
    for key, words in (
        ("probes", "control probes"),
        ("cut_off", "cut off by the end of the run"),
        ("test_mistakes", "that failed by a mistake of the test"),
        ("unreadable", "that could not be read"),
    ):
        if counts[key]:
            text += f" - {counts[key]:,} {words}"
    return f"Attempts: {text}."


def state_words(state: str) -> str:
    """`ruled_out` as people write it."""
    return _STATES.get(state, state)


def is_tested(claim: Mapping[str, Any]) -> bool:
    """Whether the run had anything to decide the claim on: an estimate, or attempts that it looked at in parts."""
    return claim["effect"]["estimate"] is not None


def _is_void(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["slo"]["state"] == "void")


def _subject(verdict: Mapping[str, Any]) -> str:
    """The confirmed claim that the answer is about; empty: there is none."""
    if verdict["hypothesis"]["state"] == "confirmed":
        return "platform_x_latency"
    claims = verdict["claims"]
    return next((name for name in _SUBJECTS if claims[name]["state"] == "confirmed"), "")


def _why(verdict: Mapping[str, Any]) -> str:
    if _is_void(verdict):
        return f"Nothing may be concluded, for the run is void: {verdict['void_because']}"
    if not verdict["attempts"]:
        return "Nothing may be concluded: no attempt of a session ended."
    if not verdict["failures"]:
        return f"None does: all {verdict['attempts']:,} attempts succeeded."
    dominant = failures.dominant(verdict["failures"])
    subject = _subject(verdict)
    if not subject:
        return dominant or f"Not known yet: {_failed(verdict)}, and no cause is confirmed."
    claim = verdict["claims"][subject]
    text = f"{_capital(registry.statements()[subject])}. "
    if verdict["hypothesis"]["state"] == "confirmed":
        text = "The client's platform under network latency. "
    seen = worst_beside(verdict["rates"], subject) if subject in _COMPARED else ""
    others = [
        registry.titles()[name].lower()
        for name in _SUBJECTS
        if name != subject and verdict["claims"][name]["state"] == "confirmed"
    ]
    also = f" Confirmed as well: {', '.join(others)}." if others else ""
    return f"{dominant} {text}{seen or _first_sentences(claim['evidence'])}{also}".strip()


def _failed(verdict: Mapping[str, Any]) -> str:
    failed = sum(row["failed"] for row in verdict["rates"])
    share = f" ({100 * failed / verdict['attempts']:.2g} %)" if verdict["attempts"] else ""
    return f"{failed:,} of {verdict['attempts']:,} attempts failed{share}, {verdict['timeouts']:,} of them by timeout"


def _how_sure(verdict: Mapping[str, Any]) -> str:
    claims = verdict["claims"]
    if _is_void(verdict) or not verdict["attempts"]:
        return "Not at all: what was recorded decides nothing."
    if not verdict["failures"]:
        return _limit(verdict)
    subject = _subject(verdict)
    said = []
    if subject:
        effect = claims[subject]["effect"]
        if effect["estimate"] is not None:
            words = interval_words(
                effect["estimate"], effect["low"], effect["high"], is_rate=effect["name"] == "rate", before="95 %: "
            )
            said.append(f"{_capital(effect['name'])} {words}, against a margin of {points(verdict['margin'])} points.")
    else:
        said.append(f"Nothing is confirmed beyond the margin of {points(verdict['margin'])} points.")
    ruled_out = [registry.titles()[name].lower() for name, claim in claims.items() if claim["state"] == "ruled_out"]
    if ruled_out:
        said.append(f"Ruled out: {', '.join(ruled_out)}.")
    state = verdict["hypothesis"]["state"]
    because = f" ({'; '.join(verdict['hypothesis']['because'])})" if state == "ruled_out" else ""
    said.append(f"{HYPOTHESIS} is {state_words(state)}{because}.")
    return " ".join(said)


def _limit(verdict: Mapping[str, Any]) -> str:
    """How many might fail although none did, by the level of success where it has an interval."""
    level = next((one for one in verdict["slo"]["checks"] if one["name"] == "success_ratio"), None)
    if level is None or level["low"] is None:
        return "As sure as so many attempts make it; their interval is not known."
    return f"At most {100 * (1 - level['low']):.2g} % of attempts fail (95 % limit), under the load of this run."


def _first_sentences(text: str) -> str:
    """The beginning of what a claim says; the report has the rest."""
    return ". ".join(text.split(". ")[:MOST_SENTENCES]).rstrip(".") + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
