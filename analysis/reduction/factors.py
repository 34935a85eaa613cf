"""Columns in which the sides of a comparison may differ without being compared: a table of columns, one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

# What is compared.
Sides = Literal["platforms", "clients", "delays", "instances"]
ALL_SIDES: Final[frozenset[Sides]] = frozenset({"platforms", "clients", "delays", "instances"})
# A client, a delay or an instance may itself load a machine, or end sessions early: then the column is its effect.
NOT_OF_DEALT: Final[frozenset[Sides]] = frozenset({"platforms", "clients"})
OF_PLATFORMS: Final[frozenset[Sides]] = frozenset({"platforms"})
OF_DEALT: Final[frozenset[Sides]] = frozenset({"clients", "delays"})


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One column that may differ between the sides.

    Attributes:
        name: In the record.
        level: What of it is compared, from the rows.
        words: What is alike or not, for people.
        need: What to do about it.
        of: Comparisons whose sides it may differ between without being their effect.
        is_needed: Unknown is not good enough.
        is_seen: The target can tell by it whom it serves.
        is_stratum: Where it differs, platforms, clients and delays are compared within its levels, and must share them.
        is_drawn: Drawn for each connection from levels that may be many: their connections are counted.
    """

    name: str
    level: Callable[[Any], Any]
    words: str
    need: str
    of: frozenset[Sides] = ALL_SIDES
    is_needed: bool = False
    is_seen: bool = True
    is_stratum: bool = False
    is_drawn: bool = False


def _halving(value: Any) -> Any:
    """Bins that double, as whole numbers; what is below 1 is one bin."""
    return value.clip(1.0, 1e12).log2().floor().cast("int64").cast("string")


def _with_frames(rows: Any) -> Any:
    """Of exchanges, whether frames had come before the welcome: of a connect that failed it is an outcome."""
    return (rows.kind == "exchange").ifelse((rows.preface_frames > 0).cast("string"), None)


# To hold another column against the rule is one line here.
FACTORS: Final[tuple[Factor, ...]] = (
    Factor(
        name="scenario",
        level=lambda t: t.scenario,
        words="scenarios",
        need="the same --scenario everywhere",
        is_stratum=True,
    ),
    Factor(
        name="subject",
        level=lambda t: t.subject,
        words="users",
        need="users drawn from one pool everywhere",
        is_drawn=True,
    ),
    Factor(
        name="python",
        level=lambda t: t.python,
        words="Python versions",
        need="the same Python and library versions everywhere",
        is_needed=True,
        is_seen=False,
    ),
    Factor(
        name="age_s",
        level=lambda t: _halving(t.age_s),
        words="ages of sessions",
        need="sessions that live equally long everywhere (--session-s)",
        of=NOT_OF_DEALT,
    ),
    Factor(
        name="open_connections",
        level=lambda t: _halving(t.open_connections.cast("float64")),
        words="numbers of open connections",
        need="the same number of users a worker everywhere",
        of=NOT_OF_DEALT,
        is_seen=False,
    ),
    Factor(
        name="token_age_s",
        level=lambda t: _halving(t.token_age_s),
        words="ages of tokens",
        need="tokens that are renewed alike everywhere",
    ),
    Factor(
        # Jobs that start with the minute strike who is always late in it: the strata of time are whole minutes.
        name="scheduled_at",
        level=lambda t: (t.second % 60 // 10).cast("string"),
        words="times within the minute",
        need="users that start at random times within a minute everywhere",
    ),
    Factor(
        name="idle_s",
        level=lambda t: _halving(t.idle_s),
        words="idle times",
        need="the same --pace-s everywhere",
        of=NOT_OF_DEALT,
    ),
    Factor(
        name="bytes_out",
        level=lambda t: _halving(t.bytes_out.cast("float64")),
        words="sizes of requests",
        need="the same sizes of requests everywhere",
    ),
    Factor(
        name="preface_frames",
        level=_with_frames,
        words="frames before the welcome",
        need="the same features of the target for all users",
        of=NOT_OF_DEALT,
    ),
    Factor(
        # A balancer that goes by the handshake, or by the relay's address, leads an arm to instances of its own.
        name="server_instance",
        level=lambda t: t.server_instance,
        words="instances of the server",
        need="a balancer that leads every client and delay to all instances alike",
        of=OF_DEALT,
    ),
    Factor(
        name="cpu",
        level=lambda t: (t.cpu * 10).floor().cast("int64").cast("string"),
        words="loads of the machines",
        need="machines that are equally loaded",
        of=OF_PLATFORMS,
        is_seen=False,
    ),
    Factor(
        name="loop_lag_s",
        level=lambda t: _halving(t.loop_lag_s * 100),
        words="delays of the event loops",
        need="fewer users a worker where the loops are late",
        of=OF_PLATFORMS,
        is_seen=False,
    ),
)
