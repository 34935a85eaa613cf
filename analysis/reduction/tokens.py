"""Tokens: good ones that were refused, and broken ones that had to be."""

from __future__ import annotations

from typing import Any, Final

import ibis
from ibis import _

from analysis.reduction.explain import ACCEPTED, CLOCK_LEEWAY_S
from analysis.reduction.expressions import count_if
from analysis.reduction.thresholds import ALWAYS_RATIO

# A server looks at a token within a second or two; after so many it has let the session in.
LET_IN_S: Final = 10.0


def is_refused(rows: ibis.Table) -> Any:
    """Whether an attempt, or a session, failed because its token was refused."""
    return ((rows.outcome == "failed") & (rows.cause == "auth_rejected")).fill_null(False)


def is_fresh_at_end(rows: ibis.Table) -> Any:
    """Whether a token was far from its expiry when its attempt ended, and not only when it began."""
    return (rows.token_ttl_s - rows.token_age_s - rows.duration_s > CLOCK_LEEWAY_S).fill_null(False)


def fresh_refusals(rows: ibis.Table) -> ibis.Table:
    """Refusals of tokens that were far from their expiry, by whether their user was let in at other times.

    Who is always refused has a wrong token; who is refused now and then meets a check that fails.
    """
    asked = rows.filter(
        _.kind.isin(["connect", "hold"])
        & ~_.is_auth_probe
        & (_.retry == 0)
        & (_.mitigation == "none")
        # A session that the run's end cut off was let in, if it had lived long enough to be refused.
        & ((_.outcome != "aborted") | ((_.kind == "hold") & (_.duration_s >= LET_IN_S)))
    )
    fresh = is_refused(asked) & is_fresh_at_end(asked)
    by = asked.group_by("run_id", "kind", "subject").agg(n=asked.count(), fresh=count_if(fresh))
    sometimes = (by.fresh < ALWAYS_RATIO * by.n).ifelse(by.fresh, 0)
    return by.group_by("run_id", "kind").agg(n=by.n.sum(), fresh=by.fresh.sum(), sometimes=sometimes.sum())


def credential_checks(rows: ibis.Table) -> ibis.Table:
    """What became of the tokens that had to be refused, by the way in which they were broken."""
    probes = rows.filter(_.is_auth_probe & (_.kind == "connect") & (_.outcome != "aborted"))
    result = ibis.cases(
        (probes.outcome == "ok", "refused"),
        (probes.cause == ACCEPTED, "accepted"),
        else_="not checked",
    )
    return (
        probes.mutate(token_kind=probes.token_kind.fill_null("broken"), result=result)
        .group_by("host", "platform", "token_kind", "result")
        .agg(n=_.count())
    )
