"""nginx and haproxy in front of a server, as child processes in a folder of their own.

A configuration is a pure function of what is asked for; the programs come from the system, and a sentence says so
where they are missing.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.kit.children import LOOPBACK, NotStarted, child, free_port, wait_until_it_listens
from tests.kit.programs import found

# A free port may be taken before the program listens on it.
TRIES = 3


class Nginx(NamedTuple):
    """What nginx is told.

    Attributes:
        read_timeout_s: `proxy_read_timeout`; 60 is nginx's default.
        passes_upgrade: Whether it passes the headers that ask for a WebSocket.
        most_connections: `limit_conn` for one address; None = no limit.
        shutdown_timeout_s: `worker_shutdown_timeout`: how long after a reload the old workers keep their sessions;
            None = for ever.
        log_format: Of its access log; empty = its default.
    """

    read_timeout_s: int = 60
    passes_upgrade: bool = True
    most_connections: int | None = None
    shutdown_timeout_s: int | None = None
    log_format: str = ""

    @property
    def program(self) -> str:
        """Its name, as on a command line."""
        return "nginx"

    @property
    def file(self) -> str:
        """The name of its configuration."""
        return "nginx.conf"

    def configuration(self, port: int, upstream: int, folder: Path) -> str:
        """The file `nginx.conf`."""
        upgrade = (
            "proxy_set_header Upgrade $http_upgrade;\n            proxy_set_header Connection $connection_upgrade;"
            if self.passes_upgrade
            else "# Upgrade is hop-by-hop (RFC 9110, section 7.6.1): it is not passed on by itself."
        )
        most = self.most_connections
        limit = "" if most is None else f"limit_conn address {most};"
        shutdown = self.shutdown_timeout_s
        patience = "" if shutdown is None else f"worker_shutdown_timeout {shutdown}s;"
        access = f"log_format own {self.log_format};\n    " if self.log_format else ""
        own = " own" if self.log_format else ""
        return f"""\
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
{patience}
events {{ worker_connections 512; }}
http {{
    {access}access_log {folder}/access.log{own};
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    limit_conn_zone $binary_remote_addr zone=address:1m;
    server {{
        listen {LOOPBACK}:{port};
        location /ws {{
            proxy_pass http://{LOOPBACK}:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            {upgrade}
            proxy_read_timeout {self.read_timeout_s}s;
            {limit}
        }}
        location / {{ proxy_pass http://{LOOPBACK}:{upstream}; }}
    }}
}}
"""

    def command(self, file: Path) -> list[str]:
        """Run it in the foreground; until its own log is open it would write into the system's."""
        return [*self._at(file), "-g", "daemon off;"]

    def reload(self, folder: Path) -> None:
        """Have the one that runs in the folder start new workers, and the old ones take no more connections.

        Raises:
            NotStarted: None runs there.
        """
        command = [*self._at(folder / self.file), "-s", "reload"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotStarted(f"nginx was not reloaded: {done.stderr.strip()}")

    def _at(self, file: Path) -> list[str]:
        errors = str(file.with_name("error.log"))
        return [found(self.program), "-p", str(file.parent), "-c", str(file), "-e", errors]


class Haproxy(NamedTuple):
    """What haproxy is told.

    Attributes:
        tunnel_timeout_s: `timeout tunnel`: how long an upgraded session may be silent both ways; None = it is not
            set, and the timeouts of client and server hold for such sessions, too.
        client_timeout_s: `timeout client`: how long a client may be silent.
        most_connections: `maxconn` of the server: what is beyond waits in a queue; None = no limit.
        queue_timeout_s: `timeout queue`: who waits longer is answered with HTTP 503.
        checks_health: Whether it asks the server's health page and sends nobody there while it is down.
        certificate: A file with a certificate and its key: it speaks TLS; empty = it does not.
        clients_of: A file with a CA: clients must show a certificate of it; empty = they need none.
    """

    tunnel_timeout_s: int | None = 60
    client_timeout_s: int = 30
    most_connections: int | None = None
    queue_timeout_s: int = 30
    checks_health: bool = False
    certificate: str = ""
    clients_of: str = ""

    @property
    def program(self) -> str:
        """Its name, as on a command line."""
        return "haproxy"

    @property
    def file(self) -> str:
        """The name of its configuration."""
        return "haproxy.cfg"

    def configuration(self, port: int, upstream: int, folder: Path) -> str:
        """The file `haproxy.cfg`."""
        checked = " check inter 500ms fall 2 rise 2" if self.checks_health else ""
        asked = "option httpchk GET /health" if self.checks_health else ""
        secured = f" ssl crt {self.certificate}" if self.certificate else ""
        secured += f" ca-file {self.clients_of} verify required" if self.clients_of else ""
        tunnel, most = self.tunnel_timeout_s, self.most_connections
        tunneled = "" if tunnel is None else f"timeout tunnel {tunnel}s"
        limited = "" if most is None else f" maxconn {most}"
        return f"""\
global
    log stdout format raw local0
    maxconn 512
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client {self.client_timeout_s}s
    timeout server 30s
    timeout queue {self.queue_timeout_s}s
    {tunneled}
frontend soaked
    bind {LOOPBACK}:{port}{secured}
    default_backend servers
backend servers
    {asked}
    server one {LOOPBACK}:{upstream}{checked}{limited}
"""

    def command(self, file: Path) -> list[str]:
        """Run it in the foreground."""
        return [found(self.program), "-db", "-f", str(file)]


Proxy = Nginx | Haproxy


def why_missing(proxy: Proxy) -> str:
    """Why it cannot run here, in a sentence; empty: it can."""
    if found(proxy.program):
        return ""
    return f"{proxy.program} is not installed (Debian: apt-get install {proxy.program})."


@contextlib.contextmanager
def proxy_before(upstream: int, proxy: Proxy, folder: Path) -> Iterator[int]:
    """The port of a proxy in front of a server on this machine; its configuration and logs are in the folder.

    Raises:
        NotStarted: It is missing, or does not take its configuration.
    """
    reason = why_missing(proxy)
    if reason:
        raise NotStarted(reason)
    log = folder / f"{proxy.program}.log"
    file = folder / proxy.file
    with contextlib.ExitStack() as stack:
        for left in reversed(range(TRIES)):
            port = free_port()
            file.write_text(proxy.configuration(port, upstream, folder), encoding="utf-8")
            running = contextlib.ExitStack()
            process = running.enter_context(child(proxy.command(file), log))
            try:
                wait_until_it_listens(process, port, log)
            except NotStarted:
                running.close()
                if not left:
                    raise
            else:
                stack.enter_context(running)
                break
        yield port
