"""Sessions as a run's design deals them, before anything happens to them: when, where, by whom, and for how long."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from analysis.simulation.design import (
    CLIENTS,
    EXCHANGES,
    OPERATION_SHARES,
    OPERATIONS,
    Bools,
    Design,
    Floats,
    Ints,
    arm_of,
    arms_on,
)
from analysis.simulation.faults import FAULT_CODES
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import CONNECT_BUDGET_S, NEVER_S, READY_S, WINDOW_S, Sessions

# Delays switched in blocks stay for ten minutes each: an operator's turn of a knob.
BLOCK_S: Final = 600.0
# Users handed from one platform to the next after half a quota's window.
HANDOVER_S: Final = WINDOW_S / 2
USUAL_BYTES: Final = 90
LARGE_BYTES: Final = 16_384


def draw_sessions(scene: Scene, rng: np.random.Generator, *, first: int, count: int) -> Sessions:
    """Connections `first` to `first + count` of the run, over its time as its arrivals are."""
    design = scene.design
    total = design.connections
    at_s = _arrival((np.arange(first, first + count) + rng.random(count)) / total, design)
    delays = len(design.delays_s)
    in_blocks = (at_s // BLOCK_S).astype(np.int64) % delays
    delay = in_blocks if design.arms == "blocks" else rng.integers(0, delays, count)
    host = _draw_hosts(design, at_s, rng)
    platform = scene.host_platform[host]
    if design.sides_by == "client":
        client, off_default = _draw_clients(design, platform, rng)
        exchange_at_s, hold_s = exchange_plan(design, at_s, scene.is_first(host, client), rng)
    else:  # In this order, so that a seed gives the run that it always gave.
        exchange_at_s, hold_s = exchange_plan(design, at_s, platform == 0, rng)
        client, off_default = _draw_clients(design, platform, rng)
    shape = exchange_at_s.shape
    dealt: dict[str, Any] = {
        "mitigation": rng.integers(0, len(design.mitigations), count),
        "instance": instances_of(scene, host, rng),
        "subject": _draw_subjects(design, at_s, platform, rng),
        "token_age_s": rng.random(count) * 0.8 * design.token_ttl_s,
        "operation": rng.choice(len(OPERATIONS), size=shape, p=OPERATION_SHARES),
    }
    sessions = Sessions(
        scene=scene,
        rng=rng,
        at_s=at_s,
        host=host,
        client=client,
        off_default=off_default,
        delay=delay,
        retry=0,
        hold_s=hold_s,
        exchange_at_s=exchange_at_s,
        **dealt,
        **unharmed(design, scene.is_first(host, client), shape, rng),
        idle_s=gaps(at_s, exchange_at_s),
    )
    _mix(sessions)
    return sessions


def unharmed(design: Design, is_first: Bools, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Any]:
    """What sessions of the first side and of the other carry before anything happens to them."""
    count, sides = len(is_first), design.sides
    mean_lag_s = np.where(is_first, *sides.lag_s)
    return {
        "connect_fault": np.zeros(count, dtype=np.int64),
        "exchange_fault": np.zeros(shape, dtype=np.int64),
        "hold_cut_s": np.full(count, np.inf),
        "hold_fault": np.full(count, FAULT_CODES["reset"]),
        "preface": np.zeros(count, dtype=np.int64),
        "connect_lag_s": rng.exponential(mean_lag_s, count),
        "exchange_lag_s": rng.exponential(mean_lag_s[:, None], shape),
        "started_up": np.ones(count, dtype=np.bool_),
        "scenario": np.zeros(count, dtype=np.int64),
        "budget_factor": np.where(is_first, *sides.budget_factor),
        "sent_bytes": np.full(shape, USUAL_BYTES),
    }


def _mix(sessions: Sessions) -> None:
    """Deal what sides may differ in: scenarios, tenants, sizes, types, budgets. Nothing is drawn where they do not."""
    sides, rng, is_first = sessions.design.sides, sessions.rng, sessions.is_first
    count, shape = sessions.at_s.shape, sessions.exchange_at_s.shape
    if any(sides.burst_share):
        sessions.scenario = (rng.random(count) < np.where(is_first, *sides.burst_share)).astype(np.int64)
    if any(sides.tenant_share):
        # Even numbers are the first tenant's users, odd ones the second's.
        second = rng.random(count) < np.where(is_first, *sides.tenant_share)
        sessions.subject = sessions.subject * 2 + second
    if any(sides.large_share):
        large = rng.random(shape) < np.where(is_first, *sides.large_share)[:, None]
        sessions.sent_bytes = np.where(large, LARGE_BYTES, USUAL_BYTES)
    if sides.rare_share != (OPERATION_SHARES[-1],) * 2:
        rare = rng.random(shape) < np.where(is_first, *sides.rare_share)[:, None]
        usual = rng.random(shape) < OPERATION_SHARES[0] / sum(OPERATION_SHARES[:2])
        sessions.operation = np.where(rare, len(OPERATIONS) - 1, np.where(usual, 0, 1))
    if sessions.design.budget_spread:
        spread = sessions.design.budget_spread
        sessions.budget_factor = sessions.budget_factor * rng.uniform(1 - spread, 1 + spread, count)
    if any(sides.preface_share):
        sessions.preface = (rng.random(count) < np.where(is_first, *sides.preface_share)).astype(np.int64)
    if sessions.design.balancing == "user":
        sessions.instance = _of_user(sessions.subject, sessions.design.instances)


def _of_user(subject: Ints, instances: int) -> Ints:
    """The instance that each user is led to: by a hash, so that neighbours and tenants are spread over all."""
    return np.asarray((subject + 1) * 2_654_435_761 % 2**32 // 2**16 % instances)


def _arrival(share: Floats, design: Design) -> Floats:
    """Moments of the sessions that come at shares of all sessions, 0 to 1."""
    if design.is_held:
        # Everybody is there after a tenth of the run, and after two minutes at the latest.
        return share * min(120.0, design.duration_s / 10)
    if design.arrivals == "ramp":
        # From a tenth of the final rate up to it: the root of 0.1 t + 0.45 t^2 = 0.55 share.
        return (np.sqrt(0.01 + 0.99 * share) - 0.1) / 0.9 * design.duration_s
    if design.arrivals == "waves":
        # The rate goes from a tenth to nineteen tenths of its mean and back, three times.
        at = np.linspace(0.0, 1.0, 1001)
        return np.interp(share, at - 0.9 * np.sin(6 * np.pi * at) / (6 * np.pi), at) * design.duration_s
    return share * design.duration_s


def exchange_plan(design: Design, at_s: Floats, is_first: Bools, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """When each session's exchanges are due, (n, most), and how long it is meant to last from its start."""
    count = len(at_s)
    if design.session_s is None:
        hold_s = rng.uniform(*design.hold_s, count)
        share = (np.arange(EXCHANGES) + rng.random((count, EXCHANGES))) / EXCHANGES
        # The session is ready a second after its start, at the latest in what goes well.
        return at_s[:, None] + READY_S + share * (hold_s[:, None] - READY_S), hold_s
    pace_s = design.usual_pace_s * np.where(is_first, *design.sides.pace_factor)
    if isinstance(design.session_s, str):
        open_s = np.maximum(design.duration_s - at_s, 0.0) + 2 * CONNECT_BUDGET_S
    else:
        open_s = rng.exponential(1.0, count) * design.session_s * np.where(is_first, *design.sides.session_factor)
    # Beyond the run's end nothing is asked for. A gap is half the pace at least, so that twice as many suffice.
    seen_s = np.clip(np.minimum(open_s, design.duration_s - at_s), 0.0, None)
    most = int(np.max(seen_s / pace_s, initial=0.0) * 2) + 1
    gaps_s = pace_s[:, None] * (0.5 + rng.exponential(0.5, (count, most)))
    gaps_s[:, 0] *= rng.random(count)
    due_s = np.cumsum(gaps_s, axis=1)
    happens = due_s < seen_s[:, None]
    filled = max(1, int(happens.sum(axis=1).max(initial=0)))
    exchange_at_s = np.where(happens, at_s[:, None] + READY_S + due_s, NEVER_S)[:, :filled]
    return exchange_at_s, open_s + READY_S


def gaps(at_s: Floats, exchange_at_s: Floats) -> Floats:
    """(n, most) seconds from the exchange before each one, or from ready; 0 where there is none."""
    before = np.concatenate([at_s[:, None] + READY_S, exchange_at_s[:, :-1]], axis=1)
    return np.where(exchange_at_s < NEVER_S, exchange_at_s - before, 0.0)


def instances_of(scene: Scene, host: Ints, rng: np.random.Generator) -> Ints:
    """(n,) the instance that each connection is led to: dealt anew, or by the address of its host."""
    dealt = rng.integers(0, scene.design.instances, len(host))
    return scene.host_instance[host] if scene.design.balancing == "address" else dealt


def _draw_hosts(design: Design, at_s: Floats, rng: np.random.Generator) -> Ints:
    platforms = len(design.platforms)
    of_host = np.array(design.host_platforms, dtype=np.int64)
    if design.periods == "together":
        if design.sides.weight == (1.0, 1.0):
            return rng.integers(0, design.host_count, len(at_s))
        weight = np.where(of_host == 0, *design.sides.weight)
        return rng.choice(design.host_count, size=len(at_s), p=weight / weight.sum())
    platform = np.minimum((at_s / design.duration_s * platforms).astype(np.int64), platforms - 1)
    counts = np.bincount(of_host, minlength=platforms)
    # The hosts of each platform, in a row after those of the platforms before.
    in_order = np.argsort(of_host, kind="stable")
    place = (np.cumsum(counts) - counts)[platform] + rng.integers(0, counts[platform], len(at_s))
    return np.asarray(in_order[place])


def _draw_clients(design: Design, platform: Ints, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """The library of each connection, and whether it is off its platform's default loop; arms dealt evenly."""
    by_platform = [arms_on(design.clients, name) for name in design.platforms]
    counts = np.array([len(arms) for arms in by_platform])
    # One number decides on every platform, and divides evenly into the arms of each.
    drawn = rng.integers(0, math.lcm(*counts.tolist()), len(platform)) % counts[platform]
    client = np.zeros(len(platform), dtype=np.int64)
    off_default = np.zeros(len(platform), dtype=np.bool_)
    for p, (name, arms) in enumerate(zip(design.platforms, by_platform, strict=True)):
        mine = platform == p
        client[mine] = np.array([CLIENTS.index(library) for library, _ in arms])[drawn[mine]]
        off_default[mine] = np.array([loop != arm_of(library, name)[1] for library, loop in arms])[drawn[mine]]
    return client, off_default


def _draw_subjects(design: Design, at_s: Floats, platform: Ints, rng: np.random.Generator) -> Ints:
    rate = design.connections / design.duration_s * WINDOW_S
    pool = design.subjects or int(np.clip(rate, 20, 20_000))
    if design.order == "random":
        return rng.integers(0, pool, len(at_s))
    # Four groups of users take turns; the suspect platform gets the group that the other one just had.
    group = ((at_s // HANDOVER_S).astype(np.int64) - (platform == 0)) % 4
    user: Ints = rng.integers(0, max(1, pool // 4), len(at_s))
    return np.asarray(user * 4 + group)
