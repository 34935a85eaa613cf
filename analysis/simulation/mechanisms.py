"""Mechanisms of hostile worlds, as data: each is a fault with its dose and with whom it strikes.

They are written from what real soaks suffer from, and without a look at the rules of the verdict. A mechanism
says what it does to a chunk of sessions (`strike`), to the control probes (`probe_risk`), and of itself in a line
(`title`). What may be concluded from it is in `truths.py`.
"""

from __future__ import annotations

from analysis.simulation.broken_sessions import Breaks, Dies, Forgets, Limit, Mutes
from analysis.simulation.fails import Fails
from analysis.simulation.lateness import Blocked, Slow

Mechanism = Fails | Breaks | Limit | Dies | Mutes | Forgets | Blocked | Slow
