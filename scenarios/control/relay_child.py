"""The relay beside a load generator: started before its first connection, asked at the end how it did."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

import msgspec

from scenarios.authority import authority_of
from scenarios.child_environment import child_environment
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.errors import HarnessError
from scenarios.exit_codes import EXIT_BROKEN_PROMISE
from scenarios.exit_words import how_ended
from scenarios.options import Settings
from scenarios.plan import Target
from scenarios.relay.report import Report
from scenarios.run_file import RelayEntry

_REPORT_TIMEOUT_S: Final = 10.0


class RelayEnd(NamedTuple):
    """How a relay ended.

    Attributes:
        entry: Its report, for `run.json`; None if it left none.
        problems: What makes the run void, a sentence each.
    """

    entry: RelayEntry | None
    problems: list[str]


def start_relay(settings: Settings, target: Target) -> Child:
    """Start the relay that adds the arms' delay.

    Raises:
        HarnessError: If it does not start.
    """
    child = start_child(
        "relay",
        module_command("scenarios.relay", *relay_arguments(settings, target)),
        environment=child_environment(os.environ, named=settings.secret_variables),
    )
    if "port" not in child.ready:
        child.stop()
        raise HarnessError("The relay's ready line names no port.")
    return child


def relay_arguments(settings: Settings, target: Target) -> list[str]:
    """The relay's part of the options, as its command line."""
    arguments = ["--target", authority_of(target.host, target.port), "--seed", str(settings.seed), "--exit-with-stdin"]
    arguments += ["--jitter-ms", str(settings.relay_jitter_ms)]
    arguments += ["--stall-ratio", str(settings.relay_stall_ratio), "--stall-ms", str(settings.relay_stall_ms)]
    return [*arguments, "--bandwidth-kbit", str(settings.relay_bandwidth_kbit)]


def stop_relay(child: Child) -> RelayEnd:
    """End the relay, and hear how it did."""
    child.close_input()
    status, output = child.finish(_REPORT_TIMEOUT_S)
    if status is None:
        child.stop()
        return RelayEnd(None, ["The relay did not end when it was told to."])
    return relay_end(status, output)


def relay_end(status: int, output: str) -> RelayEnd:
    """What a relay's exit status and the rest of its output say."""
    report = _last_report(output)
    entry = None if report is None else _as_entry(report)
    if status not in (0, EXIT_BROKEN_PROMISE):
        return RelayEnd(entry, [f"The relay {how_ended(status)}."])
    if report is None:
        return RelayEnd(None, ["The relay ended without its report: how well it kept the arms' delays is not known."])
    if status == 0:
        return RelayEnd(entry, [])
    sentence = (
        f"The relay delayed by {report.error_p99_s or 0:.4f} s more than asked (99th percentile) and noticed data "
        f"{report.read_p99_s or 0:.4f} s late, where it promises {report.promise_s:g} s, so the delay arms were "
        "not what their rows say: this machine is too busy (fewer users, or another core for the relay)."
    )
    return RelayEnd(entry, [sentence])


def _last_report(output: str) -> Report | None:
    lines = output.strip().splitlines()
    try:
        return msgspec.json.decode(lines[-1], type=Report) if lines else None
    except msgspec.DecodeError:
        return None


def _as_entry(report: Report) -> RelayEntry:
    return RelayEntry(
        connections=report.connections,
        failed=report.failed,
        chunks=report.chunks,
        error_p50_ms=_ms(report.error_p50_s),
        error_p99_ms=_ms(report.error_p99_s),
        error_max_ms=_ms(report.error_max_s),
        read_p99_ms=_ms(report.read_p99_s),
        promise_ms=report.promise_s * 1000.0,
        is_kept=report.is_kept,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000.0, 3)
