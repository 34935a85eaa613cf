"""What a row of the lab is made of."""

from __future__ import annotations

from typing import NamedTuple

from lab.judge import Expected
from tests.kit.proxies import Proxy
from tests.kit.trouble import HEALTHY, Trouble


class Spell(NamedTuple):
    """What happens on the way between a client's host and the server's.

    Attributes:
        trouble: Of the router between them.
        from_s: When it begins, in seconds since the first session.
        for_s: How long it lasts; None = to the end.
    """

    trouble: Trouble = HEALTHY
    from_s: float = 0.0
    for_s: float | None = None


class Setup(NamedTuple):
    """What stands where the soak goes.

    Attributes:
        mode: Of the server (`tests.kit.servers`); empty = nothing listens.
        proxy: What stands before it.
        certificate: Of which kind the certificate is (`lab.parts.CERTIFICATES`) of the server, or of the haproxy
            before it; empty = no TLS.
        maker: Of the server.
        spell: What happens on the way; None = there is none: all is on this machine.
        reload_at_s: When nginx is reloaded, in seconds since the first session; None = never.
        path: Of the URL.
    """

    mode: str = "echo"
    proxy: Proxy | None = None
    certificate: str = ""
    maker: str = "aiohttp"
    spell: Spell | None = None
    reload_at_s: float | None = None
    path: str = "/ws"


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
