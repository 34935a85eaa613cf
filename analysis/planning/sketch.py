"""The small tables of a run that was never run: drawn directly, without a single row.

For planning (a thousand runs in a minute) and for tests. It draws hosts, minutes and connections with
the clustering that matters to the comparisons; bursts, holds and tokens are left to `simulate.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.comparison.dealt import VARIANTS
from analysis.reduction.tables import Tables
from analysis.simulation.design import arm_of
from analysis.stats.groups import Ints

Suspect = Literal["none", "latency", "platform", "platform_x_latency", "client", "loop", "loop_x_latency"]
FIRST_MINUTE: Final = 29_460_000
COUNTS: Final = (
    "timeouts",
    "client_loop",
    "harness",
    "auth",
    "auth_fresh",
    "format",
    "explicit",
    "lagged",
    "checked",
    "unasked",
    "late",
    "unanswered",
    "said_no",
    "n_always",
    "bad_always",
    "any_lag_bad",
    "lag_null",
    "good_lagged",
    "retries",
    "rescued",
)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What the run would be like.

    Attributes:
        platforms: The first one is the suspect.
        hosts: Of each platform.
        minutes: Length.
        attempts_a_minute: Of each host, all arms and operations together.
        clients, delays_us, operations: Arms, dealt evenly; `connect` is an operation. A client is named as in
            `--client`, and runs on the loop that this means on each platform (`design.arm_of`).
        base_risk: Chance that an attempt fails though nothing is wrong.
        host_sd, minute_sd: Standard deviation of the logarithm of a host's, a minute's multiplier.
        effect: Points of risk that the suspect adds.
        suspect: Who adds them: the highest delay (latency), the first platform, both at once, the first client,
            or Windows' own asyncio loop, at any delay or at the highest.
        users: On each host, one session after the other; arms are dealt to sessions. 0: an attempt has a connection
            of its own.
        session_s: Mean length of a session, exponential; infinite: to the end of the run (scenario `hold`).
        connection_sd: Standard deviation of the logarithm of a connection's multiplier, whose mean is 1: it has its
            path, its server and its state for life.
    """

    platforms: tuple[str, ...] = ("Windows", "Linux")
    hosts: int = 3
    minutes: int = 60
    attempts_a_minute: float = 100.0
    clients: tuple[str, ...] = ("websocket-client", "websockets-asyncio")
    delays_us: tuple[int, ...] = (0, 160_000, 320_000)
    operations: tuple[str, ...] = ("connect", "ping", "chat")
    base_risk: float = 0.005
    host_sd: float = 0.3
    minute_sd: float = 0.3
    effect: float = 0.0
    suspect: Suspect = "none"
    users: int = 0
    session_s: float = 180.0
    connection_sd: float = 1.0

    @property
    def sessions(self) -> float:
        """Sessions of a host in the whole run, on average."""
        return self.users * (1 + 60 * self.minutes / self.session_s)

    @property
    def exchanges_a_minute(self) -> float:
        """Attempts of a host that are not the connects of its sessions."""
        return max(0.0, self.attempts_a_minute - self.sessions / self.minutes)

    @property
    def design_effect(self) -> float:
        """Attempts that an independent trial is worth, by the connections that they share.

        1 + (a - 1) rho, with a the attempts of a connection as an attempt meets them, and rho the correlation of two
        of one connection (Kish, Survey Sampling (1965), section 5.4). In a run of T that is cut into sessions of mean
        length s, an attempt meets a session of 2 s^2 (T/s - 1 + exp(-T/s)) / T on average.
        """
        if not self.users:
            return 1.0
        ratio = 60 * self.minutes / self.session_s
        # Where sessions outlast the run by far, the difference of near numbers would be noise.
        share = 2 * (ratio + math.expm1(-ratio)) / ratio**2 if ratio > 1e-4 else 1 - ratio / 3
        others = self.exchanges_a_minute / self.users * self.minutes * share
        return 1 + others * self.base_risk / (1 - self.base_risk) * math.expm1(self.connection_sd**2)


def sketched_tables(sketch: Sketch, rng: np.random.Generator) -> Tables:
    """Draw the tables of one run."""
    grid = np.meshgrid(
        np.arange(len(sketch.platforms) * sketch.hosts),
        np.arange(sketch.minutes),
        np.arange(len(sketch.clients)),
        np.arange(len(sketch.delays_us)),
        np.arange(len(sketch.operations)),
        indexing="ij",
    )
    host, minute, client, delay, operation = (axis.ravel() for axis in grid)
    arms = [[arm_of(name, platform) for name in sketch.clients] for platform in sketch.platforms]
    library, loop = (np.array([[arm[i] for arm in own] for own in arms])[host // sketch.hosts, client] for i in (0, 1))
    # Two names that mean the same on a platform are one arm there.
    first = np.array([[own.index(arm) == c for c, arm in enumerate(own)] for own in arms])
    dealt = len(sketch.delays_us) * len(sketch.operations) * first.sum(axis=1)
    rate = np.where(first[host // sketch.hosts, client], sketch.attempts_a_minute / dealt[host // sketch.hosts], 0.0)
    n = rng.poisson(rate)
    multiplier = np.exp(
        rng.normal(0, sketch.host_sd, len(sketch.platforms) * sketch.hosts)[host]
        + rng.normal(0, sketch.minute_sd, sketch.minutes)[minute]
    )
    highest = delay == len(sketch.delays_us) - 1
    suspected = {
        "none": np.zeros(len(host), dtype=np.bool_),
        "latency": highest,
        "platform": host < sketch.hosts,
        "platform_x_latency": (host < sketch.hosts) & highest,
        "client": client == 0,
        "loop": loop == "asyncio-proactor",
        "loop_x_latency": (loop == "asyncio-proactor") & highest,
    }[sketch.suspect]
    risk = np.clip(sketch.base_risk * multiplier + sketch.effect * suspected, 0.0, 1.0)
    held = _sessions(sketch, risk.reshape(grid[0].shape), first, rng) if sketch.users else None
    bad = rng.binomial(n, risk) if held is None else held.bad
    n, connections = (n, n) if held is None else (held.n, held.connections)
    names = np.array([f"{platform}-{i}" for platform in sketch.platforms for i in range(sketch.hosts)])
    cells = pd.DataFrame(
        {
            "run_id": "sketched",
            "host": names[host],
            "platform": np.repeat(sketch.platforms, sketch.hosts)[host],
            "site": np.array(["north", "south"])[host % 2],
            "minute": FIRST_MINUTE + minute,
            "client": library,
            "event_loop": loop,
            "delay_us": np.array(sketch.delays_us)[delay],
            "mitigation": "none",
            "kind": np.where(np.array(sketch.operations)[operation] == "connect", "connect", "exchange"),
            "operation": np.array(sketch.operations)[operation],
            "preface": False,
            "token_expired": False,
            "n": n,
            "connections": connections,
            "bad": bad,
            "residual": bad,
            "n_clean": n,
            "good": n - bad,
            **dict.fromkeys(COUNTS, 0),
        }
    )
    cells["timeouts"] = cells["bad"]
    tables = tables_of(cells[cells["n"] > 0].reset_index(drop=True), rng)
    return tables if held is None else replace(tables, dealt=_dealt_sessions(held, cells))


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What sessions did.

    Attributes:
        n, bad, connections: (cells,) attempts, failures, and sessions behind them.
        session: (sessions, 2) attempts of each session: its connect, its exchanges; `failed` alike.
        cell: (sessions, 2) a cell of the session's arm and kind.
    """

    n: Ints
    bad: Ints
    connections: Ints
    session: Ints
    failed: Ints
    cell: Ints


def _sessions(
    sketch: Sketch, risk: npt.NDArray[np.float64], runs_here: npt.NDArray[np.bool_], rng: np.random.Generator
) -> _Held:
    """Draw every user's sessions, one after the other, and what was attempted on them.

    Args:
        sketch: What the run would be like.
        risk: (hosts, minutes, clients, delays, operations) of a connection that is like the others.
        runs_here: (platforms, clients) whether a client is an arm of its own there.
        rng: Randomness.
    """
    hosts, minutes, _, delays, operations = risk.shape
    users = hosts * sketch.users
    ends = rng.poisson(60 * minutes / sketch.session_s, users)
    user = np.concatenate([np.arange(users), np.repeat(np.arange(users), ends)])
    start = np.concatenate([np.zeros(users), rng.uniform(0, minutes, int(ends.sum()))])
    order = np.lexsort((start, user))
    user, start = user[order], start[order]
    is_last = np.append(user[1:] != user[:-1], True)
    end = np.where(is_last, float(minutes), np.append(start[1:], float(minutes)))
    host = user // sketch.users
    mine = runs_here[host // sketch.hosts]
    client = np.argmax(rng.uniform(size=mine.shape) * mine, axis=1)
    delay = rng.integers(0, delays, len(user))
    sd = sketch.connection_sd
    alike = np.exp(rng.normal(-(sd**2) / 2, sd, len(user)))
    # One row for each session and minute; of its operations the connect comes once, when the session starts.
    begun = np.minimum(start.astype(np.int64), minutes - 1)
    spans = np.maximum(np.ceil(end).astype(np.int64) - begun, 1)
    of = np.repeat(np.arange(len(user)), spans)
    minute = begun[of] + np.arange(len(of)) - np.repeat(np.cumsum(spans) - spans, spans)
    lasted = np.clip(np.minimum(end[of], minute + 1) - np.maximum(start[of], minute), 0.0, 1.0)
    is_connect = np.array([name == "connect" for name in sketch.operations])
    a_minute = sketch.exchanges_a_minute / sketch.users / max(1, int((~is_connect).sum()))
    tried = rng.poisson(np.where(is_connect, 0.0, a_minute * lasted[:, None]))
    tried[:, is_connect] = (minute == begun[of])[:, None]
    arm = (host[of], minute, client[of], delay[of])
    bad = rng.binomial(tried, np.clip(risk[arm] * alike[of][:, None], 0.0, 1.0))
    cell = np.ravel_multi_index(arm, risk.shape[:4])[:, None] * operations + np.arange(operations)
    by_kind = np.stack([is_connect, ~is_connect], axis=1)
    first_cell = np.ravel_multi_index((host, begun, client, delay), risk.shape[:4])[:, None] * operations
    return _Held(
        n=_summed(cell, tried, risk.size),
        bad=_summed(cell, bad, risk.size),
        connections=_summed(cell, tried > 0, risk.size),
        session=_by_session(of, tried @ by_kind, len(user)),
        failed=_by_session(of, bad @ by_kind, len(user)),
        cell=first_cell + np.array([np.argmax(is_connect), np.argmin(is_connect)]),
    )


def _summed(where: Ints, values: npt.NDArray[np.generic], size: int) -> Ints:
    return np.bincount(where.ravel(), weights=values.ravel(), minlength=size).astype(np.int64)


def _by_session(of: Ints, values: Ints, size: int) -> Ints:
    return np.stack([_summed(of, values[:, i], size) for i in range(values.shape[1])], axis=1)


def _dealt_sessions(held: _Held, cells: pd.DataFrame) -> pd.DataFrame:
    """Sessions by where and how they ran (`Tables.dealt`); nothing is explained, so that all ways of counting agree."""
    keys = ["host", "platform", "client", "event_loop", "delay_us", "kind"]
    n, x = held.session.ravel(), held.failed.ravel()
    frame = cells.iloc[held.cell.ravel()][keys].reset_index(drop=True)
    frame = frame.assign(m=1, n=n, nn=n * n, x=x, nx=n * x, xx=x * x)[n > 0]
    by = frame.groupby(keys, as_index=False)[["m", "n", "nn", "x", "nx", "xx"]].sum()
    same = {f"{sum_}_{variant}": by[sum_] for variant in VARIANTS for sum_ in ("x", "nx", "xx")}
    return by.drop(columns=["x", "nx", "xx"]).assign(**same, server_instance=None)


def tables_of(cells: pd.DataFrame, rng: np.random.Generator, *, base_rtt_s: float = 0.04) -> Tables:
    """The other tables that go with a table of cells: round trips, sites, loops, slots, instances."""
    by_host = cells.groupby(["host", "platform"], as_index=False)[["n"]].sum()
    arms = cells.groupby(["host", "platform", "delay_us"], as_index=False)[["n"]].sum()
    loops = cells.groupby(["host", "platform"], as_index=False)[["good", "good_lagged"]].sum()
    instances = _instances(cells, rng)
    return Tables(
        cells=cells,
        slots=_slots(cells, rng),
        instances=instances,
        subjects=_empty("host platform bin ordinal n explicit"),
        cut=_empty(
            "run_id host platform site minute client event_loop delay_us mitigation kind operation preface "
            "token_expired n connections auth auth_fresh format explicit"
        ),
        always=_empty("platform what subject part size n bad"),
        never_ok=_empty("platform kind users n"),
        factors=_pythons(cells),
        dealt=_dealt(cells),
        holds=_empty(
            "host platform chunk_minute by_peer died parity duration_bin idle_bin silence_bin end_s cause close_code "
            "client event_loop delay_us n"
        ),
        reached=_empty("platform client event_loop delay_us of bin n"),
        sessions=_empty(
            "run_id host platform site minute client event_loop delay_us n auth auth_fresh explicit format failed"
        ),
        fresh_refusals=_empty("run_id kind n fresh sometimes"),
        credential_checks=_empty("host platform token_kind result n"),
        mute=_empty("host platform is_mute operation n"),
        first_connects=_empty("run_id host platform since_s n bad"),
        idles=_empty("host platform parity idle n bad"),
        base_rtt=by_host.assign(base_rtt_s=base_rtt_s),
        arm_rtt=arms.assign(rtt_s=base_rtt_s + arms["delay_us"] / 1e6),
        loops=loops,
        platform_instances=instances.groupby(["platform", "server_instance"], as_index=False)[["n"]].sum(),
        sites=cells.groupby(["platform", "host", "site"], as_index=False)[["n"]].sum(),
        budgets=cells[["platform", "client", "event_loop", "delay_us", "operation"]]
        .drop_duplicates()
        .assign(least_s=10.0, most_s=10.0),
        probes=_empty("host platform site slot operation n bad"),
        mitigation_costs=_empty("host platform minute mitigation kind latency_bin n"),
        totals=pd.DataFrame(
            {
                "attempts": [int(cells["n"].sum())],
                "rows": [int(cells["n"].sum())],
                "timeouts": [int(cells["timeouts"].sum())],
                **{name: [0] for name in ("aborted", "dropped_tail", "retries", "simulated")},
                "hosts": [cells["host"].nunique()],
                "first_minute": [cells["minute"].min()],
                "last_minute": [cells["minute"].max()],
            }
        ),
    )


def _pythons(cells: pd.DataFrame) -> pd.DataFrame:
    """One Python everywhere, and no other factor recorded."""
    keys = ["host", "platform", "client", "event_loop", "delay_us"]
    return (
        cells.groupby(keys, as_index=False)[["n", "bad"]]
        .sum()
        .assign(server_instance=None, factor="python", level="3.11.9", connections=0)
    )


def _dealt(cells: pd.DataFrame) -> pd.DataFrame:
    """Connections of one attempt each: nothing is shared but what the cells share."""
    keys = ["host", "platform", "client", "event_loop", "delay_us", "kind"]
    plain = cells[cells["mitigation"] == "none"]
    silent, answered = plain["residual"] - plain["unanswered"], plain["unanswered"]
    failed = {
        "unexplained": silent,
        "silent": silent + answered,
        "said": silent + plain["explicit"],
        "both": silent + answered + plain["explicit"],
        "everything": silent + answered + plain["explicit"] + plain["auth"] + plain["format"],
    }
    counted = plain.assign(**{f"x_{name}": x for name, x in failed.items()}, m=plain["n_clean"])
    by = counted.groupby(keys, as_index=False)[["m", *(f"x_{name}" for name in failed)]].sum()
    same = {name: by["m"] for name in ("n", "nn")} | {
        f"{s}_{name}": by[f"x_{name}"] for name in failed for s in ("nx", "xx")
    }
    return by.assign(**same, server_instance=None)


def _slots(cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each minute's attempts and failures, spread over its six slots."""
    keys = ["host", "platform", "site", "minute", "operation"]
    minutes = cells.groupby(keys, as_index=False, dropna=False)[["n", "residual"]].sum()
    good = _spread(minutes["n"].to_numpy() - minutes["residual"].to_numpy(), 6, rng)
    bad = _spread(minutes["residual"].to_numpy(), 6, rng)
    slots = minutes.loc[minutes.index.repeat(6), ["host", "platform", "site", "operation"]].reset_index(drop=True)
    slots["slot"] = (minutes["minute"].to_numpy()[:, None] * 6 + np.arange(6)).ravel()
    slots["n"], slots["residual"] = (good + bad).ravel(), bad.ravel()
    return slots.assign(bad=slots["residual"])[slots["n"] > 0].reset_index(drop=True)


def _instances(cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Connections dealt evenly to two instances."""
    keys = ["host", "platform", "minute", "client", "event_loop", "delay_us", "kind", "operation"]
    exact = ["auth", "format", "explicit", "unanswered"]
    minutes = cells.groupby(keys, as_index=False)[["n", "residual", *exact]].sum()
    total, silent = minutes["n"].to_numpy(), minutes["residual"].to_numpy() - minutes["unanswered"].to_numpy()
    good = _spread(total - silent - minutes[exact].sum(axis=1).to_numpy(), 2, rng)
    bad = _spread(silent, 2, rng)
    dealt = {name: _spread(minutes[name].to_numpy(), 2, rng) for name in exact}
    both = minutes.loc[minutes.index.repeat(2), keys].reset_index(drop=True)
    both["server_instance"] = np.tile(["a", "b"], len(minutes))
    both["n"] = (good + bad + sum(dealt.values())).ravel()
    both["bad"] = (bad + dealt["explicit"] + dealt["unanswered"]).ravel()
    both = both.assign(**{name: counts.ravel() for name, counts in dealt.items()}, auth_fresh=0)
    return both[both["n"] > 0].reset_index(drop=True)


def _spread(counts: npt.NDArray[np.int64], places: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.multinomial(counts, np.full(places, 1 / places)).astype(np.int64)


def _empty(columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in columns.split()})
