"""Paths of the Windows CPython and its Wine: one folder that git ignores and `rm -r` removes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Places:
    """The folders of one build."""

    base: Path = ROOT / ".wine"

    @property
    def downloads(self) -> Path:
        """Files as they were fetched; one that is put here by hand is used if its digest is the pinned one."""
        return self.base / "downloads"

    @property
    def home(self) -> Path:
        """Python's own folder, laid out as a Windows installation is: `python.exe`, `Lib` and so on."""
        return self.base / "python"

    @property
    def interpreter(self) -> Path:
        """The Windows `python.exe`."""
        return self.home / "python.exe"

    @property
    def site(self) -> Path:
        """Where the Windows wheels are unpacked."""
        return self.home / "Lib" / "site-packages"

    @property
    def prefix(self) -> Path:
        """Wine's own registry and C: drive."""
        return self.base / "prefix"

    @property
    def stamp(self) -> Path:
        """What the finished build was made of (JSON); absent while it is unfinished."""
        return self.base / "built.json"
