"""Wine: whether it is here, how to get it, and how a Windows program is started under it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from windows.errors import Unavailable
from windows.places import Places

# Command that must be found -> the Debian or Ubuntu package that brings it. wine64 alone has no `wine` command.
APT_PACKAGES = {"wine": ("wine", "wine64"), "wineserver": ("wine",), "osslsigncode": ("osslsigncode",)}


def missing_packages() -> list[str]:
    """The apt packages that are still needed, sorted."""
    return sorted({p for command, needs in APT_PACKAGES.items() if find(command) is None for p in needs})


def find(command: str) -> str | None:
    """The path of a command. Debian keeps `wineserver` out of the search path, beside Wine's own files."""
    return shutil.which(command) or shutil.which(command, path="/usr/lib/wine")


def require(*, install: bool) -> None:
    """Make sure that Wine and osslsigncode are here, installing them only where that was asked for.

    Raises:
        Unavailable: If they are not, with the reason and the way out.
    """
    packages = missing_packages()
    if packages and install:
        _apt_install(packages)
        packages = missing_packages()
    if packages:
        names = " ".join(packages)
        raise Unavailable(
            f"Wine cannot be used here: {names} missing. On Debian or Ubuntu (64-bit x86) run `apt-get install "
            f"--no-install-recommends {names}`, or as root `python -m windows.build --install-wine`."
        )


def _apt_install(packages: Sequence[str]) -> None:
    if shutil.which("apt-get") is None:
        raise Unavailable(
            "Wine cannot be installed here: there is no apt-get; this build knows Debian and Ubuntu only."
        )
    if os.geteuid() != 0:
        raise Unavailable(f"Wine cannot be installed without root: run `sudo apt-get install {' '.join(packages)}`.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            last = done.stdout.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
            raise Unavailable(f"Wine cannot be installed: `apt-get {' '.join(command)}` failed: {last[0]}")


def environment(places: Places, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a Windows program: this one's, Wine's own folder, and `extra`.

    Byte code goes to a folder of its own, because the Windows CPython and this one would overwrite each other's. It is
    written even where this environment asks for none: without it each start of Locust compiles 600 files.
    """
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "WINEPREFIX": str(places.prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",  # no offer to fetch .NET or a browser engine
        "PYTHONPYCACHEPREFIX": windows_path(places.base / "pycache"),
        "PYTHONUTF8": "1",
        # libuv, gevent's default on Windows, lets the kernel write into a poll's memory until its completion comes.
        # Wine 8 writes after that: seen as a damaged heap after some hundred sockets. libev polls with select.
        "GEVENT_LOOP": "libev-cext",
        **(extra or {}),
    }


def call(places: Places, command: str, *arguments: str) -> None:
    """Run one of Wine's own commands to its end, whatever it says.

    Raises:
        subprocess.TimeoutExpired: After 300 s; the slowest of them, the first start, takes about ten.
    """
    subprocess.run(
        [find(command) or command, *arguments],
        env=environment(places),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )


def windows_path(path: Path) -> str:
    """How a Windows program under Wine names a file of this machine (drive Z: is the root)."""
    return "Z:" + str(path.resolve()).replace("/", "\\")


def python_command(places: Places, arguments: Sequence[str]) -> list[str]:
    """The command that runs the Windows CPython.

    Start it with pipes for its output and the null device for its input: on a plain file Wine hands CPython an
    invalid handle, and it dies before its first line.
    """
    return [find("wine") or "wine", str(places.interpreter), *arguments]
