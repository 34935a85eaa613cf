"""What a router between two hosts does to their packets, as nft rules and settings of its kernel.

All that is dropped or refused is dropped or refused on the way: neither host's kernel knows anything of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# The router's ports are named after whom they lead to.
CLIENT = "client"
SERVER = "server"
# What is silent for longer than this is forgotten by a firewall that forgets.
FORGETS_AFTER_S = 5

IS_SYN = "tcp flags & (syn | ack) == syn"


class Trouble(NamedTuple):
    """One kind of trouble.

    Attributes:
        rules: What is done to each packet that passes, in nft's language; the first rule that says an end decides.
        settings: Of the router's kernel, as `sysctl` names them.
    """

    rules: tuple[str, ...] = ()
    settings: Mapping[str, int] = MappingProxyType({"net.ipv4.ip_forward": 1})

    def script(self) -> str:
        """The whole table; it takes the place of the one before at one moment."""
        # The first rule drops nothing: a kernel keeps track of connections only while a rule asks it to, and those
        # that began before are to be known as such.
        rules = "".join(f"        {rule}\n" for rule in ("ct state invalid counter", *self.rules))
        return f"""\
table inet way
delete table inet way
table inet way {{
    chain passing {{
        type filter hook forward priority filter; policy accept;
{rules}\
    }}
}}
"""


HEALTHY = Trouble()
LOSS = Trouble(("numgen random mod 100 < 5 drop",))
# Answers alone, for what is shorter are acknowledgements and the pongs that a check asks for.
LOST_ANSWERS = Trouble((f'iifname "{SERVER}" meta length > 80 numgen random mod 100 < 5 drop',))
BLACKHOLE = Trouble(("drop",))
DEAF_SERVER = Trouble((f'iifname "{CLIENT}" drop',))
DEAF_CLIENT = Trouble((f'iifname "{SERVER}" drop',))
# Connections older than the rule are reset as soon as one side says something; later ones are marked, and pass.
RESET = Trouble((f"{IS_SYN} ct mark set 1", "ct mark != 1 meta l4proto tcp reject with tcp reset"))
REFUSED = Trouble((f'iifname "{CLIENT}" {IS_SYN} reject with tcp reset',))
# As many NAT gateways do it: silence ends the memory of a connection, not the connection. Without `loose` a packet in
# the middle of a connection that is not known begins none.
FORGETS = Trouble(
    ("ct state invalid drop",),
    {
        **HEALTHY.settings,
        "net.netfilter.nf_conntrack_tcp_loose": 0,
        "net.netfilter.nf_conntrack_tcp_timeout_established": FORGETS_AFTER_S,
    },
)
