"""nginx before a server."""

from __future__ import annotations

from lab.judge import Expected
from lab.rows.loads import BRIEF, IDLE, IDLE_AND_BUSY, MANY, MIXED, SLOW, STEADY
from lab.rows.row import Row, Setup
from lab.rows.truth import NO_AGE, NOTHING, no_road, residual, server
from tests.kit.proxies import Nginx

ROWS: tuple[Row, ...] = (
    Row("nginx", "nginx", "", Setup(proxy=Nginx()), NOTHING, MIXED),
    Row("nginx-slow", "nginx", "", Setup(proxy=Nginx()), NOTHING, SLOW),
    Row("nginx-calm", "nginx", "", Setup(proxy=Nginx()), NOTHING, IDLE_AND_BUSY),
    Row(
        "nginx-idle",
        "nginx",
        "proxy_read_timeout 5s, sessions with an exchange every 7 s",
        Setup(proxy=Nginx(read_timeout_s=5)),
        server("idle limit", never=NO_AGE),
        SLOW,
        "nginx-slow",
    ),
    Row(
        "nginx-idle-and-busy",
        "nginx",
        "proxy_read_timeout 5s, busy sessions beside silent ones",
        Setup(proxy=Nginx(read_timeout_s=5)),
        server("idle limit", never=NO_AGE),
        IDLE_AND_BUSY,
        "nginx-calm",
    ),
    Row(
        "nginx-idle-only",
        "nginx",
        "proxy_read_timeout 5s, sessions that say nothing at all: their age is their silence",
        Setup(proxy=Nginx(read_timeout_s=5)),
        Expected(also=frozenset({"intermittent", "server"}), words=("idle|silence",)),
        IDLE,
        "nginx-calm",
    ),
    Row(
        "nginx-no-upgrade",
        "nginx",
        "the Upgrade header is not passed: the server answers 400",
        Setup(proxy=Nginx(passes_upgrade=False)),
        no_road("400", "upgrade"),
        BRIEF,
        "nginx",
    ),
    Row("nginx-502", "nginx", "the server is down", Setup("", proxy=Nginx()), server("502"), BRIEF, "nginx"),
    Row(
        "nginx-504",
        "nginx",
        "the server never answers the upgrade, proxy_read_timeout 1s",
        Setup("silent_upgrade", proxy=Nginx(read_timeout_s=1)),
        server("504"),
        BRIEF,
        "nginx",
    ),
    Row(
        "nginx-504-fifth",
        "nginx",
        "the server never answers one in five upgrades, proxy_read_timeout 1s",
        Setup("silent_upgrade_fifth", proxy=Nginx(read_timeout_s=1)),
        server("504"),
        STEADY,
        "nginx",
    ),
    Row(
        "nginx-limit",
        "nginx",
        "limit_conn of 6 for an address, 12 users",
        Setup(proxy=Nginx(most_connections=6)),
        server("503"),
        STEADY,
        "nginx",
    ),
    Row(
        "nginx-reload",
        "nginx",
        "reloaded in mid-run, worker_shutdown_timeout 3s: the old worker's sessions end at one moment",
        Setup(proxy=Nginx(shutdown_timeout_s=3), reload_at_s=9),
        residual("without a close frame", never=NO_AGE),
        MANY,
        "nginx",
    ),
)
