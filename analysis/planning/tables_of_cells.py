"""The other tables that go with a table of cells, as a run would have them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.reduction.frames import empty_frame
from analysis.reduction.tables import Tables
from analysis.reduction.variants import failures


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
        subjects=empty_frame("host platform bin ordinal n explicit"),
        cut=empty_frame(
            "run_id host platform site minute client event_loop delay_us mitigation kind operation by_scenario "
            "preface token_expired n connections auth auth_fresh format explicit"
        ),
        always=empty_frame("platform what subject part size n bad"),
        never_ok=empty_frame("platform kind users n"),
        factors=_pythons(cells),
        dealt=_dealt(cells),
        holds=empty_frame(
            "host platform chunk_minute by_peer died parity duration_bin idle_bin silence_bin end_s cause close_code "
            "client event_loop delay_us n"
        ),
        reached=empty_frame("platform client event_loop delay_us of bin n"),
        sessions=empty_frame(
            "run_id host platform site minute client event_loop delay_us n auth auth_fresh explicit format failed"
        ),
        fresh_refusals=empty_frame("run_id kind n fresh sometimes"),
        credential_checks=empty_frame("host platform token_kind result n"),
        mute=empty_frame("host platform is_mute operation n"),
        continued=empty_frame("host platform operation parity idle n died"),
        first_connects=empty_frame("run_id host platform since_s n bad"),
        idles=empty_frame("host platform parity idle n bad"),
        base_rtt=by_host.assign(base_rtt_s=base_rtt_s),
        arm_rtt=arms.assign(rtt_s=base_rtt_s + arms["delay_us"] / 1e6),
        loops=loops,
        platform_instances=instances.groupby(["platform", "server_instance"], as_index=False)[["n"]].sum(),
        sites=cells.groupby(["platform", "host", "site"], as_index=False)[["n"]].sum(),
        budgets=cells[["platform", "client", "event_loop", "delay_us", "operation"]]
        .drop_duplicates()
        .assign(least_s=10.0, most_s=10.0),
        probes=empty_frame("host platform site slot operation n bad"),
        peers=empty_frame("host platform site peer_address n on_way"),
        mitigation_costs=empty_frame("host platform minute mitigation kind latency_bin n"),
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
    failed = failures(
        plain["residual"],
        silence=plain["unanswered"],
        answers=plain["explicit"],
        way=plain["on_way"],
        others=plain["auth"] + plain["format"],
    )
    counted = plain.assign(**{f"x_{name}": x for name, x in failed.items()}, m=plain["n_clean"])
    by = counted.groupby(keys, as_index=False)[["m", *(f"x_{name}" for name in failed)]].sum()
    same = {name: by["m"] for name in ("n", "nn")} | {
        f"{s}_{name}": by[f"x_{name}"] for name in failed for s in ("nx", "xx")
    }
    return by.assign(**same, server_instance=None)


def _slots(cells: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Each minute's attempts and failures, spread over its six slots."""
    keys = ["host", "platform", "site", "minute", "operation"]
    minutes = cells.groupby(keys, as_index=False, dropna=False)[["n", "residual", "on_way"]].sum()
    good = _spread(minutes["n"].to_numpy() - minutes["residual"].to_numpy(), 6, rng)
    lost = _spread(minutes["on_way"].to_numpy(), 6, rng)
    bad = _spread(minutes["residual"].to_numpy() - minutes["on_way"].to_numpy(), 6, rng) + lost
    slots = minutes.loc[minutes.index.repeat(6), ["host", "platform", "site", "operation"]].reset_index(drop=True)
    slots["slot"] = (minutes["minute"].to_numpy()[:, None] * 6 + np.arange(6)).ravel()
    slots["n"], slots["residual"], slots["on_way"] = (good + bad).ravel(), bad.ravel(), lost.ravel()
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
