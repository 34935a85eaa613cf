"""Sessions lived through, and the further connections of their users: second tries, and those after one broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from analysis.simulation.design import Bools, Floats, Ints
from analysis.simulation.drawn_sessions import exchange_plan, gaps, instances_of, unharmed
from analysis.simulation.faults import EVERYDAY
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import CONNECT_BUDGET_S, NEVER_S, READY_S, Sessions

# A user whose connection broke comes back after a pause; who broke so often stays away.
RECONNECT_S: Final = (0.5, 3.0)
MOST_RECONNECTS: Final = 200


def retried(sessions: Sessions, failed: Bools, *, wait_s: float) -> Sessions:
    """The second tries of connects that failed, after a pause, with nothing gone wrong yet."""
    at_s = sessions.at_s[failed] + wait_s
    return _again(sessions, failed, at_s, delay=sessions.delay[failed], retry=sessions.retry + 1)


def reconnected(sessions: Sessions) -> Sessions:
    """The next connections of users whose connection broke before the run's end, with their arms dealt anew."""
    design, rng = sessions.design, sessions.rng
    ready, open_s, fault = sessions.end()
    over_s = sessions.at_s + CONNECT_BUDGET_S * sessions.budget_factor
    over_s[ready] = sessions.at_s[ready] + READY_S + open_s
    broken = sessions.connect_fault != 0
    broken[ready] = fault != 0
    next_s = over_s + rng.uniform(*RECONNECT_S, len(over_s))
    chosen = broken & (next_s < design.duration_s)
    delay = rng.integers(0, len(design.delays_s), int(chosen.sum()))
    return _again(sessions, chosen, next_s[chosen], delay=delay, retry=sessions.retry)


def _again(sessions: Sessions, chosen: Bools, at_s: Floats, *, delay: Ints, retry: int) -> Sessions:
    """Another connection for each of the sessions chosen, of the same user on the same machine."""
    scene, rng, host = sessions.scene, sessions.rng, sessions.host[chosen]
    is_first = sessions.is_first[chosen]
    exchange_at_s, hold_s = exchange_plan(scene.design, at_s, is_first, rng)
    instance = instances_of(scene, host, rng)
    shape = exchange_at_s.shape
    again = Sessions(
        scene=scene,
        rng=rng,
        at_s=at_s,
        host=host,
        client=sessions.client[chosen],
        off_default=sessions.off_default[chosen],
        delay=delay,
        mitigation=sessions.mitigation[chosen],
        instance=instance,
        subject=sessions.subject[chosen],
        retry=retry,
        hold_s=hold_s,
        token_age_s=sessions.token_age_s[chosen],
        exchange_at_s=exchange_at_s,
        operation=_prefix(sessions.operation[chosen], shape[1]),
        **unharmed(scene.design, is_first, shape, rng),
        idle_s=gaps(at_s, exchange_at_s),
    )
    if scene.design.balancing == "user":
        again.instance = sessions.instance[chosen]
    if any(scene.design.sides.preface_share):
        again.preface = sessions.preface[chosen]
    again.scenario, again.budget_factor = sessions.scenario[chosen], sessions.budget_factor[chosen]
    again.sent_bytes = _prefix(sessions.sent_bytes[chosen], shape[1])
    return again


def _prefix(values: Ints, width: int) -> Ints:
    """The first columns of values; a row that is too short begins again."""
    return np.asarray(values[:, np.arange(width) % values.shape[1]])


def joined(parts: Sequence[Sessions]) -> Sessions:
    """Sessions of several drawings as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    most = max(part.exchange_at_s.shape[1] for part in parts)
    together: dict[str, Any] = {}
    for f in fields(Sessions):
        values = [getattr(part, f.name) for part in parts]
        if f.name in ("scene", "rng", "retry"):
            together[f.name] = values[0]
        elif values[0].ndim == 1:
            together[f.name] = np.concatenate(values)
        else:
            filler = NEVER_S if f.name == "exchange_at_s" else 0
            widths = [((0, 0), (0, most - part.shape[1])) for part in values]
            padded = [np.pad(v, w, constant_values=filler) for v, w in zip(values, widths, strict=True)]
            together[f.name] = np.concatenate(padded)
    return Sessions(**together)


def lived(sessions: Sessions, strike: Callable[[Sessions], None]) -> Sessions:
    """The sessions after what the world did to them; users whose sessions last the run come back when one breaks."""
    happen(sessions, strike)
    parts = [sessions]
    while sessions.design.is_held and len(parts) <= MOST_RECONNECTS:
        following = reconnected(parts[-1])
        if len(following.at_s) == 0:
            break
        happen(following, strike)
        parts.append(following)
    return joined(parts)


def happen(sessions: Sessions, strike: Callable[[Sessions], None]) -> None:
    """What the world does, then what happens anywhere: silence of any kind, at the base risk of host and minute.

    Silence of the server's alone is not among it: that would be the server's fault.
    """
    strike(sessions)
    scene = sessions.scene
    factor = scene.base_risk * scene.host_factor[sessions.host] / len(EVERYDAY)
    for fault in EVERYDAY:
        sessions.strike_connects(factor * _of_minute(scene, sessions.at_s), fault)
        sessions.strike_exchanges(factor[:, None] * _of_minute(scene, sessions.exchange_at_s), fault)


def _of_minute(scene: Scene, at_s: Floats) -> Floats:
    minute = np.clip((at_s // 60.0).astype(np.int64), 0, len(scene.minute_factor) - 1)
    return np.asarray(scene.minute_factor[minute])
