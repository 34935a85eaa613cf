"""The table of the lab: a real part, what is wrong with it, and what a verdict must make of that.

What must be said was decided before any soak was run: docs/method.md says what each claim means, and RFC 6455, RFC
9110 and the parts' own manuals say what their answers mean.
"""

from __future__ import annotations

from lab.rows import aiohttp_rows, haproxy_rows, ladder_rows, line_rows, maker_rows, nginx_rows
from lab.rows.row import Row, Setup

__all__ = ["BY_NAME", "IN_CI", "ROWS", "Row", "Setup"]

ROWS: tuple[Row, ...] = (
    *aiohttp_rows.ROWS,
    *maker_rows.ROWS,
    *nginx_rows.ROWS,
    *haproxy_rows.ROWS,
    *line_rows.ROWS,
    *ladder_rows.ROWS,
)
BY_NAME = {row.name: row for row in ROWS}
# What CI runs of it: a fault and a control of every part.
IN_CI = (
    *("echo", "close-4401", "reason-token-staging", "ws", "ws-late-empty-pongs"),
    *("nginx", "nginx-calm", "nginx-idle-and-busy", "nginx-502", "haproxy", "haproxy-flapping"),
    *("line", "line-blackhole"),
)
