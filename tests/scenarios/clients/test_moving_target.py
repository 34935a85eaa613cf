"""Names that move and names with several addresses, in every client, by the resolver of the system."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.clients.moving_target import OLD
from tests.scenarios.clients.test_dialling import NAMES

ROOT = Path(__file__).parents[3]


@functools.cache
def why_no_namespace() -> str:
    """Why there can be no /etc/hosts of our own here, in a sentence; empty: there can."""
    if sys.platform != "linux":
        return "A mount namespace needs Linux."
    try:
        tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "A mount namespace needs unshare (util-linux)."
    return f"A mount namespace needs rights that are missing here: {tried.stderr.strip()}" if tried.returncode else ""


needs_namespace = pytest.mark.skipif(bool(why_no_namespace()), reason=why_no_namespace())


@pytest.mark.slow
@needs_namespace
@pytest.mark.parametrize("way", ["direct", "relay"])
@pytest.mark.parametrize("client", NAMES)
def test_a_name_is_followed_and_all_its_addresses_are_used(client: str, way: str, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{OLD} localhost\n", encoding="ascii")
    mounted = 'mount --bind "$0" /etc/hosts && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mounted, str(hosts)]
    command += [sys.executable, "-m", "tests.scenarios.clients.moving_target", "/etc/hosts", client, way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout) == {
        "follows although the old address still answers": True,
        "spread": ["ok welcome"] * 6,
        "spread over": [3, 3],
        "moved": ["ok welcome"] * 2,
        "moved to": [0, 2],
    }
