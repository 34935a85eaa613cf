"""Scenarios: what a virtual user does on a ready session, one generator each.

A script yields steps and receives results; it sees neither sockets nor clocks, so the same script runs
through every client and, in the tests, in virtual time. A new scenario is one function and one line in
`SCENARIOS`. When everybody shall reconnect at once (a storm), the session ends any script between two
of its steps.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from scenarios.errors import ConfigError, unknown_name
from scenarios.experiment.arrivals import Pacing
from scenarios.plan import Budgets, Setting
from scenarios.session.steps import PROTOCOL_PING, Exchange, Hold, Result, Script, Step, Together

# The warm-up's first exchange may meet a cold server: its wait is the seed's "increased timeout".
WARMUP_FACTOR: Final = 3.0
# How much longer every wait is in the arm `longer_budget`.
LONGER_FACTOR: Final = 3.0
# Requests that are drawn at once, enough for any weights that matter; and how many such draws there are.
DECK: Final = 64
DECKS: Final = 256
# The request of the scenario `agent`, which is answered by several events.
AGENT_REQUEST: Final = "start_agent"
# A request that the server cannot route, and how many of them in a row end its loop (the staging server's: five).
UNROUTED: Final = "start_agent_unrouted"
ROUTING_ERRORS: Final = 5
# Scenarios whose sessions live for a drawn time (`session_s`); `hold` is for limits of age and idle time.
DRAWN: Final = frozenset({"steady", "agent"})
MITIGATIONS: Final = ("none", "retry", "warmup", "verify_state", "longer_budget")


class ScriptSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of all scenarios; each reads those it needs.

    Attributes:
        operations: Requests with their weights.
        pace_s: Time between the starts of exchanges; 0 = no think time.
        in_flight: How many requests are sent at once.
        size: Characters of content in a request that has some.
        churn_exchanges: Exchanges before a churn session closes.
        heartbeat_s: Time between the heartbeats of an idle session.
        hold_s: How long a session is planned to stay open; None = as its scenario has it.
        session_s: Mean of how long a steady or agent session lives, drawn for each; 0 = until the run ends.
        storm_jitter_s: Over how many seconds the reconnects of a storm are spread.
        answer_pings: Whether the server's ping messages are answered.
    """

    operations: dict[str, float] = msgspec.field(default_factory=lambda: {"ping": 3.0, "chat": 1.0})
    pace_s: float = 1.0
    in_flight: int = 1
    size: int = 0
    churn_exchanges: int = 3
    heartbeat_s: float = 20.0
    hold_s: float | None = None
    session_s: float = 0.0
    storm_jitter_s: float = 2.0
    answer_pings: bool = True


def script_settings(settings: dict[str, Setting]) -> ScriptSettings:
    """Checked settings.

    Raises:
        ConfigError: Names the setting and the rule.
    """
    try:
        found = msgspec.convert(settings, ScriptSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"the scenario's settings {settings!r} are wrong: {error}; "
            f"use {', '.join(ScriptSettings.__struct_fields__)}"
        ) from None
    if not found.operations or min(found.operations.values()) <= 0:
        raise ConfigError(f"operations is {found.operations!r}, but it must name requests with weights above 0")
    if found.session_s < 0 or found.pace_s < 0 or found.heartbeat_s <= 0 or found.in_flight < 1 or found.size < 0:
        raise ConfigError("session_s, pace_s and size must be 0 or more, heartbeat_s above 0, in_flight at least 1")
    return found


def planned_s(scenario: str, settings: ScriptSettings, seed: int, *, longest_s: float) -> float:
    """How long a session is planned to stay open.

    Arms and instances are dealt to connections, so that a comparison grows with their number and not with their
    length: sessions that compare live some minutes, memoryless (exponential), which spreads their starts and ends.

    Args:
        scenario: Whose.
        settings: Of all scenarios.
        seed: Of the connection.
        longest_s: Until the run ends.
    """
    if settings.hold_s is not None:
        return settings.hold_s
    if scenario not in DRAWN or settings.session_s <= 0:
        return longest_s
    # A stream of its own: what the session does must not depend on how long it lives.
    drawn_s = random.Random(f"{seed}/lives").expovariate(1 / settings.session_s)
    return min(longest_s, max(settings.pace_s, drawn_s))


class Context(NamedTuple):
    """What a script may know.

    Attributes:
        ready_at: When the session became ready.
        end_at: When it is planned to close.
        seed: Of this connection's own randomness.
        identified: An operation whose reply names the request (see `TargetProtocol`).
        heartbeat: What an idle session asks, and what the mitigations ask first (see `Requesting`); None = `heartbeat`
            and `ping`.
    """

    settings: ScriptSettings
    ready_at: float
    end_at: float
    seed: int
    identified: str | None
    heartbeat: str | None = None


@lru_cache(maxsize=1024)
def _deck(operations: tuple[tuple[str, float], ...], size: int, seed: int) -> tuple[Exchange, ...]:
    steps = [Exchange(name, size=size) for name, _ in operations]
    return tuple(random.Random(seed).choices(steps, [weight for _, weight in operations], k=DECK))


def _drawn(operations: dict[str, float], c: Context) -> Iterator[Exchange]:
    """Requests at random by weight: one of `DECKS` drawn decks, again and again.

    A generator of random numbers would be kept for the life of a session, at 2.5 KB each.
    """
    if len(operations) == 1:
        return itertools.repeat(Exchange(next(iter(operations)), size=c.settings.size))
    return itertools.cycle(_deck(tuple(operations.items()), c.settings.size, c.seed % DECKS))


def _first_start(c: Context) -> float:
    """A random moment within the first pace, so that sessions which began together do not go in step."""
    return c.ready_at + random.Random(c.seed).uniform(0.0, c.settings.pace_s)


def _paced(c: Context, requests: Iterator[Exchange], period_s: float, *, first: float) -> Script:
    """One request a period until the end.

    After a timeout the server owes a reply that names nothing, and the next one would be taken for
    another request's. So then only a request whose reply names it is sent, until one was answered: what
    the server had still to say came before (it serves a session in order).
    """
    pacing = Pacing(period_s, start=first)
    now, outcome, lagging = c.ready_at, "ok", False
    while now < c.end_at:
        lagging = outcome == "timeout" or (lagging and outcome != "ok")
        step = next(requests)
        if lagging and c.identified:
            step = Exchange(c.identified, size=step.size)
        if period_s:
            start = pacing.next_start(now)
            if start.scheduled_at >= c.end_at:
                break
            step = Exchange(step.operation, start.scheduled_at, start.skipped, step.size)
        result = yield step
        now, outcome = result.now, result.outcome
    if now < c.end_at:
        yield Hold(c.end_at)


def steady(c: Context) -> Script:
    """Exchanges at a pace for as long as the session lives; the first at a random moment within the pace."""
    s = c.settings
    requests = _drawn(s.operations, c)
    first = _first_start(c)
    if s.in_flight == 1:
        yield from _paced(c, requests, s.pace_s, first=first)
        return
    pacing = Pacing(s.pace_s, start=first)
    now = c.ready_at
    while now < c.end_at:
        start = pacing.next_start(now)
        together = [next(requests)._replace(scheduled_at=start.scheduled_at) for _ in range(s.in_flight)]
        together[0] = together[0]._replace(skipped=start.skipped * s.in_flight)
        now = (yield Together(tuple(together))).now


def churn(c: Context) -> Script:
    """A few exchanges, one after the other, then close."""
    requests = _drawn(c.settings.operations, c)
    for _ in range(c.settings.churn_exchanges):
        yield next(requests)


def idle(c: Context) -> Script:
    """Hold; a heartbeat now and then."""
    beat = itertools.repeat(Exchange(c.heartbeat or "heartbeat"))
    first = c.ready_at + c.settings.heartbeat_s
    yield from _paced(c, beat, c.settings.heartbeat_s, first=first)


def agent(c: Context) -> Script:
    """Run the agent at a pace and expect its events, in order."""
    requests = itertools.repeat(Exchange(AGENT_REQUEST, size=c.settings.size))
    yield from _paced(c, requests, c.settings.pace_s, first=_first_start(c))


def mute(c: Context) -> Script:
    """Make the server's loop of this session end, by requests that it cannot route, and go on asking.

    Each kind of request is answered once before, so that rows show what the session could do. Then a row of
    unroutable ones goes out at once after each answered request: any request that is routed, a pong to the
    server's own ping too, makes the server count anew, so one by one they would seldom be enough. When an
    ordinary request is not answered, the session is mute, and only ordinary ones follow, at the pace.
    """
    s = c.settings
    requests = _drawn(s.operations, c)
    result = yield Hold(_first_start(c))
    for operation in dict.fromkeys((*s.operations, *filter(None, (c.identified,)))):
        result = yield Exchange(operation, size=s.size)
    now, outcome = result.now, "ok"
    pacing = Pacing(s.pace_s, start=now)
    while now < c.end_at:
        if outcome != "timeout":
            now = (yield Together((Exchange(UNROUTED, size=s.size),) * ROUTING_ERRORS)).now
        start = pacing.next_start(now)
        if start.scheduled_at >= c.end_at:
            break
        step = Exchange(c.identified, size=s.size) if outcome == "timeout" and c.identified else next(requests)
        result = yield step._replace(scheduled_at=start.scheduled_at, skipped=start.skipped)
        now, outcome = result.now, result.outcome
    if now < c.end_at:
        yield Hold(c.end_at)


def auth_probe(c: Context) -> Script:
    """Nothing: the session that should not be there closes at once."""
    yield from ()


SCENARIOS: Final[dict[str, Callable[[Context], Script]]] = {
    "steady": steady,
    "hold": steady,
    "churn": churn,
    "idle": idle,
    "agent": agent,
    "storm": idle,
    "mute": mute,
    "auth_probe": auth_probe,
}


def opening(mitigation: str, budgets: Budgets, ping: str = "ping") -> tuple[Step, ...]:
    """What a mitigation does on a ready session before the scenario starts; `ping` costs the server next to nothing."""
    if mitigation == "warmup":
        return (Exchange(ping, budget_s=budgets.exchange_s * WARMUP_FACTOR),)
    if mitigation == "verify_state":
        return (Exchange(PROTOCOL_PING), Exchange(ping))
    return ()


def mitigated(budgets: Budgets, mitigation: str) -> Budgets:
    """The waits of an arm."""
    if mitigation != "longer_budget":
        return budgets
    return Budgets(
        connect_s=budgets.connect_s * LONGER_FACTOR,
        exchange_s=budgets.exchange_s * LONGER_FACTOR,
        sequence_s=budgets.sequence_s * LONGER_FACTOR,
        close_s=budgets.close_s * LONGER_FACTOR,
        hold_s=budgets.hold_s,
        peer_check_s=budgets.peer_check_s,
    )


def script_for(scenario: str, mitigation: str, context: Context, budgets: Budgets) -> Script:
    """The script of a scenario, after what its mitigation does first.

    A session whose state cannot be verified closes: its user connects again.

    Raises:
        ConfigError: If there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise unknown_name("scenario", scenario, SCENARIOS)
    steps = opening(mitigation, budgets, context.heartbeat or "ping")
    if not steps:
        return SCENARIOS[scenario](context)
    return _opened(steps, scenario, context, must_succeed=mitigation == "verify_state")


def _opened(steps: tuple[Step, ...], scenario: str, context: Context, *, must_succeed: bool) -> Script:
    result = Result(context.ready_at)
    for step in steps:
        result = yield step
        if must_succeed and result.outcome != "ok":
            return
    yield from SCENARIOS[scenario](context._replace(ready_at=result.now))
