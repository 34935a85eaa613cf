"""How fast a server's log is read, and that memory does not grow with it: `python -m bench.server_log [--gb 1]`.

A run of a thousand connects, and a log that tells of it and of a hundred times as much besides: other users, other
hours, every message. Read at one size and at four times that size, each in a process of its own: what is compared is
their peak memory. Plain and gzip; as JSON lines and as one JSON array.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from analysis.server_log.gathered import gathered
from analysis.server_log.join import joined
from analysis.server_log.read import Counts, open_logs
from analysis.server_log.waits import Connect, Who

START_S = 1_790_000_040
CONNECTS = 1_000
MB = 1_000_000
FORMS = ("JSON lines", "JSON array", "gzip")
WHO = Who("Linux", "websocket-client", 0.0, "instance-0")


def connects() -> list[Connect]:
    """Of the run: one a tenth of a second."""
    return [
        Connect(
            worker="w",
            connection=number,
            subject=f"soak-user-{number:04}",
            named=f"ws_soak-use_{START_S + number // 10}_{number:08x}",
            trace=None,
            port=20_000 + number,
            from_s=START_S + number / 10,
            asked_s=START_S + number / 10 + 0.001,
            answered_s=START_S + number / 10 + 0.01,
            until_s=START_S + number / 10 + 0.25,
            outcome="ok",
            cause=None,
            lost_at=None,
            rtt_s=0.001,
            who=WHO,
        )
        for number in range(CONNECTS)
    ]


def records(size: int) -> Iterator[bytes]:
    """Lines of together so many bytes: the run's sessions first, then others', with forty messages each."""
    written, number = 0, 0
    while written < size:
        at_s = START_S + number / 10
        # From the second run's worth on they are somebody else's, of later hours.
        user = f"soak-user-{number:04}" if number < CONNECTS else f"other-user-{number}"
        name = f"ws_{user[:8]}_{int(at_s)}_{number:08x}"
        texts = [
            f'127.0.0.1:{20_000 + number % 40_000} - "WebSocket /ws" [accepted]',
            "SSOT AUTHENTICATION: Starting",
            f"[OK] SSOT AUTHENTICATION SUCCESS: user={user[:8]}..., client_id={name}",
            f"WebSocket authenticated for user: {user} at {datetime.fromtimestamp(at_s, UTC).isoformat()}",
            f"Registered connection with isolated manager: {name}",
            f"Entering message handling loop for connection: {name} (user: {user})",
        ]
        for _ in range(20):
            texts += [f"Routing message type 'ping' from {user}: {{}}", f"Message routing successful for user {user}"]
        for place, text in enumerate(texts):
            at = datetime.fromtimestamp(at_s + place / 100, UTC).isoformat()
            labels = {"module": "server", "function": "run", "line": "80", "instance": "instance-0"}
            line = json.dumps({"severity": "INFO", "message": text, "timestamp": at, "labels": labels}).encode()
            written += len(line) + 2
            yield line
        number += 1


def write(file: BinaryIO, size: int, *, is_array: bool) -> None:
    between = b",\n" if is_array else b"\n"
    file.write(b"[" if is_array else b"")
    file.writelines((between if number else b"") + line for number, line in enumerate(records(size)))
    file.write(b"]\n" if is_array else b"\n")


def measure(path: Path) -> str:
    """Read a log for the run, in this process: seconds of a core, peak memory, and what was joined."""
    mine = connects()
    counts = Counts()
    began_s = time.process_time()
    found = joined(gathered(open_logs([path]).events(counts), mine), mine)
    took_s = time.process_time() - began_s
    assert len(found.seen) == len(mine), f"{len(found.seen)} of {len(mine)} connects were joined"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{took_s:.1f} {peak:.0f} {counts.lines}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=1.0, help="size of the larger log (1)")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS, help="which (all)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(options.measure))
        return 0
    largest = int(options.gb * 1000 * MB)
    print("| log | MB | lines | s of a core | MB/s | peak memory, MB |\n|---|---|---|---|---|---|", flush=True)
    peaks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="wsoak-log-") as folder:
        for form in options.forms:
            for size in (largest // 4, largest):
                path = Path(folder) / "server.log"
                with gzip.open(path, "wb", compresslevel=1) if form == "gzip" else path.open("wb") as file:
                    write(file, size, is_array=form == "JSON array")  # type: ignore[arg-type]
                command = [sys.executable, "-m", "bench.server_log", "--measure", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"The log of {size / MB:,.0f} MB was not read: {done.stderr}")
                took_s, peak, lines = map(float, done.stdout.split())
                peaks.setdefault(form, []).append(peak)
                read = f"{size / MB:,.0f} | {lines:,.0f} | {took_s:.1f} | {size / MB / took_s:.0f}"
                print(f"| {form} | {read} | {peak:.0f} |", flush=True)
    grown = {form: after / before for form, (before, after) in peaks.items()}
    print(f"Memory at four times the size: {', '.join(f'{form} {ratio:.2f}' for form, ratio in grown.items())} times.")
    return 1 if max(grown.values()) > 1.2 else 0


if __name__ == "__main__":
    sys.exit(main())
