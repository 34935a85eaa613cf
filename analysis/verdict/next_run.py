"""The cheapest next step that may change a verdict, and the command for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from analysis.claims import registry
from analysis.reduction import failures
from analysis.stats.needs import FAR_TOO_SMALL, OPEN_END

# The claims that decide the hypothesis, the one whose answer is missed most first.
_ASKED: Final = ("platform_x_latency", "intermittent", "server", "network", "auth", "format", "client_loop")
_OPTION: Final = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)(?: (above 0|[\w.,=]+))?")
_MINUTES: Final = re.compile(r"(?:at least |of |better by |About )(\d+) minutes")
_TIMES: Final = re.compile(r"\b[Aa]bout ([\d.]+) times as (?:much data|many attempts)")
_RUN_TIME: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
# Options of wsoak that a need may name with a value.
_GIVEN: Final[Mapping[str, str]] = {"peer-check-s": "1", "token-source": "mint"}
# Options that a need names and that are somebody's own choice: no value is in the need, or they turn a guard off.
_CHOSEN: Final = ("margin", "site", "session-s", "allow-less-load")
# Locust's short names of the options that are set here.
_SHORT: Final[Mapping[str, str]] = {"--run-time": "-t", "--users": "-u"}
_LOCUST: Final = ("locust", "locust.exe", "__main__.py")
LONGER_S: Final = 600
# What a run that was ended before its time says of itself; its rows are all there.
CUT_SHORT: Final = "--accept-early judges"
# What a run says whose rows were there, and cannot be read: it is not that no session started.
ROWS_MISSING: Final = "rows are missing"
PLAN: Final = "python -m analysis plan --effect 0.01 --platforms Windows,Linux"


def next_run(verdict: Mapping[str, Any], *, subject: str) -> tuple[str, str]:
    """What to do next in a sentence, and the command to paste; the command is empty where no run would help.

    Args:
        verdict: The document of `verdict.json`.
        subject: The confirmed claim that the answer is about; empty: none is.
    """
    claims = verdict["claims"]
    if verdict["slo"]["state"] == "void" and CUT_SHORT in verdict["void_because"]:
        return "A run that goes on to its planned end.", repeated(verdict["command"], "")
    if not verdict["attempts"] and ROWS_MISSING not in verdict["void_because"]:
        words = "A run in which sessions start: one user for a minute shows what keeps them from it."
        return words, repeated(verdict["command"], "", only={"--users": "1", "--run-time": "1m"})
    if verdict["slo"]["state"] == "void":
        if "too few to tell" in verdict["void_because"]:
            return "More attempts, by a longer run.", repeated(verdict["command"], "", longer=True)
        needs = _first(claim["needs"] for claim in claims.values() if claim["needs"])
        return f"{_sentence(needs or 'A run that is not void')}", repeated(verdict["command"], needs or "")
    if not verdict["failures"]:
        words = "A failure: while there is none, nothing can be learned of its cause. A longer run may have one."
        return words, repeated(verdict["command"], "", longer=True)
    if subject == "server" and "server_log" not in verdict:
        words = "The server's log beside this run: which of the lost waits came there, and what became of them."
        at = _value(verdict["command"], "--reports-dir").rstrip("/") or "reports"
        folders = shlex.join(f"{at}/{run}" for run in verdict["runs"])
        return words, f"python -m analysis {folders} --server-log FILE"
    if not subject and failures.dominant(verdict["failures"]):
        words = "That mended first: while they fail alike, a run says nothing else. A minute shows whether it is."
        return words, repeated(verdict["command"], "", only={"--run-time": "1m"})
    if verdict["hypothesis"]["state"] != "undecided":
        return "Another run that says otherwise: repeat it on other hosts or at another time.", repeated(
            verdict["command"], ""
        )
    asked = [name for name in _ASKED if claims[name]["state"] == "undecided" and name != subject]
    if not asked:
        return "Another run that says otherwise.", repeated(verdict["command"], "")
    name = min(asked, key=lambda one: (_cost(claims[one]["needs"]), _ASKED.index(one)))
    needs = claims[name]["needs"]
    words = f"For {registry.titles()[name].lower()}: {needs[:1].lower()}{needs[1:]}"
    cost = _cost(needs)
    if cost == _OUT_OF_REACH or _WAITS in needs:
        return _sentence(words), ""
    return _sentence(words), PLAN if cost == _HOSTS else repeated(verdict["command"], needs)


# While a run goes on, what is left to do is to wait for it, and no other run.
_WAITS: Final = "end of the run"
_LONGER: Final = 1
_HOSTS: Final = 2
_OUT_OF_REACH: Final = 3
# Compared without their first letter, which is a capital only where the need begins with it.
_BEYOND_ANY_RUN: Final = (OPEN_END[1:-1], FAR_TOO_SMALL.partition(".")[0][1:])


def _cost(needs: str) -> int:
    """An option is cheaper than a longer run, that than another host; last comes what no run like this one settles."""
    if any(words in needs for words in _BEYOND_ANY_RUN):
        return _OUT_OF_REACH
    if re.search(r"\bhosts?\b|\bmachines?\b|\bplatforms?\b|server's log", needs):
        return _HOSTS
    return _LONGER if _MINUTES.search(needs) or "attempts" in needs or "data" in needs else 0


def repeated(
    command: Sequence[str], needs: str, *, longer: bool = False, only: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The command of the run again, with the options and for the time that a need names.

    Args:
        command: Words of the command line as the run recorded it. Empty: it is not known, or several runs had
            several, and none is made up, which would go to another target. What is no soak has no next one.
        needs: A claim's need, in words.
        longer: For longer, though nothing says for how long.
        only: Options with these values, whatever is needed.
    """
    words = _of_locust(command)
    if not words:
        return ""
    if only:
        for option, value in only.items():
            _give(words, option, value)
        return shlex.join(words)
    for option, value in _OPTION.findall(needs):
        if option in _CHOSEN:
            continue
        _give(words, f"--{option}", _GIVEN.get(option, "") if value in ("", "above 0") else value)
    seconds = _run_time_s(words)
    wanted = seconds
    if found := _MINUTES.search(needs):
        wanted = max(seconds or 0, 60 * int(found[1]))
    elif (found := _TIMES.search(needs)) and seconds:
        wanted = int(-(-seconds * float(found[1]) // 60)) * 60
    elif longer or "attempts" in needs or "longer" in needs:
        wanted = max(2 * (seconds or 0), LONGER_S)
    if wanted is not None and wanted != seconds:
        _give(words, "--run-time", f"{wanted // 60}m" if wanted % 60 == 0 else f"{wanted}s")
    return shlex.join(words)


def _of_locust(command: Sequence[str]) -> list[str]:
    """The command as a user types it: `python -m locust` records where that module lies."""
    words = list(command)
    name = words[0].replace("\\", "/").rpartition("/")[2] if words else ""
    return ["locust", *words[1:]] if name in _LOCUST and "simulate" not in words else []


def _give(words: list[str], option: str, value: str) -> None:
    """Set an option in the words of a command, in whichever of both forms it stands there."""
    names = (option, _SHORT.get(option, option))
    for at, word in enumerate(words):
        if word in names and value and at + 1 < len(words):
            words[at + 1] = value
            return
        if word in names:
            return
        if word.startswith(f"{option}="):
            words[at] = f"{option}={value}"
            return
    words += [option, value] if value else [option]


def _value(command: Sequence[str], option: str) -> str:
    """What an option is set to in the words of a command; empty: it is not there."""
    for word, following in pairwise((*command, "")):
        if word == option:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return ""


def _run_time_s(words: Sequence[str]) -> int | None:
    """How long the command runs, where it says so in a way that is known."""
    for at, word in enumerate(words):
        text = words[at + 1] if word in ("--run-time", "-t") and at + 1 < len(words) else ""
        text = word.partition("=")[2] if word.startswith("--run-time=") else text
        if text.isdigit():
            return int(text)
        if text and (found := _RUN_TIME.fullmatch(text)):
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return 3600 * hours + 60 * minutes + seconds
    return None


def _first(texts: Any) -> str:
    return next(iter(texts), "")


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
