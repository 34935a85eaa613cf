"""Quotas count a user's connects of five minutes, over the borders of chunks too."""

import numpy as np

from analysis.simulation.design import Design
from analysis.simulation.drawn_sessions import draw_sessions
from analysis.simulation.scene import Scene
from analysis.simulation.sessions import WINDOW_S
from analysis.simulation.strikes import connects_in_window
from analysis.simulation.world import World


def scene() -> Scene:
    return World(name="x", title="x").scene(Design(rows=4_000, subjects=5, minutes=30, seed=2))


def ordinals(chunks: int) -> list[int]:
    """Of all connects of a run that is drawn in so many chunks, each with the sessions that one chunk would have."""
    where = scene()
    whole = draw_sessions(scene(), np.random.default_rng(1), first=0, count=where.design.connections)
    found: list[int] = []
    for part in np.array_split(np.arange(len(whole.at_s)), chunks):
        some = draw_sessions(where, np.random.default_rng(1), first=0, count=len(part))
        some.at_s, some.subject = whole.at_s[part], whole.subject[part]
        found += connects_in_window(some).tolist()
    return found


def test_a_connects_ordinal_is_the_number_of_its_users_connects_in_the_window_before_it() -> None:
    sessions = draw_sessions(scene(), np.random.default_rng(1), first=0, count=scene().design.connections)
    by_hand = [
        int(((sessions.subject == subject) & (sessions.at_s <= at_s) & (sessions.at_s >= at_s - WINDOW_S)).sum())
        for subject, at_s in zip(sessions.subject, sessions.at_s, strict=True)
    ]
    assert ordinals(1) == by_hand
    assert max(by_hand) > 5


def test_users_are_remembered_from_chunk_to_chunk() -> None:
    assert ordinals(4) == ordinals(1)
