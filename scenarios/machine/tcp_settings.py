"""The operating system's TCP settings that decide how long a connect waits and how many there can be.

Linux tells through /proc, macOS through sysctl, Windows through netsh and the registry. What a platform
does not tell is None; reading never fails and never takes longer than a few seconds.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

# Windows Vista and later, and macOS: the IANA dynamic range (RFC 6335, section 6).
IANA_DYNAMIC: Final = (49_152, 65_535)
# TIME_WAIT: Linux's TCP_TIMEWAIT_LEN is fixed; macOS has 2 x 15 s; Windows 120 s where nobody set
# TcpTimedWaitDelay.
_LINUX_TIME_WAIT_S: Final = 60.0
_MACOS_TIME_WAIT_S: Final = 30.0
_WINDOWS_TIME_WAIT_S: Final = 120.0

_COMMAND_TIMEOUT_S: Final = 5.0


class TcpSettings(msgspec.Struct, frozen=True):
    """What this host's TCP does by itself; None = the platform does not tell.

    Attributes:
        ephemeral_ports: First and last local port for outgoing connections.
        syn_retries: How often an unanswered SYN is sent again before the connect fails.
        time_wait_s: How long the side that closed first keeps the port.
        reuses_time_wait: Whether a new outgoing connection may take over a port that was in TIME_WAIT for
            a second: yes, no, or loopback (there only; Linux's default).
    """

    ephemeral_ports: tuple[int, int] | None = None
    syn_retries: int | None = None
    time_wait_s: float | None = None
    reuses_time_wait: str | None = None


UNTOLD: Final = TcpSettings()


def tcp_settings() -> TcpSettings:
    """This host's settings."""
    if sys.platform == "win32":
        return windows_settings(
            _output("netsh", "interface", "ipv4", "show", "dynamicport", "tcp"),
            registry_number(_TCPIP, "TcpTimedWaitDelay"),
            registry_number(_TCPIP, "TcpMaxConnectRetransmissions"),
        )
    if sys.platform == "darwin":
        names = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
        return macos_settings(_output("sysctl", "-n", *names))
    return linux_settings(Path("/proc/sys/net/ipv4"))


def linux_settings(folder: Path) -> TcpSettings:
    """Read /proc/sys/net/ipv4 (ip-sysctl in the kernel's documentation)."""
    span = _numbers(_text(folder / "ip_local_port_range"))
    retries = _numbers(_text(folder / "tcp_syn_retries"))
    reuse = _text(folder / "tcp_tw_reuse").strip()
    return TcpSettings(
        ephemeral_ports=(span[0], span[1]) if len(span) == 2 else None,
        syn_retries=retries[0] if retries else None,
        time_wait_s=_LINUX_TIME_WAIT_S,
        reuses_time_wait={"0": "no", "1": "yes", "2": "loopback"}.get(reuse),
    )


def macos_settings(sysctl: str) -> TcpSettings:
    """Read the two numbers that `sysctl -n` prints."""
    span = _numbers(sysctl)
    return TcpSettings(
        ephemeral_ports=(span[0], span[1]) if len(span) == 2 else IANA_DYNAMIC,
        syn_retries=None,
        time_wait_s=_MACOS_TIME_WAIT_S,
        reuses_time_wait="no",
    )


def windows_settings(netsh: str, timed_wait_delay: int | None, retransmissions: int | None) -> TcpSettings:
    """Read netsh's answer: its last two numbers are the first port and how many there are, in any language."""
    numbers = _numbers(netsh)
    first, count = numbers[-2:] if len(numbers) >= 2 else (0, 0)
    known = 1024 <= first <= 65_535 and 0 < count <= 65_536 - first
    return TcpSettings(
        ephemeral_ports=(first, first + count - 1) if known else IANA_DYNAMIC,
        syn_retries=retransmissions,
        time_wait_s=float(timed_wait_delay) if timed_wait_delay else _WINDOWS_TIME_WAIT_S,
        reuses_time_wait="no",
    )


_TCPIP: Final = r"SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"


def registry_number(key: str, name: str) -> int | None:
    """A DWORD under HKEY_LOCAL_MACHINE; None where there is none, or no registry."""
    value = registry_value(key, name)
    return value if isinstance(value, int) else None


def registry_value(key: str, name: str) -> object:
    """Any value under HKEY_LOCAL_MACHINE; None where there is none, or no registry."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            value: object = winreg.QueryValueEx(opened, name)[0]
            return value
    except OSError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _numbers(text: str) -> Sequence[int]:
    return [int(word) for word in re.findall(r"\d+", text)]


def _output(*command: str) -> str:
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ran.stdout if ran.returncode == 0 else ""
