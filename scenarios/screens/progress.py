"""The line that a headless soak prints while it goes on."""

from __future__ import annotations

from scenarios.plan import Tally

EVERY_S = 10.0


def progress_line(*, elapsed_s: float, run_time_s: float | None, users: int, tally: Tally, lag_s: float | None) -> str:
    """How far the run is and how it goes: counts since its start, the generator's largest delay of late.

    Args:
        elapsed_s: Since the start.
        run_time_s: As planned; None = until stopped.
        users: Virtual users now.
        tally: Attempts so far.
        lag_s: The largest delay of this process's loop since the last line; None = elsewhere (workers).
    """
    of = f" of {_clock(run_time_s)}" if run_time_s else ""
    lag = "" if lag_s is None else f"; generator late by at most {lag_s * 1000:.0f} ms"
    return (
        f"wsoak {_clock(elapsed_s)}{of}: {users} users, {tally.started:,} attempts: {tally.ok:,} ok, "
        f"{tally.timeout:,} timed out, {tally.failed:,} failed{lag}"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
