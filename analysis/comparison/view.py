"""The tables as arrays, prepared once and read by every claim: who, when in which chunk, and counts.

A *host* here is one machine under one platform label: a machine that runs two cohorts is two hosts, and
still only one a side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from analysis.comparison.cells import COUNTS, Cells
from analysis.comparison.dealt import Dealt, dealt_of, design_effect, within
from analysis.comparison.loops import families
from analysis.comparison.run_minutes import RunMinutes
from analysis.model import Criteria
from analysis.reduction.tables import Tables
from analysis.reduction.variants import EVERYTHING, variant_of
from analysis.stats.groups import Bools, Floats, Ints, coded, coded_as, coded_pair, combined, first_of
from analysis.stats.rates import LEAST_CLUSTERS, Rate, clustered_rate, worst_design_effect

T = TypeVar("T")
# Strata of time: the finest unit that leaves this many connections in a stratum.
TIME_UNITS: Final = (1, 2, 5, 10)
CONNECTIONS_A_STRATUM: Final = 8


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything the claims read.

    Attributes:
        settings: What was decided before the data were looked at.
        tables: As reduced.
        clock: Minutes and chunks.
        cells: First tries without mitigation.
        whole: The same with what the run's end cut off, for refusals: these were complete when they came. Of the
            counts only `n`, `connections`, `auth`, `auth_fresh`, `format` and `explicit` mean anything there.
        hosts: (host, platform) of each host code.
        platforms: Of each platform code.
        sites: Of each site code; -1 is unknown.
        clients: "library/event loop" of each client code.
        libraries: Of each library code; `loops` and `families` ("library/family of loop") alike.
        delays_us: Of each delay code, ascending.
        operations: Of each operation code.
        scenarios: Of each scenario code; only one where the sides run the same mix.
        kinds: Of each kind code: connect, exchange.
        flagged: (cells,) rows that a deterministic fault of the format explains; they leave the comparisons.
        spared: Who was spared silence behind answered pings, in words. If nobody was, it is the server's, and
            leaves the comparisons; else it is somebody's yet to be told.
        spared_answers: Who was spared what the server itself says (errors, closes), alike.
        spared_way: Who was spared what was lost on the way, alike.
        everything: Comparisons are about all failures, whatever explains them: what is ruled out must hold for
            these, too.
    """

    settings: Criteria
    tables: Tables
    clock: RunMinutes
    cells: Cells
    whole: Cells
    hosts: tuple[tuple[str, str], ...]
    platforms: tuple[str, ...]
    sites: tuple[str, ...]
    clients: tuple[str, ...]
    libraries: tuple[str, ...]
    loops: tuple[str, ...]
    families: tuple[str, ...]
    delays_us: tuple[int, ...]
    operations: tuple[str, ...]
    scenarios: tuple[str, ...]
    kinds: tuple[str, ...]
    flagged: Bools
    spared: str = ""
    spared_answers: str = ""
    spared_way: str = ""
    everything: bool = False
    # What is the same for all parts of a run, which are many (`once`).
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict)
    # Its parts, by their rows: several claims look at the same ones.
    _parts: dict[bytes, View] = field(default_factory=dict, init=False)

    @property
    def margin(self) -> float:
        """The equivalence margin, an absolute difference of risks."""
        return self.settings.margin

    @cached_property
    def platform_of(self) -> Ints:
        """(hosts,) platform code of each host."""
        index = {name: code for code, name in enumerate(self.platforms)}
        return np.array([index[platform] for _, platform in self.hosts], dtype=np.int64)

    @property
    def base_rtt_s(self) -> Floats:
        """(hosts,) median round trip without the tester's own delay; nan: unknown."""
        return self.by_host("base_rtt", "base_rtt_s")

    @cached_property
    def compared(self) -> Cells:
        """The cells that comparisons use: without what the format explains, and with measurable loops."""
        if self.everything:
            cells = self.cells.where(self.cells.n_clean > 0)
            returned = cells.explicit + cells.auth + cells.format
            none = np.zeros_like(cells.n)
            return cells.having(unanswered=none, on_way=none, returned=returned)
        cells = self.cells.where(~self.flagged & (self.cells.n_clean > 0))
        if self.spared:
            cells = cells.having(unanswered=np.zeros_like(cells.unanswered))
        if self.spared_way:
            cells = cells.having(on_way=np.zeros_like(cells.on_way))
        return cells.having(returned=cells.explicit) if self.spared_answers else cells

    @property
    def variant(self) -> str:
        """Which failures comparisons are about (`variants.VARIANTS`)."""
        if self.everything:
            return EVERYTHING
        return variant_of(silence=bool(self.spared), answers=bool(self.spared_answers), way=bool(self.spared_way))

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What is made of the tables alone, and so the same for all parts of the run: it is made once."""
        if key not in self._known:
            self._known[key] = make()
        known: T = self._known[key]
        return known

    @property
    def dealt(self) -> Dealt:
        """Connections as the sample, of what comparisons are about."""
        return self.dealt_by(self.variant)

    def dealt_by(self, variant: str) -> Dealt:
        """Connections as the sample, with failures counted in one of the ways of `variants.VARIANTS`."""
        return self.once(("dealt", variant), lambda: self._dealt_by(variant))

    def _dealt_by(self, variant: str) -> Dealt:
        frame = self.tables.dealt
        client = frame["client"].astype(str) + "/" + frame["event_loop"].astype(str)
        columns = ((client, self.clients), (frame["delay_us"], self.delays_us), (frame["kind"].astype(str), self.kinds))
        client_of, delay_of, kind_of = (coded_as(values, names) for values, names in columns)
        codes = {"host": self.host_codes(frame), "client": client_of, "delay": delay_of, "kind": kind_of}
        return dealt_of(frame, variant, codes=codes)

    def shared_fate(self, cells: Cells, variant: str) -> float:
        """Attempts that an independent trial is worth, by the connections that the cells' attempts ran on."""
        found = self.dealt if variant == self.variant else self.dealt_by(variant)
        return design_effect(found.where(within(found, cells)))

    @cached_property
    def trials(self) -> float:
        """Independent trials that the compared attempts are worth."""
        return float(self.compared.n_clean.sum()) / self.shared_fate(self.compared, self.variant)

    @cached_property
    def connects(self) -> Bools:
        """(cells,) whether the attempts are connects."""
        return self.of_kind(self.cells, "connect")

    def of_kind(self, cells: Cells, kind: str) -> Bools:
        """(rows of cells,) whether the attempts are of this kind."""
        return np.array([name == kind for name in self.kinds], dtype=np.bool_)[cells.kind]

    @cached_property
    def unit(self) -> int:
        """Minutes of a stratum of time: from connections, so that writing rows twice changes nothing."""
        cells = self.compared
        for unit in TIME_UNITS:
            _, strata = self.strata(cells, unit=unit)
            if strata and cells.connections.sum() / strata >= CONNECTIONS_A_STRATUM:
                return unit
        return TIME_UNITS[-1]

    @cached_property
    def attempts_a_connection(self) -> float:
        """Mean attempts that share a connection, an operation and a minute: they share its fate."""
        return max(1.0, float(self.cells.n.sum()) / max(1.0, float(self.cells.connections.sum())))

    def strata(self, cells: Cells, *keys: Ints, unit: int | None = None) -> tuple[Ints, int]:
        """Host x time x client x operation x scenario (x more keys), and their number."""
        when = self.clock.bin(cells.minute, unit or self.unit)
        return combined(cells.host, when, cells.client, cells.operation, cells.scenario, *keys)

    def by_host(self, table: str, column: str) -> Floats:
        """One number a host from a table with `host` and `platform`; nan where it has none."""
        return self.once(("by host", table, column), lambda: self._by_host(getattr(self.tables, table), column))

    def _by_host(self, frame: pd.DataFrame, column: str) -> Floats:
        found = {
            (str(host), str(platform)): value
            for host, platform, value in zip(frame["host"], frame["platform"], frame[column], strict=True)
        }
        values = [found.get(name) for name in self.hosts]
        return np.array([np.nan if pd.isna(value) else float(value) for value in values], dtype=np.float64)

    def host_codes(self, frame: pd.DataFrame) -> Ints:
        """Host code of each row of a frame; -1: a host without any attempt."""
        if len(frame) == 0:
            return np.zeros(0, dtype=np.int64)
        index = {name: code for code, name in enumerate(self.hosts)}
        pair, pairs = coded_pair(frame["host"].astype(str), frame["platform"].astype(str))
        return np.array([index.get(one, -1) for one in pairs], dtype=np.int64)[pair]

    def hosts_of(self, table: str) -> Ints:
        """Host code of each row of one of the tables, by its name; -1: a host without any attempt."""
        return self.once(("hosts", table), lambda: self.host_codes(getattr(self.tables, table)))

    def client_codes(self, frame: pd.DataFrame) -> Ints:
        """Client code of each row of a frame with `client` and `event_loop`; -1: one without any attempt."""
        return coded_as(frame["client"].astype(str) + "/" + frame["event_loop"].astype(str), self.clients)

    def delay_codes(self, frame: pd.DataFrame) -> Ints:
        """Delay code of each row of a frame with `delay_us`; -1: one without any attempt."""
        return coded_as(frame["delay_us"], self.delays_us)

    def rate(self, cells: Cells, events: Ints, n: Ints, *, cautious: bool = False, about: str = EVERYTHING) -> Rate:
        """The rate of events among n with the design effect of minutes, host-minutes and connections.

        Attempts that share a connection count as one at the least where none failed: what was not seen may be its
        fate. Where none failed in a run of some length, that is all: the rate is one of this run, not of a run
        that might have had a burst.

        Args:
            cells: The rows' places.
            events: (rows,).
            n: (rows,).
            cautious: Take the worst case for the design effect even where the data show a smaller one.
            about: Which failures the events are, nearly enough for what connections share (`variants.VARIANTS`).
        """
        minute = self.clock.rank(cells.minute)
        host_minute, clusters = combined(cells.host, minute)
        worst = worst_design_effect(float(n.sum()) / max(1, clusters))
        long_enough = len(self.clock.minutes) >= LEAST_CLUSTERS
        return clustered_rate(
            events,
            n,
            minute,
            host_minute,
            empty_design_effect=1.0 if long_enough and not events.any() else worst,
            least_design_effect=max(worst if cautious else 1.0, self.shared_fate(cells, about)),
        )

    def census(self, cells: Cells, events: Ints) -> Rate:
        """The rate of events that carry their own cause: what was counted is what happened in these runs.

        Nothing is inferred, so that a burst is as good as a drizzle; only the attempts of one connection count
        as one.

        Args:
            cells: The rows; their `n` are the attempts.
            events: (rows,).
        """
        total = int(cells.n.sum())
        shared = max(1.0, total / max(1, int(cells.connections.sum())))
        return Rate(events=int(events.sum()), n=total, design_effect=shared if total else 1.0)


def view_of(tables: Tables, settings: Criteria) -> View:
    """Prepare the tables; nothing is flagged yet (`with_flagged`)."""
    judged = tables.cells[tables.cells["n"] > 0]
    frame = pd.concat([judged, tables.cut], ignore_index=True) if len(tables.cut) else judged.reset_index(drop=True)
    inside = (frame["mitigation"] == "none").to_numpy(dtype=np.bool_)
    frame, is_judged = frame[inside], (np.arange(len(frame)) < len(judged))[inside]
    host, hosts = coded_pair(frame["host"].astype(str), frame["platform"].astype(str))
    platform, platforms = coded(frame["platform"].astype(str))
    site, sites = coded(frame["site"])
    client, clients = coded(frame["client"].astype(str) + "/" + frame["event_loop"].astype(str))
    library, libraries = coded(frame["client"].astype(str))
    loop, loops = coded(frame["event_loop"].astype(str))
    arm, arms = combined(library, loop, platform)
    of_arm = zip(*(first_of(arm, codes, arms).tolist() for codes in (library, loop, platform)), strict=True)
    named = [(str(libraries[one]), str(loops[two]), str(platforms[three])) for one, two, three in of_arm]
    family_of = families(named)
    family, shared = coded(pd.Series([f"{one[0]}/{family_of[one]}" for one in named], dtype="str"))
    delay, delays = coded(frame["delay_us"])
    kind, kinds = coded(frame["kind"].astype(str))
    operation, operations = coded(frame["operation"].astype(str))
    scenario, scenarios = coded(frame["by_scenario"].astype(str))
    columns = {
        "host": host,
        "platform": platform,
        "site": site,
        "minute": _whole(frame["minute"]),
        "client": client,
        "library": library,
        "loop": loop,
        "family": family[arm],
        "delay": delay,
        "kind": kind,
        "operation": operation,
        "scenario": scenario,
        "preface": _whole(frame["preface"]),
        "expired": _whole(frame["token_expired"]),
        **{name: _whole(frame[name]) for name in COUNTS},
        "returned": np.zeros(len(frame), dtype=np.int64),
    }
    whole = Cells(len(frame), columns.__getitem__)
    cells = whole.where(is_judged)
    return View(
        settings=settings,
        tables=tables,
        clock=RunMinutes(minutes=np.unique(cells.minute)),
        cells=cells,
        whole=whole,
        hosts=hosts,
        platforms=platforms,
        sites=sites,
        clients=clients,
        libraries=libraries,
        loops=loops,
        families=shared,
        delays_us=tuple(int(one) for one in delays),
        operations=operations,
        scenarios=scenarios,
        kinds=kinds,
        flagged=np.zeros(len(cells), dtype=np.bool_),
    )


def with_flagged(view: View, flagged: Bools) -> View:
    """The same view with rows that the format explains taken out of the comparisons."""
    return replace(view, flagged=flagged)


def with_spared(view: View, *, silence: str, answers: str, way: str) -> View:
    """The same view with what somebody was spared left in the comparisons: the peer's silence, answers, losses."""
    return replace(view, spared=silence, spared_answers=answers, spared_way=way)


def narrowed(view: View, mask: Bools) -> View:
    """The view of some of its cells; tables that are not by cell stay whole."""
    rows = mask.tobytes()
    if rows not in view._parts:
        view._parts[rows] = replace(view, cells=view.cells.where(mask), flagged=view.flagged[mask])
    return view._parts[rows]


def with_everything(view: View) -> View:
    """The same view with comparisons about all failures, whatever explains them."""
    return replace(view, everything=True)


def _whole(values: pd.Series[Any]) -> Ints:
    filled: Ints = values.fillna(0).to_numpy().astype(np.int64)
    return filled
