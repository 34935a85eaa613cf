"""Fingerprints of made-up machines, and of this one."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from scenarios.errors import ConfigError
from scenarios.machine.fingerprint import (
    Fingerprint,
    asyncio_loop_name,
    fingerprint,
    host_hash,
    library_versions,
    machine_identity,
    platform_name,
    surroundings,
    worker_facts,
)

# On Windows the real Wine and registry answer beside these files.
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="made-up machines are made of /proc and /sys")


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("--", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@posix_only
def test_a_plain_machine_shows_nothing_around_it(tmp_path: Path) -> None:
    machine(tmp_path, sys__class__dmi__id__sys_vendor="LENOVO\n", proc__1__cgroup="0::/init.scope\n")
    assert surroundings(tmp_path, {}) == ()


@posix_only
def test_a_container_in_a_virtual_machine_shows_both(tmp_path: Path) -> None:
    machine(tmp_path, sys__class__dmi__id__sys_vendor="QEMU\n", **{".dockerenv": ""})
    assert surroundings(tmp_path, {}) == ("container", "VM (QEMU)")


@posix_only
def test_a_pod_is_a_container(tmp_path: Path) -> None:
    assert surroundings(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == ("container",)


@posix_only
def test_wsl_is_named(tmp_path: Path) -> None:
    machine(tmp_path, proc__sys__kernel__osrelease="5.15.90.1-microsoft-standard-WSL2\n")
    assert surroundings(tmp_path, {})[0] == "WSL"


@posix_only
def test_a_hypervisor_that_firmware_hides_shows_in_the_processor_flags(tmp_path: Path) -> None:
    machine(tmp_path, proc__cpuinfo="flags : fpu vme hypervisor lahf_lm\n")
    assert surroundings(tmp_path, {}) == ("VM",)


def test_containers_of_one_machine_are_one_host(tmp_path: Path) -> None:
    one = machine(tmp_path / "a", proc__sys__kernel__random__boot_id="b-1\n", **{"etc__machine-id": "m-1"})
    two = machine(tmp_path / "b", proc__sys__kernel__random__boot_id="b-1\n", **{"etc__machine-id": "m-2"})
    assert machine_identity(one, in_container=True) == machine_identity(two, in_container=True)
    assert machine_identity(one, in_container=False) != machine_identity(two, in_container=False)


def test_a_host_is_a_salted_hash_of_its_identity_and_platform() -> None:
    plain = host_hash("m-1/pc", "Linux", {})
    assert plain == host_hash("m-1/pc", "Linux", {})
    assert len({plain, host_hash("m-1/pc", "Windows", {}), host_hash("m-1/pc", "Linux", {"SOAK_HOST_SALT": "s"})}) == 3
    assert "pc" not in plain and len(plain) == 16


def test_this_machine_can_be_told_and_written_down() -> None:
    here = fingerprint()
    assert here.platform in ("Windows", "Linux", "macOS")
    assert here.machine in here.detail
    assert 0.0 < here.perf_counter_step_s <= here.monotonic_step_s < 1.0
    assert msgspec.json.decode(msgspec.json.encode(here), type=Fingerprint) == here


def test_a_fingerprint_tells_no_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setattr(platform, "node", lambda: "a-laptop-with-its-owners-name")
    monkeypatch.setenv("SOAK_HOST_SALT", "a-salt-that-nobody-may-guess")
    written = msgspec.json.encode(fingerprint())
    assert b"owners-name" not in written and b"guess" not in written
    assert msgspec.json.decode(written, type=Fingerprint).host != before.host


def test_what_tcp_does_is_written_with_its_names() -> None:
    tcp = msgspec.json.decode(msgspec.json.encode(fingerprint()))["tcp"]
    assert set(tcp) == {"ephemeral_ports", "syn_retries", "time_wait_s", "reuses_time_wait"}


def test_a_label_makes_a_rehearsal() -> None:
    here = fingerprint()
    real = worker_facts(run_id="r", worker="w", seen=here)
    assert (real.platform, real.simulated, real.site) == (here.platform, False, None)
    label = worker_facts(run_id="r", worker="w", site="lab", platform_label="macOS", seen=here)
    assert (label.platform, label.simulated, label.site) == ("macOS", True, "lab")
    assert label.platform_detail == here.detail


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--platform-label 'Window' is not known: did you mean 'Windows'"):
        worker_facts(run_id="r", worker="w", platform_label="Window")


def test_darwin_is_macos() -> None:
    assert platform_name("Darwin") == "macOS"


def test_loops_are_named_as_the_record_names_them() -> None:
    loop = asyncio.SelectorEventLoop()
    assert asyncio_loop_name(loop) == "asyncio-selector"
    loop.close()
    proactor = type("ProactorEventLoop", (), {})
    assert asyncio_loop_name(proactor()) == "asyncio-proactor"


def test_versions_are_read_without_importing_anything() -> None:
    program = (
        "import sys\n"
        "from scenarios.machine.fingerprint import library_versions\n"
        "print(library_versions()['locust'], sorted({'locust', 'gevent', 'numpy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == f"{library_versions()['locust']} []"
