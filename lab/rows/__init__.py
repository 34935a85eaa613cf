"""The table of the lab: a real part, what is wrong with it, and what a verdict must make of that.

What must be said was decided before any soak was run: docs/method.md says what each claim means, and RFC 6455, RFC
9110 and the parts' own manuals say what their answers mean.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.judge import Expected
from tests.kit.proxies import Haproxy, Nginx, Proxy


class Setup(NamedTuple):
    """What stands where the soak goes.

    Attributes:
        mode: Of the echo server (`tests.kit.echo_server`); empty = nothing listens.
        proxy: What stands before it.
        certificate: Of which kind the certificate is (`lab.parts.CERTIFICATES`) of the server, or of the haproxy
            before it; empty = no TLS.
    """

    mode: str = "echo"
    proxy: Proxy | None = None
    certificate: str = ""


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        name: For `--only`.
        part: The real part, for people.
        fault: What is wrong with it, for people; empty = nothing: a control.
        setup: How it is started.
        expected: The truth.
        load: Options of the soak.
        control: The row of the same part in which nothing is wrong; empty = this is one.
    """

    name: str
    part: str
    fault: str
    setup: Setup
    expected: Expected
    load: tuple[str, ...]
    control: str = ""


# 8 users churn at 20 connects a second in all, and 4 hold a session with five exchanges a second each.
MIXED = (
    *("--scenario", "churn=2,steady=1", "--users", "12", "--arrival", "poisson:20", "--pace-s", "0.2"),
    *("--churn-exchanges", "4", "--run-time", "25s"),
)
STEADY = ("--scenario", "steady", "--users", "12", "--pace-s", "0.5", "--run-time", "25s")
# So many sessions that began together that even the most cautious interval of what befell them all is narrow; and no
# session that begins after the one event (at 12 s) grows as old as those that it ended.
MANY = (*STEADY, "--users", "120", "--spawn-rate", "120", "--pace-s", "2", "--run-time", "20s")
RENEWED = (*STEADY, "--users", "36", "--token-ttl-s", "8")
# Where no connect gets through, a quarter of a minute says as much as an hour.
BRIEF = ("--scenario", "steady", "--users", "12", "--pace-s", "0.5", "--run-time", "15s")
# The first exchange comes at a random moment within the pace: sessions are cut at all ages from 5 to 10 s, and always
# after the same silence.
SLOW = ("--scenario", "steady", "--users", "24", "--pace-s", "7", "--run-time", "40s")
IDLE = ("--scenario", "idle", "--users", "24", "--heartbeat-s", "60", "--run-time", "25s")
IDLE_AND_BUSY = (*IDLE, "--scenario", "idle=2,steady=1", "--pace-s", "0.5")
STAGING = ("--protocol", "staging", "--operations", "ping")

NOTHING = Expected(also=frozenset())
SERVER = frozenset({"server"})
AUTH = frozenset({"auth"})
NO_AGE = ("age limit",)


def _server(*words: str, never: tuple[str, ...] = ()) -> Expected:
    return Expected(right=SERVER, words=words, never=never)


def _auth(*words: str) -> Expected:
    return Expected(right=AUTH, words=words, never=NO_AGE)


def _residual(*words: str, never: tuple[str, ...] = ()) -> Expected:
    """What nobody on this side can lay at anybody's door: only that some attempts fail and some do not."""
    return Expected(words=words, never=never)


def _no_road(*words: str) -> Expected:
    """No connect gets through, and the answer says why: none of the claims, but the words."""
    return Expected(also=frozenset(), words=words)


ROWS: tuple[Row, ...] = (
    Row("echo", "aiohttp", "", Setup(), NOTHING, MIXED),
    Row("echo-verify", "aiohttp", "", Setup("verify"), NOTHING, (*MIXED, "--scenario", "churn=2,steady=1,auth_probe")),
    Row("echo-renewal", "aiohttp", "", Setup("verify"), NOTHING, RENEWED),
    Row("echo-many", "aiohttp", "", Setup(), NOTHING, MANY),
    Row(
        "401-for-a-fifth",
        "aiohttp",
        "HTTP 401 for a fifth of the connects",
        Setup("refuse_fifth"),
        # Tokens that hold are refused: that some of them are is the server's doing, too.
        Expected(right=AUTH, also=frozenset({"intermittent", "server"}), words=("401",)),
        MIXED,
        "echo",
    ),
    Row(
        "close-4401",
        "aiohttp",
        "close 4401 right after the upgrade",
        Setup("close_4401"),
        _auth("4401"),
        STEADY,
        "echo",
    ),
    Row(
        "token-expires",
        "aiohttp",
        "close 4403 when the session's token ends, after 8 s",
        Setup("expire"),
        _auth("4403"),
        RENEWED,
        "echo-renewal",
    ),
    Row(
        "reason-token",
        "aiohttp",
        "close 1008 right after the upgrade, with the token in its reason",
        Setup("reason_token"),
        _auth("1008"),
        STEADY,
        "echo",
    ),
    Row(
        "reason-token-staging",
        "aiohttp",
        "the same, the token being a subprotocol",
        Setup("reason_token"),
        _auth("1008"),
        (*BRIEF, *STAGING),
        "echo",
    ),
    Row(
        "token-as-subprotocol",
        "aiohttp",
        "the subprotocol that it chooses is the one with the token",
        Setup("echo_subprotocol"),
        Expected(right=frozenset({"format"}), words=("subprotocol",)),
        (*BRIEF, *STAGING),
        "echo",
    ),
    Row(
        "404",
        "aiohttp",
        "HTTP 404 for all connects",
        Setup("not_found"),
        _no_road("404", "path"),
        BRIEF,
        "echo",
    ),
    Row(
        "one-reset",
        "aiohttp",
        "all sessions are reset at one moment",
        Setup("reset_all"),
        _residual("reset", never=NO_AGE),
        MANY,
        "echo-many",
    ),
    Row(
        "keepalive",
        "aiohttp",
        "deaf for 1 s, then close 1011 “keepalive ping timeout”: each session at its own time",
        Setup("keepalive"),
        _residual("keepalive", never=NO_AGE),
        (*STEADY, "--users", "36"),
        "echo",
    ),
    Row(
        "forged-accepted",
        "aiohttp",
        "any token is accepted",
        Setup(),
        _residual("forged tokens are accepted", never=("misread",)),
        (*MIXED, "--scenario", "churn=2,steady=1,auth_probe"),
        "echo-verify",
    ),
    Row(
        "closed-port",
        "aiohttp",
        "nothing listens for 6 s: each SYN is answered by a RST",
        Setup("closed_port"),
        _residual("refused"),
        MIXED,
        "echo",
    ),
    Row(
        "silent-operation",
        "aiohttp",
        "one request in five is of an operation that is never answered",
        Setup("silent_operation"),
        Expected(right=frozenset({"format"}), words=("chat",)),
        (*MIXED, "--users", "24", "--operations", "ping=4,chat=1"),
        "echo",
    ),
    Row(
        "slow-accept",
        "aiohttp",
        "three upgrades in ten come after the budget",
        Setup("slow_accept"),
        Expected(also=frozenset({"intermittent", "server"}), words=("upgrade",)),
        (*STEADY, "--scenario", "churn=2,steady=1", "--arrival", "poisson:6"),
        "echo",
    ),
    Row("tls", "aiohttp, TLS", "", Setup(certificate="good"), NOTHING, MIXED),
    Row(
        "tls-other-name",
        "aiohttp, TLS",
        "the certificate is for another name",
        Setup(certificate="other name"),
        _no_road("not valid for", "127.0.0.1"),
        BRIEF,
        "tls",
    ),
    Row(
        "tls-expired",
        "aiohttp, TLS",
        "the certificate has expired",
        Setup(certificate="expired"),
        _no_road("expired"),
        BRIEF,
        "tls",
    ),
    Row(
        "tls-unknown-ca",
        "aiohttp, TLS",
        "the certificate is of a CA that nobody trusts",
        Setup(certificate="unknown CA"),
        _no_road("issuer|self-signed|unknown CA"),
        BRIEF,
        "tls",
    ),
    Row("nginx", "nginx", "", Setup(proxy=Nginx()), NOTHING, MIXED),
    Row("nginx-slow", "nginx", "", Setup(proxy=Nginx()), NOTHING, SLOW),
    Row("nginx-calm", "nginx", "", Setup(proxy=Nginx()), NOTHING, IDLE_AND_BUSY),
    Row(
        "nginx-idle",
        "nginx",
        "proxy_read_timeout 5s, sessions with an exchange every 7 s",
        Setup(proxy=Nginx(read_timeout_s=5)),
        _server("idle limit", never=NO_AGE),
        SLOW,
        "nginx-slow",
    ),
    Row(
        "nginx-idle-and-busy",
        "nginx",
        "proxy_read_timeout 5s, busy sessions beside silent ones",
        Setup(proxy=Nginx(read_timeout_s=5)),
        _server("idle limit", never=NO_AGE),
        IDLE_AND_BUSY,
        "nginx-calm",
    ),
    Row(
        "nginx-idle-only",
        "nginx",
        "proxy_read_timeout 5s, sessions that say nothing at all: their age is their silence",
        Setup(proxy=Nginx(read_timeout_s=5)),
        Expected(also=frozenset({"intermittent", "server"}), words=("idle",)),
        IDLE,
        "nginx-calm",
    ),
    Row(
        "nginx-no-upgrade",
        "nginx",
        "the Upgrade header is not passed: the server answers 400",
        Setup(proxy=Nginx(passes_upgrade=False)),
        _no_road("400", "upgrade"),
        BRIEF,
        "nginx",
    ),
    Row("nginx-502", "nginx", "the server is down", Setup("", proxy=Nginx()), _server("502"), BRIEF, "nginx"),
    Row(
        "nginx-504",
        "nginx",
        "the server never answers the upgrade, proxy_read_timeout 1s",
        Setup("silent_upgrade", proxy=Nginx(read_timeout_s=1)),
        _server("504"),
        BRIEF,
        "nginx",
    ),
    Row(
        "nginx-limit",
        "nginx",
        "limit_conn of 6 for an address, 12 users",
        Setup(proxy=Nginx(most_connections=6)),
        _server("503"),
        STEADY,
        "nginx",
    ),
    Row("haproxy", "haproxy", "", Setup(proxy=Haproxy()), NOTHING, MIXED),
    Row("haproxy-calm", "haproxy", "", Setup(proxy=Haproxy()), NOTHING, IDLE_AND_BUSY),
    Row(
        "haproxy-idle",
        "haproxy",
        "timeout tunnel 5s, busy sessions beside silent ones",
        Setup(proxy=Haproxy(tunnel_timeout_s=5)),
        _server("idle limit", never=NO_AGE),
        IDLE_AND_BUSY,
        "haproxy-calm",
    ),
    Row("haproxy-tls", "haproxy, TLS", "", Setup(proxy=Haproxy(), certificate="good"), NOTHING, MIXED),
    Row(
        "haproxy-client-certificate",
        "haproxy, TLS",
        "the client has to show a certificate, and has none",
        Setup(proxy=Haproxy(), certificate="client wanted"),
        _no_road("client certificate|certificate required"),
        BRIEF,
        "haproxy-tls",
    ),
    Row(
        "haproxy-late-replies",
        "haproxy",
        "the server's replies are late half of the time",
        Setup("slow_replies", proxy=Haproxy()),
        _server("ping"),
        MIXED,
        "haproxy",
    ),
    Row(
        "haproxy-flapping",
        "haproxy",
        "the server's health comes and goes: 503 while it is away",
        Setup("flapping", proxy=Haproxy(checks_health=True)),
        _server("503"),
        (*MIXED, "--run-time", "30s"),
        "haproxy",
    ),
)
BY_NAME = {row.name: row for row in ROWS}
# What CI runs of it: proxies, and servers that refuse.
IN_CI = (
    *("nginx", "nginx-calm", "nginx-idle-and-busy", "nginx-no-upgrade", "nginx-502", "nginx-504", "nginx-limit"),
    *("haproxy", "haproxy-calm", "haproxy-idle", "haproxy-flapping"),
    *("echo", "echo-renewal", "close-4401", "token-expires", "reason-token", "reason-token-staging"),
    *("token-as-subprotocol", "tls", "tls-other-name", "tls-expired", "tls-unknown-ca"),
)
