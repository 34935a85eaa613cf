"""A sample of whole connections, and the shares of attempts and sums over connections that are taken from it."""

from __future__ import annotations

from typing import Final

import ibis
import pandas as pd
from ibis import _, selectors

from analysis.reduction.explain import NUMBER_OF
from analysis.reduction.expressions import OF_THE_TARGET, count_if, lot
from analysis.reduction.factors import FACTORS
from analysis.reduction.keys import SIDE_KEYS
from analysis.reduction.marked_rows import is_plain
from analysis.reduction.variants import VARIANTS, failures

# Shares of attempts, and the spread between connections, are taken from about so many attempts.
SAMPLE_ROWS: Final = 500_000

# Failures of one connection, of one kind, are fewer than this.
PACKED: Final = 2**20
# Before the names of the columns that hold levels of factors.
LEVEL: Final = "level_"


def dealt(sample: ibis.Table, one_in: int) -> ibis.Table:
    """Sums over connections by what was dealt to them: the sample of a comparison of arms or instances.

    A session of a day is one connection: the table grows with arms and hosts, not with connections. Failures are
    counted in several ways (`variants.VARIANTS`); `m` connections, `n` attempts and `nn` the sum of their squares; of
    each way `x` failures, `nx` the sum of attempts times failures, and `xx` that of their squares.

    Args:
        sample: As sampled.
        one_in: How many connections there are to one of the sample; the sums are so many times as large.
    """
    rows = sample.filter(_.is_clean)
    residual = rows.explanation == NUMBER_OF["residual"]
    # What is seldom in one sum: one group for each connection is what this table costs.
    single = rows.group_by(*SIDE_KEYS, "kind", "run_id", "worker", "connection").agg(
        n=rows.count(),
        silent=(residual.ifelse(1, 0) + (residual & rows.is_on_way).ifelse(PACKED, 0)).sum(),
        others=(
            (residual & rows.is_unanswered).ifelse(1, 0)
            + (rows.explanation == NUMBER_OF["explicit"]).ifelse(PACKED, 0)
            + rows.explanation.isin([NUMBER_OF["auth"], NUMBER_OF["format"]]).ifelse(PACKED**2, 0)
        ).sum(),
    )
    mute, said, ours = (single.others // PACKED**power % PACKED for power in range(3))
    residuals, lost = single.silent % PACKED, single.silent // PACKED
    counts = {"n": single.n, **failures(residuals, silence=mute, answers=said, way=lost, others=ours)}
    single = single.select(*SIDE_KEYS, "kind", **{name: value.cast("float64") for name, value in counts.items()})
    sums = {"m": single.count(), "n": single.n.sum(), "nn": (single.n * single.n).sum()}
    for name in VARIANTS:
        x = single[name]
        sums |= {f"x_{name}": x.sum(), f"nx_{name}": (single.n * x).sum(), f"xx_{name}": (x * x).sum()}
    whole = {name: value * one_in for name, value in sums.items()}
    return single.group_by(*(name for name in SIDE_KEYS if name != "server_instance"), "kind", "server_instance").agg(
        **whole
    )


def sampled(marked: ibis.Table, one_in: int) -> ibis.Table:
    """The compared waits of one connection in so many, drawn by its number, and what of them may differ.

    The level of each factor (`FACTORS`) has `LEVEL` before its name.

    Shares of attempts need no more than a sample; a connection is taken as a whole, since its attempts are alike.

    Args:
        marked: As marked.
        one_in: How many connections there are to one that is taken; 1 = all.
    """
    rows = _drawn(marked.filter(is_plain(marked)), one_in)
    names = (
        "run_id",
        "worker",
        "connection",
        "subject",
        "scenario",
        "kind",
        "operation",
        "minute",
        "is_clean",
        "is_unanswered",
        "is_on_way",
        "explanation",
        "is_bad",
        "bytes_out",
    )
    levelled = {f"{LEVEL}{factor.name}": factor.level(rows).cast("string") for factor in FACTORS}
    return rows.select(*SIDE_KEYS, *names, **levelled)


def _drawn(rows: ibis.Table, one_in: int) -> ibis.Table:
    """The rows of one connection in so many, by a hash of its number."""
    if one_in == 1:
        return rows
    return rows.filter(lot(_.connection) % one_in == 0)


def factors(sample: ibis.Table) -> ibis.Table:
    """Attempts and failures by each thing that may differ between sides that are compared (`FACTORS`).

    In one query: on a short run it is the planning of queries that takes time. Connections are counted, too, of the
    factors that are drawn for each; a level of null = not recorded.
    """
    long = sample.pivot_longer(
        selectors.startswith(LEVEL),
        names_to="factor",
        values_to="level",
        names_transform=lambda name: name.removeprefix(LEVEL),
    )
    known = long.filter(long.level.notnull())
    drawn = [factor.name for factor in FACTORS if factor.is_drawn]
    of_one = ibis.struct({name: known[name] for name in ("run_id", "worker", "connection")})
    return known.group_by(*SIDE_KEYS, "factor", "level").agg(
        n=known.count(),
        bad=count_if(known.explanation.isin(OF_THE_TARGET)),
        connections=known.factor.isin(drawn).ifelse(of_one, None).nunique(),
    )


def one_in_how_many(census: pd.DataFrame) -> int:
    """How many connections there are to one of the sample."""
    return max(1, int(census.loc[census["is_wait"], "n"].sum()) // SAMPLE_ROWS)
