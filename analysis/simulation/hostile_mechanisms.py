"""The mechanisms of a hostile run: what lets its attempts fail, and how its sessions end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from analysis.simulation.broken_sessions import Breaks, Dies, Forgets, Limit, Mutes
from analysis.simulation.design import CLIENTS, OPERATIONS
from analysis.simulation.draws import Rng, log_uniform, pick
from analysis.simulation.fails import Fails
from analysis.simulation.hostile_confounders import Confounder
from analysis.simulation.lateness import Blocked, Slow
from analysis.simulation.mechanisms import Mechanism

MARGIN: Final = 0.005


def draw_end(rng: Rng, number: int, given: Mapping[str, Any]) -> Mechanism:
    """Half are limits that only a platform, a client or a site meets, half deaths: of all, a platform or a client."""
    fault = pick(rng, ("reset", "server_closed"), (0.7, 0.3))
    whose: dict[str, dict[str, Any]] = {
        "all": {},
        "suspect": {"suspect_only": True},
        "client": {"client": str(rng.choice([name for name in given["clients"] if name in CLIENTS] or CLIENTS[2:]))},
        "site": {"at_site": True},
    }
    if rng.random() < 0.5:
        of_whom = whose[pick(rng, ("suspect", "client", "site"))]
        at_s = float(rng.choice((15.0, 30.0, 60.0, 100.0, 300.0)))
        return Limit(number=number, at_s=at_s, of=pick(rng, ("age", "idle")), fault=fault, **of_whom)
    of_whom = whose[pick(rng, ("all", "suspect", "client"))]
    return Dies(number=number, session_share=round(log_uniform(rng, 0.005, 0.3), 4), fault=fault, **of_whom)


def draw_line(rng: Rng, number: int, given: Mapping[str, Any]) -> Mechanism:
    """Losses, blackholes, resets and forgotten connections alike; four in five of the first site, else of everybody."""
    at_site = bool(rng.random() < 0.8)
    kind = pick(rng, ("loss", "blackhole", "resets", "forgets"))
    if kind == "blackhole":
        return Breaks(number=number, times=int(rng.choice((1, 2, 4, 8))), how="blackhole")
    if kind == "forgets":
        return Forgets(number=number, idle_s=float(rng.choice((10.0, 20.0, 60.0))), at_site=at_site)
    fault: dict[str, Any] = {"fault": "reset", "kind": "exchange"} if kind == "resets" else {"fault": "silent"}
    return finished(rng, number, lambda _: {**fault, "at_site": at_site, "origin": "network"}, given)


def draw_mechanism(rng: Rng, number: int, given: Mapping[str, Any], confounders: Collection[Confounder]) -> Mechanism:
    """Of ten mechanisms seven let attempts fail, and three are breaks, limits, mutes, blocked loops or slow replies."""
    dealt = [rule for c in confounders if (rule := by_confounder(c)) is not None]
    if dealt and rng.random() < 0.33:
        return finished(rng, number, dealt[int(rng.integers(len(dealt)))], given)
    kind = pick(rng, ("fails", "breaks", "limit", "mutes", "blocked", "slow"), (0.72, 0.07, 0.06, 0.06, 0.04, 0.05))
    if kind == "breaks":
        how = pick(rng, ("reset", "restart", "blackhole"))
        return Breaks(number=number, times=int(rng.choice((1, 1, 2, 4))), how=how)
    if kind == "limit":
        at_s = float(rng.choice((30.0, 60.0, 100.0, 300.0, 600.0)))
        return Limit(
            number=number, at_s=at_s, of=pick(rng, ("age", "idle")), fault=pick(rng, ("reset", "server_closed"))
        )
    if kind == "mutes":
        by, is_of_suspect = pick(rng, ("server", "cut")), bool(rng.random() < 0.3)
        return Mutes(number=number, session_share=2 * _draw_dose(rng), by=by, suspect_only=is_of_suspect)
    if kind == "blocked":
        return Blocked(number=number, dose=_draw_dose(rng), suspect_only=bool(rng.random() < 0.4))
    if kind == "slow":
        return Slow(number=number, dose=_draw_dose(rng))
    return finished(rng, number, _FAILS[int(rng.integers(len(_FAILS)))], given)


def by_confounder(confounder: Confounder) -> Callable[[Rng], dict[str, Any]] | None:
    """What strikes by that which a confounder deals unequally; None: nothing that is drawn here."""
    by: dict[str, dict[str, Any]] = {
        "tenant_share": {"tenant_only": True},
        "burst_share": {"burst_only": True},
        "rare_share": {"operation": OPERATIONS[-1]},
        "large_share": {"large_only": True},
        "weight": {"grows": "load"},
        "session_factor": {"grows": "age"},
        "pace_factor": {"grows": "idle"},
    }
    for conditions in (by[name] for name in confounder.sides if name in by):
        return lambda rng: {**conditions, "fault": pick(rng, ("silent", "unanswered", "server_error"))}
    if confounder.design.get("sites") == "tied":
        return lambda rng: {"at_site": True, "origin": "network", "fault": pick(rng, ("silent", "late"))}
    return None


def by_preface(rng: Rng) -> dict[str, Any]:
    """What strikes the exchanges of sessions in which a frame came before the welcome."""
    return {"prefaced_only": True, "kind": "exchange", "fault": pick(rng, ("silent", "unanswered", "server_error"))}


_QUIET: Final = ("silent", "held_up", "late")
_OF_SERVER: Final = ("silent", "unanswered", "server_error", "server_closed", "reset")
# One refusal, close or reset of each kind that a client can meet.
_EXPLICIT: Final = (
    "server_error", "unavailable", "too_many", "unauthorized", "auth_closed", "reset", "refused", "keepalive",
    "server_closed",
)  # fmt: skip

# What lets attempts fail, each as likely as the others.
_FAILS: Final[tuple[Callable[[Rng], dict[str, Any]], ...]] = (
    lambda rng: {"suspect_only": True, "origin": "platform", "fault": pick(rng, _QUIET)},
    lambda rng: {"own_loop": True, "origin": "platform", "fault": "silent"},
    lambda rng: {"arms": pick(rng, ("rising", "highest", "middle")), "origin": "network", "fault": pick(rng, _QUIET)},
    lambda rng: {"suspect_only": True, "arms": pick(rng, ("rising", "highest", "middle")), "origin": "platform"},
    lambda rng: {"client": str(rng.choice(CLIENTS)), "origin": "client", "fault": pick(rng, ("silent", "unanswered"))},
    lambda rng: {"suspect_only": True, "fault": pick(rng, _EXPLICIT)},
    lambda rng: {"client": str(rng.choice(CLIENTS)), "fault": pick(rng, _EXPLICIT)},
    lambda rng: {"fault": pick(rng, _EXPLICIT)},
    lambda rng: {"at_instance": True, "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"at_site": True, "origin": "network", "fault": pick(rng, _QUIET)},
    lambda rng: {"at_host": True, "origin": "machine", "fault": pick(rng, _QUIET)},
    lambda rng: {"tenant_only": True, "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"burst_only": True, "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"large_only": True, "fault": pick(rng, ("silent", "unanswered", "server_closed"))},
    lambda rng: {"operation": pick(rng, OPERATIONS), "fault": pick(rng, ("silent", "unanswered", "server_error"))},
    lambda rng: {"operation": OPERATIONS[-1], "fault": "unanswered", "dose": 1.0},
    lambda rng: {"one_account_in": int(rng.choice((20, 40))), "fault": "unanswered", "origin": "account", "dose": 1.0,
                 "kind": "exchange"},
    lambda rng: {"one_account_in": int(rng.choice((5, 20))), "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"session_share": float(rng.choice((0.02, 0.07, 0.2))), "origin": "network", "fault": "silent",
                 "dose": float(rng.choice((0.1, 0.3, 0.8)))},
    lambda rng: {"moments_s": float(rng.choice((5.0, 10.0, 30.0))), "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"moments_s": 15.0, "at_site": True, "origin": "network", "fault": "silent"},
    lambda rng: {"fault": pick(rng, ("silent", "unanswered"))},
    lambda rng: {"origin": "network", "fault": pick(rng, _QUIET)},
    lambda rng: {"grows": pick(rng, ("age", "idle", "load", "run", "warm-up")), "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"fault": "subprotocol", "client": str(rng.choice(CLIENTS)), "origin": "client"},
)  # fmt: skip

# What a balancer that goes by the user may confuse.
BY_USER: Final[tuple[Callable[[Rng], dict[str, Any]], ...]] = (
    lambda rng: {"at_instance": True, "fault": pick(rng, _OF_SERVER)},
    lambda rng: {"one_account_in": int(rng.choice((10, 20, 40))), "fault": "silent", "origin": "account",
                 "dose": float(rng.choice((0.1, 0.3, 1.0)))},
)  # fmt: skip


def finished(rng: Rng, number: int, rule: Callable[[Rng], dict[str, Any]], given: Mapping[str, Any]) -> Fails:
    """What a rule draws, with a dose, and now and then one condition more: a kind in a quarter, an arm in a tenth."""
    drawn = {"dose": _draw_dose(rng), **rule(rng), "number": number}
    if "client" in drawn and drawn["client"] not in given["clients"]:
        drawn["client"] = given["clients"][0] if given["clients"][0] in CLIENTS else "websockets-asyncio"
    if rng.random() < 0.25:
        drawn.setdefault("kind", pick(rng, ("connect", "exchange")))
    if rng.random() < 0.1:
        drawn.setdefault("arms", pick(rng, ("highest", "middle", "lowest")))
    mechanism = Fails(**drawn)
    # A fault that the kind cannot meet strikes nobody: then it is of any kind.
    return mechanism if mechanism.strikes_connects or mechanism.strikes_exchanges else replace(mechanism, kind="any")


def _draw_dose(rng: Rng) -> float:
    """Exactly the margin in 15 of 100, else 0.2 to 10 points, evenly on a log scale."""
    return MARGIN if rng.random() < 0.15 else round(log_uniform(rng, 0.002, 0.1), 5)
