"""The verdict's sentences: the same on the screen, in the summary and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analysis.claims import registry
from analysis.comparison.words import interval_words, points
from analysis.reduction import failures
from analysis.reduction.lost import ORDER, WORDS
from analysis.server_log.ladder import WORDS as SAID
from analysis.verdict.answer import LABELS, answer_of, is_tested
from analysis.verdict.load import opening_words
from analysis.verdict.service_levels import Slo

_HYPOTHESIS: Final = (
    "the timeouts come from the client's platform under network latency, "
    "and not from the server, the network, the tokens or the format"
)
_STATES: Final[Mapping[str, str]] = {"confirmed": "confirmed", "ruled_out": "ruled out", "undecided": "undecided"}


def statements() -> dict[str, str]:
    """What each claim, and the hypothesis, says of the attempts that fail: a statement that can be true or false."""
    return {**registry.statements(), "hypothesis": _HYPOTHESIS}


def state_word(state: str) -> str:
    """`ruled_out` as people write it."""
    return _STATES.get(state, state)


def effect_text(effect: Mapping[str, Any]) -> str:
    """An effect with its interval: "+1.20 points (+0.80 to +1.70)"; a dash if nothing was estimated."""
    if effect["estimate"] is None:
        return "–"
    return interval_words(effect["estimate"], effect["low"], effect["high"], is_rate=effect["name"] == "rate")


def detectable_text(claim: Mapping[str, Any]) -> str:
    """What a claim could have found: "0.42 points; confirmed from 0.95"; a dash if it cannot be told."""
    smallest, confirmable = claim["smallest_detectable"], claim["smallest_confirmable"]
    if smallest is None:
        return "–"
    is_rate = claim["effect"]["name"] == "rate"
    text = f"{100 * smallest:.2g} {'%' if is_rate else 'points'}"
    return text if confirmable is None else f"{text}; confirmed from {100 * confirmable:.2g}"


# Ways in which a token is broken, as what is accepted where it should not be.
_BROKEN: Final[Mapping[str, str]] = {
    "missing": "connects without a token",
    "expired": "expired tokens",
    "forged": "forged tokens",
    "wrong_audience": "tokens for another audience",
}
MOST_FAILURES: Final = 3
_MOST_FILES: Final = 3
_BY_WAYS: Final = ("server", "format")


def opening(verdict: Mapping[str, Any]) -> str:
    """What outranks the service levels, or nothing: the load was another than the planned one; nearly all connects fail
    one way; broken tokens are accepted.
    """
    sentences = [opening_words(verdict["load"]), failures.dominant(verdict["failures"])]
    accepted = [
        f"{_BROKEN.get(one['kind'], one['kind'] + ' tokens')} are accepted "
        f"({one['accepted']} of {one['accepted'] + one['refused'] + one['not_checked']})"
        for one in verdict["credentials"]
        if one["accepted"]
    ]
    if accepted:
        sentences.append(f"The server accepts what it had to refuse: {', '.join(accepted)}.")
    return " ".join(sentence for sentence in sentences if sentence)


def check_words(check: Mapping[str, Any]) -> str:
    """What became of a check of a suite: "0 of 3 passed, 3 timed out: test_mistake (why)"."""
    if not check["n"]:
        return "not run"
    counted = [f"{check['ok']:,} of {check['n']:,} passed"]
    counted += [
        f"{check[key]:,} {words}" for key, words in (("timeouts", "timed out"), ("failed", "failed")) if check[key]
    ]
    text = ", ".join(counted)
    why = f" ({check['why']})" if check["why"] else ""
    return f"{text}: {check['cause']}{why}" if check["cause"] else f"{text}{why}"


def sentences(verdict: Mapping[str, Any], slo: Slo) -> list[str]:
    """What a reader wants to know first, in this order, without what has nothing to say."""
    answer = answer_of(verdict)
    said = (
        *(f"{label} {text}" for label, text in answer.lines()[:2]),
        f"{LABELS[2]} {answer.what_next} {answer.command}".rstrip(),
        *after_the_answer(verdict, slo),
    )
    return [sentence for sentence in said if sentence]


def after_the_answer(verdict: Mapping[str, Any], slo: Slo) -> list[str]:
    """The sentences below the three lines of the answer: service levels, what was said, and the claims one by one."""
    answer = answer_of(verdict)
    # Where nearly all fail one way, the answer has said so.
    dominant = failures.dominant(verdict["failures"])
    said_already = f"{dominant} " if dominant and dominant in answer.why else ""
    said = (
        headline(verdict, slo).removeprefix(said_already),
        checked(verdict),
        failed(verdict),
        lost(verdict),
        server_log(verdict),
        found(verdict),
        undecided(verdict),
        not_tested(verdict),
        answer.counts,
    )
    return [sentence for sentence in said if sentence]


def headline(verdict: Mapping[str, Any], slo: Slo) -> str:
    """First sentence: are the service levels met, and by what numbers; before it, what outranks them (`opening`)."""
    counts = f"{_count(verdict['attempts'], 'attempt')}, {_count(verdict['timeouts'], 'timeout')}"
    if slo.state == "void":
        levels = f"Void, nothing may be concluded: {lower_first(slo.why).rstrip('.')} ({counts})."
    elif slo.state == "breached":
        # The worst kind of attempt is the level itself, and stands in both lines.
        missed = list(dict.fromkeys(check.why for check in slo.checks if check.state == "breached"))
        levels = f"Service levels breached ({counts}): {lower_first(' '.join(missed[:2]))}"
    else:
        levels = f"Service levels met: {counts}, and every level was kept."
        beyond = [check for check in slo.checks if check.is_beyond]
        if beyond:
            levels = f"Service levels met: {counts}; {lower_first(' '.join(check.why for check in beyond))}"
    return " ".join(sentence for sentence in (opening(verdict), levels, *verdict["accepted_ends"]) if sentence)


def checked(verdict: Mapping[str, Any]) -> str:
    """How many checks of each suite passed, and how many nobody has described; empty where none was run."""
    said = []
    for suite in verdict["p1"]:
        states = [check["state"] for check in suite["checks"]]
        others = [
            f"{states.count(state)} {words}"
            for state, words in (
                ("test_mistake", "failed by its own mistakes"),
                ("failed", "failed"),
                ("not_run", "not run"),
            )
            if state in states
        ]
        unknown = f"{len(suite['not_described'])} not described"
        passed = f"{suite['scenario']}: {states.count('passed')} passed"
        said.append(", ".join([passed, *others, unknown]))
    return f"Checks: {'; '.join(said)}." if said else ""


def failed(verdict: Mapping[str, Any]) -> str:
    """What the target said, the commonest first; empty where nothing failed."""
    listed = verdict["failures"]
    if not listed:
        return ""
    text = f"Failures: {'; '.join(failures.counted(one) for one in listed[:MOST_FAILURES])}"
    rest = sum(one["count"] for one in listed[MOST_FAILURES:])
    return f"{text}; and {rest:,} more." if rest else f"{text}."


def lost(verdict: Mapping[str, Any]) -> str:
    """Where the timeouts were lost, by what this machine and its kernel know; empty where nobody was asked."""
    counted = sorted(verdict["lost_at"].items(), key=lambda one: (-one[1], ORDER.index(one[0])))
    if not counted:
        return ""
    return f"Lost: {'; '.join(f'{count:,} {WORDS[rung]}' for rung, count in counted)}."


def server_log(verdict: Mapping[str, Any]) -> str:
    """What the server's log says of the failed waits; empty where no log was given, or nothing failed.

    Of a log that says nothing of any connection: why that is, and the way out.
    """
    log = verdict.get("server_log")
    if not log:
        return ""
    if unknown := log_without_events(log):
        return unknown
    if not log["says"]:
        return ""
    said = sorted(log["says"].items(), key=lambda one: -one[1])
    counted = "; ".join(f"{count:,} x {SAID[what]}" for what, count in said)
    return f"By the server's log, of {_count(log['waits'], 'failed wait')}: {counted}."


def log_without_events(log: Mapping[str, Any]) -> str:
    """Why a log (`verdict["server_log"]`) says nothing of any connection, and the way out; empty where it says much."""
    if log["events"]:
        return ""
    first, more = log["files"][:_MOST_FILES], len(log["files"]) - _MOST_FILES
    names = ", ".join([*(one["name"] for one in first), *([f"and {more} more"] if more > 0 else [])])
    if not log["lines"]:
        return f"The server's log has no line ({names}): nothing is told by it."
    tried = log["tried"]
    by = f"the formats {', '.join(tried[:-1])} and {tried[-1]}" if len(tried) > 1 else f"the format {', '.join(tried)}"
    lines = log["lines"]
    understood = lines - log["unreadable"]
    what = f"{_count(understood, 'line')} of {lines:,}" if understood else f"none of {_count(lines, 'line')}"
    of_none = ", and nothing of any connection is in it" if understood else ""
    return (
        f"The server's log tells nothing: {what} could be understood ({names}) by {by}{of_none}. Name its format with "
        "--server-log-format, or describe it in a TOML file of your own (docs/server-log.md)."
    )


def found(verdict: Mapping[str, Any]) -> str:
    """Second sentence: what was confirmed, with its effect, and what was ruled out."""
    claims = verdict["claims"]
    if verdict["attempts"] and not verdict["failures"]:
        return "Nothing failed: there is no cause to look for." if verdict["slo"]["state"] != "void" else ""
    confirmed = [
        f"{statements()[name]}{_ways(name, claim)}, {effect_text(claim['effect'])}"
        for name, claim in claims.items()
        if claim["state"] == "confirmed"
    ]
    ruled_out = [_name(name) for name, claim in claims.items() if claim["state"] == "ruled_out"]
    text = "Found: " + ("; ".join(confirmed) if confirmed else "no cause is confirmed")
    text += f"; ruled out within {points(verdict['margin'])} points: {', '.join(ruled_out)}." if ruled_out else "."
    state = verdict["hypothesis"]["state"]
    if state != "undecided":
        text = text[:-1] + f"; the hypothesis (platform under latency) is {state_word(state)}."
    return " ".join([text, *_not_checked(verdict), *(f"Stands out: {lower_first(lead)}" for lead in verdict["leads"])])


def _not_checked(verdict: Mapping[str, Any]) -> list[str]:
    """A sentence on auth probes that prove nothing: the connect ended before anybody looked at the token."""
    unchecked = sum(one["not_checked"] for one in verdict["credentials"])
    asked = sum(one["accepted"] + one["refused"] + one["not_checked"] for one in verdict["credentials"])
    return [f"Of {_count(asked, 'auth probe')} {unchecked:,} prove nothing: no token was checked."] if unchecked else []


def undecided(verdict: Mapping[str, Any]) -> str:
    """What was tested and is undecided, and what would settle it; empty where no cause is asked for."""
    tested, untested = _open_claims(verdict)
    if not tested and (untested or not _is_asked(verdict)):
        return ""
    return f"Undecided: {_by_need(tested)}" if tested else "Undecided: nothing."


def not_tested(verdict: Mapping[str, Any]) -> str:
    """What this plan could not test, and what would; empty where it tested all, or nothing failed."""
    _, untested = _open_claims(verdict)
    return f"Not tested by this plan: {_by_need(untested)}" if untested else ""


def _is_asked(verdict: Mapping[str, Any]) -> bool:
    """Whether there is a cause to look for: sessions ran, and something failed."""
    return bool(verdict["attempts"] and verdict["failures"])


def _open_claims(verdict: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The claims that were tested and are undecided, and those that the plan left untested; see `answer.answer_of`."""
    claims = verdict["claims"] if _is_asked(verdict) else {}
    is_open = {name: claim for name, claim in claims.items() if claim["state"] == "undecided"}
    tested = {name: claim for name, claim in is_open.items() if is_tested(claim)}
    return tested, {name: claim for name, claim in is_open.items() if name not in tested}


def _by_need(claims: Mapping[str, Any]) -> str:
    """Claims with what they need: those that need the same thing together, the most often needed thing first."""
    by_need: dict[str, list[str]] = {}
    for name, claim in claims.items():
        need = "; ".join(lower_first(sentence) for sentence in claim["needs"].rstrip(".").split(". "))
        by_need.setdefault(need, []).append(_name(name))
    ranked = sorted(by_need.items(), key=lambda item: -len(item[1]))
    shown = "; ".join(f"{', '.join(names)} (needs {need})" for need, names in ranked[:3])
    rest = [name for _, names in ranked[3:] for name in names]
    return shown + (f"; and {', '.join(rest)}." if rest else ".")


def _ways(name: str, claim: Mapping[str, Any]) -> str:
    """In brackets, what showed it: the parts of these claims are ways of telling, those of others are cohorts."""
    ways = [way for way, part in claim["parts"].items() if part["state"] == "confirmed"]
    return f" ({', '.join(ways)})" if name in _BY_WAYS and ways else ""


def _name(claim: str) -> str:
    return registry.titles()[claim].lower()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def lower_first(text: str) -> str:
    """A sentence as it stands in the middle of another; "HTTP ..." stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
