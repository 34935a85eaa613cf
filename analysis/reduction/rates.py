"""How many attempts of sessions failed, by who made them and with how much delay: what a reader is told in counts.

Nothing is decided here. These are the attempts that service levels are held against (`service_levels.judged_attempts`),
so that a sentence, a tile and a level have the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from attempts.p1_checks import TEST_MISTAKE

if TYPE_CHECKING:
    import ibis

KEYS: Final = ("platform", "delay_s", "client", "kind")
COUNTS: Final = ("n", "failed", "timeouts")


def none() -> pd.DataFrame:
    """The table of no attempts."""
    return pd.DataFrame({name: [] for name in (*KEYS, *COUNTS)})


def counted(attempts: ibis.Table) -> ibis.Table:
    """The judged attempts of sessions by cohort and kind.

    Args:
        attempts: With the contract's columns (`explain.contract_columns`).

    Returns:
        platform, delay_us [the tester's own], client [library/loop], kind: `n`, `failed` (timeouts among them) and
        `timeouts`.
    """
    import ibis

    judged = judged_rows(attempts)
    grouped = judged.group_by("platform", "delay_us", "client", "kind")
    return grouped.aggregate(
        n=judged.count(),
        failed=judged.is_bad.cast("int64").sum(),
        timeouts=ibis.and_(judged.is_bad, judged.outcome == "timeout").cast("int64").sum(),
    )


def in_seconds(counted: pd.DataFrame) -> pd.DataFrame:
    """The rates, with `delay_s` for `delay_us`."""
    found = counted.assign(delay_s=counted["delay_us"] / 1e6)
    return found[[*KEYS, *COUNTS]].sort_values(list(KEYS), ignore_index=True)


def judged_rows(attempts: ibis.Table) -> ibis.Table:
    """The rows that are judged, with `is_bad`, names that are known or "unknown", and `delay_us` for `delay_s`.

    Args:
        attempts: With the contract's columns (`explain.contract_columns`).
    """
    from analysis.reduction.explain import AUTH_PROBE_SCENARIO

    a = attempts
    is_held = (a.kind == "hold") & (a.outcome == "aborted")
    asked = (a.scenario == AUTH_PROBE_SCENARIO) & (a.kind == "connect") & (a.cause == "auth_rejected")
    return a.filter(
        a.kind != "probe", (a.outcome != "aborted") | is_held, a.cause.fill_null("") != TEST_MISTAKE
    ).mutate(
        is_bad=a.outcome.isin(["timeout", "failed"]) & ~asked.fill_null(False),
        client=a.client.fill_null("unknown").concat("/", a.event_loop.fill_null("")).re_replace("/$", ""),
        platform=a.platform.fill_null("unknown"),
        # A float is no key.
        delay_us=(a.delay_s.fill_null(0.0) * 1e6).round().cast("int64"),
    )


def as_json(rates: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as `verdict.json` has it."""
    return [
        {
            "platform": str(row["platform"]),
            "delay_s": float(row["delay_s"]),
            "client": str(row["client"]),
            "kind": str(row["kind"]),
            **{name: int(row[name]) for name in COUNTS},
        }
        for row in rates.to_dict("records")
    ]
