"""haproxy before a server."""

from __future__ import annotations

from lab.rows.loads import BRIEF, IDLE_AND_BUSY, MIXED, STEADY
from lab.rows.row import Row, Setup
from lab.rows.truth import NO_AGE, NOTHING, no_road, server
from tests.kit.proxies import Haproxy

ROWS: tuple[Row, ...] = (
    Row("haproxy", "haproxy", "", Setup(proxy=Haproxy()), NOTHING, MIXED),
    Row("haproxy-calm", "haproxy", "", Setup(proxy=Haproxy()), NOTHING, IDLE_AND_BUSY),
    Row(
        "haproxy-idle",
        "haproxy",
        "timeout tunnel 5s, busy sessions beside silent ones",
        Setup(proxy=Haproxy(tunnel_timeout_s=5)),
        server("idle limit", never=NO_AGE),
        IDLE_AND_BUSY,
        "haproxy-calm",
    ),
    Row("haproxy-tls", "haproxy, TLS", "", Setup(proxy=Haproxy(), certificate="good"), NOTHING, MIXED),
    Row(
        "haproxy-client-certificate-shown",
        "haproxy, TLS",
        "",
        Setup(proxy=Haproxy(), certificate="client welcome"),
        NOTHING,
        MIXED,
    ),
    Row(
        "haproxy-client-certificate",
        "haproxy, TLS",
        "the client has to show a certificate, and has none",
        Setup(proxy=Haproxy(), certificate="client wanted"),
        no_road("client certificate|certificate required"),
        BRIEF,
        "haproxy-client-certificate-shown",
    ),
    Row(
        "haproxy-late-replies",
        "haproxy",
        "the server's replies are late half of the time",
        Setup("slow_replies", proxy=Haproxy()),
        server("ping"),
        MIXED,
        "haproxy",
    ),
    Row(
        "haproxy-flapping",
        "haproxy",
        "the server's health comes and goes: 503 while it is away",
        Setup("flapping", proxy=Haproxy(checks_health=True)),
        server("503"),
        (*MIXED, "--run-time", "30s"),
        "haproxy",
    ),
    Row(
        "haproxy-client-timeout",
        "haproxy",
        "timeout client 5s and no timeout tunnel, busy sessions beside silent ones",
        Setup(proxy=Haproxy(tunnel_timeout_s=None, client_timeout_s=5)),
        server("idle limit", never=NO_AGE),
        IDLE_AND_BUSY,
        "haproxy-calm",
    ),
    Row(
        "haproxy-queue",
        "haproxy",
        "maxconn 6 for 12 users, timeout queue 1s: 503 for who waits longer",
        Setup(proxy=Haproxy(most_connections=6, queue_timeout_s=1)),
        server("503"),
        STEADY,
        "haproxy",
    ),
    Row(
        "haproxy-queue-silent",
        "haproxy",
        "maxconn 6 for 12 users, timeout queue 30s: the upgrade of the others is not answered in time",
        # Their requests are acknowledged, and no answer comes: the server's side, or a proxy in front of it.
        Setup(proxy=Haproxy(most_connections=6)),
        server("upgrade"),
        STEADY,
        "haproxy",
    ),
)
