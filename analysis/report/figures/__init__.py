"""Every figure of the report, the notebook and the live page: a small table in, a Plotly figure out.

A figure decides nothing and reads no file. Where there is nothing to draw it says what is missing.
Ratios are shown in percent, durations in seconds or milliseconds, times of day in UTC.
"""

from analysis.report.figures.claims import (
    cause_shares,
    claims_on_one_scale,
    host_estimates,
    latency_overlap,
    peer_checks,
    risk_by_delay,
    risk_by_instance,
)
from analysis.report.figures.cohorts import timeouts_by_latency
from analysis.report.figures.connect_phases import phase_waterfall, where_connects_ended
from analysis.report.figures.latency import latency_distribution, timeouts_by_rtt
from analysis.report.figures.lost import where_waits_were_lost
from analysis.report.figures.outcomes import outcomes_over_time
from analysis.report.figures.vitals import generator_vitals

__all__ = [
    "cause_shares",
    "claims_on_one_scale",
    "generator_vitals",
    "host_estimates",
    "latency_distribution",
    "latency_overlap",
    "outcomes_over_time",
    "peer_checks",
    "phase_waterfall",
    "risk_by_delay",
    "risk_by_instance",
    "timeouts_by_latency",
    "timeouts_by_rtt",
    "where_connects_ended",
    "where_waits_were_lost",
]
