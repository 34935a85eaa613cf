"""The relay beside a load generator: started before its first connection, asked at the end how it did."""

from __future__ import annotations

from typing import Final

import msgspec

from scenarios.children import Child, module_command, start_child
from scenarios.errors import HarnessError
from scenarios.options import Settings
from scenarios.plan import Target

_REPORT_TIMEOUT_S: Final = 10.0
_EXIT_BROKEN_PROMISE: Final = 3


def start_relay(settings: Settings, target: Target) -> Child:
    """Start the relay that adds the arms' delay.

    Raises:
        HarnessError: If it does not start.
    """
    host = f"[{target.host}]" if ":" in target.host else target.host
    arguments = ["--target", f"{host}:{target.port}", "--seed", str(settings.seed), "--exit-with-stdin"]
    child = start_child("relay", module_command("scenarios.relay", *arguments))
    if "port" not in child.ready:
        child.stop()
        raise HarnessError("The relay's ready line names no port.")
    return child


def stop_relay(child: Child) -> list[str]:
    """End the relay. Returns what makes the run void, a sentence each."""
    child.close_input()
    status, output = child.finish(_REPORT_TIMEOUT_S)
    if status is None:
        child.stop()
        return ["The relay did not end when it was told to."]
    if status == 0:
        return []
    if status == _EXIT_BROKEN_PROMISE:
        report = msgspec.json.decode(output.strip().splitlines()[-1])
        return [
            f"The relay delayed by {report['error_p99_s']:.4f} s more than asked (99th percentile) and noticed data "
            f"{report['read_p99_s']:.4f} s late, where it promises {report['promise_s']:g} s, so the delay arms were "
            "not what their rows say: this machine is too busy (fewer users, or another core for the relay)."
        ]
    return [f"The relay ended with exit status {status}."]
