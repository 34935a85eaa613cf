"""The platform that a row was measured on, as an experimenter must know it to compare two of them.

`platform` is the operating system. A Windows that is Wine, a Linux that is WSL, a host that is a container
or a virtual machine say so in `platform_detail`. A host is named by a salted hash.
"""

from __future__ import annotations

import hashlib
import os
import platform
import ssl
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from attempts.schema import WorkerFacts
from scenarios.errors import unknown_name
from scenarios.machine.tcp_settings import TcpSettings, registry_value, tcp_settings
from scenarios.version import VERSION

PLATFORMS: Final = ("Windows", "Linux", "macOS")

# Its default keeps hosts comparable between runs; a site that wants hashes nobody can test a host name
# against sets its own.
SALT_VARIABLE: Final = "SOAK_HOST_SALT"
_SALT: Final = "wsoak-host"

# What a row's timing can depend on; read from the packages' metadata, so nothing is imported for it.
_LIBRARIES: Final = (
    "locust",
    "gevent",
    "greenlet",
    "websocket-client",
    "wsaccel",
    "websockets",
    "uvloop",
    "PyJWT",
    "cryptography",
    "msgspec",
    "orjson",
    "psutil",
    "geventhttpclient",
)

_HYPERVISORS: Final = (
    ("qemu", "QEMU"),
    ("kvm", "KVM"),
    ("vmware", "VMware"),
    ("virtualbox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("xen", "Xen"),
    ("parallels", "Parallels"),
    ("amazon ec2", "EC2"),
    ("google compute engine", "Google Compute Engine"),
    ("microsoft corporation virtual machine", "Hyper-V"),
    ("openstack", "OpenStack"),
    ("bochs", "Bochs"),
)


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """One host and interpreter; None = not told.

    Attributes:
        platform: Windows, Linux or macOS.
        release, build, machine: Of the operating system; `build` is the kernel's or Windows' own version.
        under: What it runs in, outermost last: Wine 8.0, WSL, container, VM (KVM); empty = nothing shows.
        python: Version; `implementation` its name.
        tls: The TLS library.
        monotonic_step_s: Resolution of the clock that timers use (15.6 ms on Windows).
        perf_counter_step_s: Resolution of the clock that measures.
        tcp: Settings of the host's TCP.
        host: Salted hash of the machine.
    """

    platform: str
    release: str
    build: str
    machine: str
    under: tuple[str, ...]
    python: str
    implementation: str
    tls: str
    monotonic_step_s: float
    perf_counter_step_s: float
    tcp: TcpSettings
    host: str

    @property
    def detail(self) -> str:
        """For the column `platform_detail`: release, build, machine, and what it runs in."""
        return ", ".join(filter(None, (self.release, self.build, self.machine, *self.under)))


def fingerprint(*, root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Fingerprint:
    """This host's fingerprint. `root` is where /proc, /sys and /etc are."""
    name = platform_name()
    under = surroundings(root, environment)
    return Fingerprint(
        platform=name,
        release=_release(name, root),
        build=platform.version() if name == "Windows" else f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        under=under,
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        tls=ssl.OPENSSL_VERSION,
        monotonic_step_s=time.get_clock_info("monotonic").resolution,
        perf_counter_step_s=time.get_clock_info("perf_counter").resolution,
        tcp=tcp_settings(),
        host=host_hash(machine_identity(root, in_container="container" in under), name, environment),
    )


def worker_facts(
    *,
    run_id: str,
    worker: str,
    site: str | None = None,
    platform_label: str | None = None,
    seen: Fingerprint | None = None,
) -> WorkerFacts:
    """What is true of every row of this process.

    Args:
        run_id: The run.
        worker: This boot's own random id.
        site: The network it goes out through.
        platform_label: Rehearsals only: put on instead of the real platform; rows are then `simulated`.
        seen: The host; None = this one.

    Raises:
        ConfigError: If the label is no platform.
    """
    if platform_label and platform_label not in PLATFORMS:
        raise unknown_name("--platform-label", platform_label, PLATFORMS)
    here = seen or fingerprint()
    return WorkerFacts(
        run_id=run_id,
        worker=worker,
        platform=platform_label or here.platform,
        platform_detail=here.detail,
        python=here.python,
        host=here.host,
        site=site or None,
        simulated=bool(platform_label),
    )


def platform_name(system: str = "") -> str:
    """Windows, Linux or macOS (or what another system calls itself)."""
    system = system or platform.system()
    return {"Darwin": "macOS"}.get(system, system)


def gevent_loop_name() -> str:
    """gevent-libev or gevent-libuv: the loop of this thread's hub."""
    import gevent

    module = type(gevent.get_hub().loop).__module__
    return "gevent-libuv" if "libuv" in module else "gevent-libev"


def asyncio_loop_name(loop: object) -> str:
    """asyncio-proactor, asyncio-selector or uvloop."""
    kind = type(loop)
    if kind.__module__.split(".")[0] == "uvloop":
        return "uvloop"
    return "asyncio-proactor" if "Proactor" in kind.__name__ else "asyncio-selector"


def library_versions() -> dict[str, str]:
    """Versions of wsoak and of what a row's timing can depend on; libraries that are not installed are left out."""
    found = {"wsoak": VERSION, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def surroundings(root: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What this system shows of running inside something else, innermost first."""
    return tuple(filter(None, (_wine(), _wsl(root), _container(root, environment), _hypervisor(root))))


def machine_identity(root: Path, *, in_container: bool) -> str:
    """What tells this machine from others: its id and name; in a container, the kernel's boot.

    Containers of one machine share a kernel, and with it every stall: they are one host.
    """
    if in_container and (boot := _text(root / "proc/sys/kernel/random/boot_id")):
        return boot
    registered = registry_value(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid")
    machine_id = _text(root / "etc/machine-id") or (registered if isinstance(registered, str) else "")
    return f"{machine_id}/{platform.node()}"


def host_hash(identity: str, platform_of_it: str, environment: Mapping[str, str]) -> str:
    """16 hexadecimal digits of a salted hash; the same machine under two platforms is two hosts."""
    return salted(f"{platform_of_it}/{identity}", environment)


def salted(identity: str, environment: Mapping[str, str]) -> str:
    """16 hexadecimal digits of a salted hash: the same everywhere, unless a site has a salt of its own."""
    salt = environment.get(SALT_VARIABLE) or _SALT
    return hashlib.sha256(f"{salt}/{identity}".encode()).hexdigest()[:16]


def _release(name: str, root: Path) -> str:
    if name == "macOS":
        return f"macOS {platform.mac_ver()[0]}"
    if name == "Windows":
        return f"Windows {platform.release()}"
    fields = dict(
        line.partition("=")[::2] for line in _text(root / "etc/os-release").splitlines() if not line.startswith("#")
    )
    return fields.get("PRETTY_NAME", name).strip("\"'")


def _wine() -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    try:
        tell = ctypes.WinDLL("ntdll").wine_get_version
    except (OSError, AttributeError):
        return ""
    tell.restype = ctypes.c_char_p
    return f"Wine {(tell() or b'').decode()}".strip()


def _wsl(root: Path) -> str:
    return "WSL" if "microsoft" in _text(root / "proc/sys/kernel/osrelease").lower() else ""


def _container(root: Path, environment: Mapping[str, str]) -> str:
    marks = ("docker", "kubepods", "containerd", "libpod", "lxc")
    shows = (
        (root / ".dockerenv").exists()
        or (root / "run/.containerenv").exists()
        or bool(_text(root / "run/systemd/container"))
        or bool(environment.get("container") or environment.get("KUBERNETES_SERVICE_HOST"))
        or any(mark in _text(root / "proc/1/cgroup") for mark in marks)
    )
    return "container" if shows else ""


def _hypervisor(root: Path) -> str:
    firmware = " ".join(_text(root / f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
    if not firmware.strip():
        bios = r"HARDWARE\DESCRIPTION\System\BIOS"
        told = (registry_value(bios, name) for name in ("SystemManufacturer", "SystemProductName"))
        firmware = " ".join(value for value in told if isinstance(value, str))
    for mark, name in _HYPERVISORS:
        if mark in firmware.lower():
            return f"VM ({name})"
    # The kernel sets this flag wherever the processor admits to a hypervisor.
    return "VM" if " hypervisor" in _text(root / "proc/cpuinfo")[:8192] else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
