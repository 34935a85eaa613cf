"""The npm packages of the kit's Node server, installed once from the lock file beside it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.kit.children import ROOT, NotStarted
from tests.kit.programs import found

FOLDER = Path(__file__).parent / "node"
LISTS = ("package.json", "package-lock.json")
CACHE = ROOT / "build" / "node"
PATIENCE_S = 120.0


@functools.cache
def node_modules() -> Path:
    """The folder of the packages; they are fetched unless these very versions are there.

    Raises:
        NotStarted: node or npm is missing, or the packages cannot be fetched.
    """
    for program in ("node", "npm"):
        if not found(program):
            package = {"node": "nodejs"}.get(program, program)
            raise NotStarted(f"{program} is not installed (Debian: apt-get install {package}).")
    lists = [(FOLDER / name).read_bytes() for name in LISTS]
    folder = CACHE / hashlib.sha256(b"".join(lists)).hexdigest()[:12]
    if not folder.is_dir():
        _install(folder)
    return folder / "node_modules"


def why_missing() -> str:
    """Why the packages cannot be here, in a sentence; empty: they are."""
    try:
        node_modules()
    except NotStarted as problem:
        return str(problem)
    return ""


def _install(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for name in LISTS:
            shutil.copy(FOLDER / name, made)
        command = [found("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise NotStarted(f"npm ci took longer than {PATIENCE_S:g} s.") from None
        if done.returncode:
            raise NotStarted(f"npm ci failed: {' '.join(done.stderr.split())[-200:]}")
        # Another process may have been faster: its folder is as good.
        with contextlib.suppress(OSError):
            os.rename(made, folder)
